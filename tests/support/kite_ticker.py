"""A small server of Kite's ticks that does to a connection what a test says."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve

HEARTBEAT = b"\x00"
Act = Callable[["Desk", ServerConnection], Awaitable[None]]


def full(token: int, last: int, *, stamp: int = 0, volume: int = 1, **more: int) -> bytes:
    """Return a packet of all fields; prices in the segment's unit."""
    sound = max(last, 10)
    bid, ask = more.get("bid", sound - 5), more.get("ask", sound + 5)
    head = (token, last, more.get("qty", 1), sound, volume, 10, 10, sound, sound, sound, sound)
    body = struct.pack(">Ii9I", *head) + struct.pack(">5I", stamp, more.get("oi", 0), 0, 0, stamp)
    for price in [bid] * 5 + [ask] * 5:
        body += struct.pack(">IIHH", 7, price, 1, 0)
    return body


def framed(*bodies: bytes) -> bytes:
    """Return packets as a message."""
    parts = [struct.pack(">H", len(body)) + body for body in bodies]
    return struct.pack(">H", len(bodies)) + b"".join(parts)


class Desk:
    """The server: what each connection asked for, in order, and what is done to it."""

    def __init__(self, acts: list[Act | int]) -> None:
        self.acts = acts
        """For each connection in turn, the last for all that follow; a number refuses it."""
        self.tokens: list[str] = []
        self.queries: list[dict[str, list[str]]] = []
        self.headers: list[Any] = []
        self.messages: list[list[Any]] = []
        self.came = asyncio.Condition()
        self.url = ""

    def act(self) -> Act | int:
        """Return what is done to the newest connection."""
        return self.acts[min(len(self.queries), len(self.acts)) - 1]

    def request(self, connection: ServerConnection, request: Any) -> Any:
        """Take a handshake, or refuse it."""
        self.queries.append(parse_qs(urlsplit(request.path).query))
        self.headers.append(request.headers)
        act = self.act()
        if isinstance(act, int):
            answer = connection.respond(HTTPStatus(act), "no\n")
            if act == 302:
                answer.headers["Location"] = "/elsewhere"
            return answer
        return None

    async def talk(self, connection: ServerConnection) -> None:
        """Take what a client subscribes to, then do what the test says."""
        said: list[Any] = []
        self.messages.append(said)
        while len(said) < 2:
            message = await connection.recv()
            assert isinstance(message, str), "commands are text"
            said.append(json.loads(message))
        async with self.came:
            self.came.notify_all()
        act = self.act()
        assert not isinstance(act, int)
        await act(self, connection)


@asynccontextmanager
async def desk(*acts: Act | int) -> AsyncIterator[Desk]:
    """Give a server that runs."""
    made = Desk([*acts])
    async with serve(
        made.talk,
        "127.0.0.1",
        0,
        process_request=made.request,
        compression=None,
        ping_interval=None,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        made.url = f"ws://127.0.0.1:{port}"
        yield made


async def stay(_: Desk, connection: ServerConnection) -> None:
    """Send heartbeats until the client leaves."""
    while True:
        await connection.send(HEARTBEAT)
        await asyncio.sleep(0.02)


async def silent(_: Desk, connection: ServerConnection) -> None:
    """Keep the connection, and say nothing."""
    await connection.wait_closed()


def close(code: int, reason: str = "") -> Act:
    """Return what closes a connection with a code."""

    async def act(_: Desk, connection: ServerConnection) -> None:
        await connection.close(code, reason)

    return act


async def cut(_: Desk, connection: ServerConnection) -> None:
    """End the connection without a word."""
    connection.transport.abort()


def send(*messages: bytes | str) -> Act:
    """Return what sends messages and stays."""

    async def act(desk: Desk, connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        await stay(desk, connection)

    return act


@contextmanager
def ticking(act: Act) -> Iterator[str]:
    """Run a server on a thread of its own; give its address."""
    loop = asyncio.new_event_loop()
    address: Future[str] = Future()
    leave = asyncio.Event()

    async def live() -> None:
        async with desk(act) as made:
            address.set_result(made.url)
            await leave.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    try:
        yield address.result(60)
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()
        loop.close()
