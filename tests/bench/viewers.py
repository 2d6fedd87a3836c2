"""Those who watch: five streams for each cookie, each of other instruments, until the input ends.

A process of its own that imports little, so that it begins soon and what it costs is nobody else's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

STREAMS = 5
"""As many as one user may have."""
SHOWN = 200
"""Instruments that each looks at: as many as one may."""
TOPICS = "board,activity,alerts,health,pipeline"
"""Those of the page."""


async def main(address: str, instruments: int, cookies: list[str]) -> None:
    """Open the streams, read them, and print what one saw a second."""
    host, _, port = address.removeprefix("http://").partition(":")
    seen: list[bytes] = []
    sizes: list[int] = []
    open_ = asyncio.Semaphore(0)

    async def watch(number: int) -> None:
        shown = ",".join(f"NSE:W{(number * 59 + at) % instruments:04}" for at in range(SHOWN))
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET /api/v1/stream?topics={TOPICS}&names={shown} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Cookie: {cookies[number // STREAMS]}\r\n\r\n".encode()
        )
        told = await reader.readline()
        assert b" 200 " in told, told + await reader.read(2_000)
        open_.release()
        while got := await reader.read(65_536):
            sizes.append(len(got))
            if number == 0:
                seen.append(got)

    streams = [asyncio.create_task(watch(at)) for at in range(STREAMS * len(cookies))]
    for _ in streams:
        await asyncio.wait_for(open_.acquire(), 30)
    print("watching", flush=True)
    begun = time.perf_counter()
    await asyncio.to_thread(sys.stdin.read)
    spent = time.perf_counter() - begun
    ended = sum(each.done() for each in streams)
    assert not ended, f"{ended} streams have ended"
    for each in streams:
        each.cancel()
    await asyncio.wait(streams)
    text = b"".join(seen)
    print(json.dumps({
        "bytes": sum(sizes) / spent / len(streams), "frames": text.count(b"event: board") / spent,
        "changes": text.count(b'"ticks"') / spent,
    }))  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
