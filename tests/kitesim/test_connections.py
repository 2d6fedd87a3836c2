"""Connections to the simulator: idle ones are closed, and a slow one holds up no other."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from alphapanda.kitesim import serving
from alphapanda.kitesim.listings import listings_of
from alphapanda.kitesim.market import Market
from alphapanda.kitesim.ticker import QUEUE, Hub

PATIENCE_S = 60.0
TICKS = 2_000


def test_an_idle_connection_is_closed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls go over one connection; then, with nothing asked, the client reads its end."""
    monkeypatch.setattr(serving, "KEEPALIVE_S", 0.2)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"status": "success"})

    async def ask() -> bytes:
        app = web.Application()
        app.router.add_get("/", answer)
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
            port = await serving.listen(stack, app, 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(2):
                writer.write(b"GET / HTTP/1.1\r\nHost: sim\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                await reader.readexactly(len(json.dumps({"status": "success"})))
            rest = await reader.read()
            writer.close()
            return rest

    assert asyncio.run(ask()) == b""


def test_a_client_that_does_not_read_delays_no_other() -> None:
    """The one gets every tick while the other's send does not return, and keeps a bounded queue."""
    listings, _ = listings_of([f"NSE:S{n}" for n in range(8)], [])
    market = Market(listings.all, bars=False)
    hub = Hub(market, lambda: None)
    tokens = [listing.token for listing in listings.all]
    got: list[bytes] = []

    class Reads:
        async def send_bytes(self, data: bytes) -> None:
            got.append(data)

        async def send_str(self, data: str) -> None:
            raise AssertionError(data)

    class Stuck(Reads):
        async def send_bytes(self, data: bytes) -> None:
            await asyncio.Event().wait()
            got.append(data)

    async def run() -> int:
        slow, fast = hub.open("token"), hub.open("token")
        assert slow is not None
        assert fast is not None
        for connection in (slow, fast):
            hub.take(connection, json.dumps({"a": "mode", "v": ["ltp", tokens]}))
        tasks = [asyncio.create_task(c.send(w)) for c, w in ((slow, Stuck()), (fast, Reads()))]
        for n in range(TICKS):
            for number in range(len(tokens)):
                hub.publish(market.see(number, {"ts": 10**18 + n, "last": 15_000_000 + 500 * n}))
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(slow._packets)

    waiting = asyncio.run(run())
    packets = sum(int.from_bytes(message[:2], "big") for message in got)
    assert packets >= TICKS * len(tokens)
    assert waiting <= QUEUE
