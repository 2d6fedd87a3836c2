"""A way to a server that a test disturbs: nothing passes, answers come late, lines are cut."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

from tests.support.servers.process import HOST

CHUNK = 65_536
LOOK_S = 0.005
RESET = struct.pack("ii", 1, 0)
"""Closed with this, a connection is not ended but broken."""


class Proxy:
    """Carries bytes between clients and the server of an address, on a thread of its own.

    What a blackhole swallowed arrives once it is healed, as it does when a network comes back: a
    COMMIT that nobody waits for any more, an answer to a question that was given up.
    """

    def __init__(self, url: str) -> None:
        before, _, rest = url.rpartition(f"{HOST}:")
        far, slash, name = rest.partition("/")
        self._far = int(far)
        self._url = f"{before}{HOST}:{{}}{slash}{name}"
        self._blocked, self._late_s, self._piece = False, 0.0, CHUNK
        self._due: tuple[int, Callable[[], None]] | None = None
        self._lines: set[asyncio.WriteTransport] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._leave: asyncio.Event
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy")

    @property
    def url(self) -> str:
        """Return the server's address by way of this."""
        return self._url.format(self._near)

    def blackhole(self) -> None:
        """Accept whatever comes and let nothing through, either way."""
        self._blocked = True

    def delay(self, seconds: float, *, piece: int = CHUNK) -> None:
        """Let each piece of an answer, of so many bytes, come late, one after the other."""
        self._late_s, self._piece = seconds, piece

    def cut(self) -> None:
        """Reset all connections that are open; new ones are served."""
        self._loop.call_soon_threadsafe(self._cut)

    def after(self, answers: int, do: Callable[[], None]) -> None:
        """Do something as soon as so many further answers, or parts of them, have passed."""
        self._due = answers, do

    def heal(self) -> None:
        """Let everything through again, first what was held up."""
        self._blocked, self._late_s, self._piece, self._due = False, 0.0, CHUNK, None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._met, HOST, 0)
        self._near = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._leave.wait()
        server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [writer.transport]
        self._lines.update(lines)
        try:
            await self._open()
            far_reader, far_writer = await asyncio.open_connection(HOST, self._far)
            lines.append(far_writer.transport)
            self._lines.update(lines)
            await asyncio.gather(
                self._carry(reader, far_writer), self._carry(far_reader, writer, answers=True)
            )
        except OSError:
            pass  # the server is down, or a side is gone: the other hears it now
        finally:
            for line in lines:
                line.close()
            self._lines.difference_update(lines)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:  # fmt: skip
        while chunk := await reader.read(CHUNK):
            size = self._piece if answers else CHUNK
            for start in range(0, len(chunk), size):
                await asyncio.sleep(self._late_s if answers else 0)
                await self._open()
                writer.write(chunk[start : start + size])
                await writer.drain()
            if answers and self._due is not None:
                self._count(*self._due)
        await self._open()
        if writer.can_write_eof():
            writer.write_eof()

    async def _open(self) -> None:
        while self._blocked:  # noqa: ASYNC110 (another thread says so)
            await asyncio.sleep(LOOK_S)

    def _count(self, left: int, do: Callable[[], None]) -> None:
        self._due = (left - 1, do) if left > 1 else None
        if self._due is None:
            do()

    def _cut(self) -> None:
        for line in [each for each in self._lines if not each.is_closing()]:
            line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            line.abort()
