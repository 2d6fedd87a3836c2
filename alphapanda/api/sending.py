"""How a stream's frames leave: each within a time, so that who reads nothing is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from alphapanda.api.clients import SLOW, Client
from alphapanda.api.frames import Frame
from alphapanda.api.hub import Hub

SEND_S = 5.0
PIECE = 65_536
FIRST = b"retry: 2000\n\n"


class EventStream(Response):
    """Server-Sent Events for one who watches, until he goes or is let go."""

    def __init__(self, hub: Hub, client: Client, first: list[Frame]) -> None:
        super().__init__(media_type="text/event-stream")
        self.hub, self.client, self.first = hub, client, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until there is an end."""
        going = asyncio.create_task(gone(receive, self.client))
        try:
            async with asyncio.timeout(SEND_S):
                await send({
                    "type": "http.response.start", "status": 200,
                    "headers": [
                        (b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"),
                        (b"x-accel-buffering", b"no"),
                    ],
                })  # fmt: skip
                text = FIRST + b"".join(frame.as_sse() for frame in self.first)
                await send({"type": "http.response.body", "body": text, "more_body": True})
            async for frames in self.client.frames():
                for some in pieces(frames):
                    async with asyncio.timeout(SEND_S):
                        await send({
                            "type": "http.response.body", "body": some, "more_body": True
                        })  # fmt: skip
            async with asyncio.timeout(SEND_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            self.client.bye = SLOW
            self.hub.cut_off(scope.get("client"))
        except OSError:
            pass
        finally:
            self.hub.leave(self.client)
            going.cancel()
            with suppress(asyncio.CancelledError):
                await going


def pieces(frames: Iterable[Frame]) -> Iterator[bytes]:
    """Yield frames as they are sent: many in a write, not so many that a slow line looks dead."""
    some, size = [], 0
    for frame in frames:
        text = frame.as_sse()
        some.append(text)
        size += len(text)
        if size >= PIECE:
            yield b"".join(some)
            some, size = [], 0
    if some:
        yield b"".join(some)


async def gone(receive: Receive, client: Client) -> None:
    """Notice that he has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    client.end("left")


async def send_all(socket: WebSocket, hub: Hub, client: Client, first: list[Frame]) -> None:
    """Send the same frames through a WebSocket; then close it."""
    try:
        for frame in first:
            await within(socket, frame)
        async for frames in client.frames():
            for frame in frames:
                await within(socket, frame)
        async with asyncio.timeout(SEND_S):
            await socket.close(1012 if client.bye == "restart" else 1008)
    except TimeoutError:
        client.bye = SLOW
        hub.cut_off(socket.scope.get("client"))
    except (WebSocketDisconnect, RuntimeError, OSError):
        pass


async def within(socket: WebSocket, frame: Frame) -> None:
    """Send a frame, in time."""
    async with asyncio.timeout(SEND_S):
        await socket.send_text(frame.as_text())
