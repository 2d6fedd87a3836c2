"""The ticker's wire: handshakes, modes, heartbeats, and clients that fall behind."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from alphapanda.kitesim.listings import listings_of
from alphapanda.kitesim.market import Market
from alphapanda.kitesim.packets import HEARTBEAT
from alphapanda.kitesim.rest import is_loopback
from alphapanda.kitesim.script import Fault
from alphapanda.kitesim.ticker import QUEUE, TEXTS, TOKENS, Connection, Hub
from tests.kitesim.test_shapes import Client
from tests.support.kitesim import INFY, NIFTY, Server

PATIENCE_S = 60


@pytest.fixture
def address(server: Server) -> str:
    """Return the ticker's address with a living token."""
    token = Client(server).session["data"]["access_token"]
    return f"{server.facts['ws']}/?api_key={server.facts['api_key']}&access_token={token}"


def dial(address: str) -> ClientConnection:
    """Connect to the ticker."""
    return connect(address, proxy=None, compression=None, open_timeout=PATIENCE_S)


def refusal(address: str) -> int:
    """Return the status that refuses a handshake."""
    with pytest.raises(InvalidStatus) as refused, dial(address):
        pass
    return refused.value.response.status_code


def test_handshakes_are_refused_as_kite_does(address: str) -> None:
    """403 for a bad token or key, 429 for a fourth connection; those that stand are not touched."""
    assert refusal(address + "x") == 403
    assert refusal(address.replace("simulator", "abcd")) == 403
    with ExitStack() as stack:
        lines = [stack.enter_context(dial(address)) for _ in range(3)]
        assert refusal(address) == 429
        for line in lines:
            assert line.recv(PATIENCE_S) == HEARTBEAT


def test_subscribing_sends_the_cached_quote(address: str) -> None:
    """A bare subscribe is quote mode, with what is known at once; tokens as text are ignored."""
    with dial(address) as line:
        assert not line.response or not line.response.headers.get("Sec-WebSocket-Extensions")
        line.send(json.dumps({"a": "subscribe", "v": [str(INFY)]}))
        line.send("no JSON")
        line.send("[1]")
        assert line.recv(PATIENCE_S) == HEARTBEAT
        line.send(json.dumps({"a": "subscribe", "v": [INFY, NIFTY]}))
        frame = line.recv(PATIENCE_S)
        while frame == HEARTBEAT:
            frame = line.recv(PATIENCE_S)
        assert isinstance(frame, bytes)
        assert (frame[:2], len(frame)) == (b"\x00\x02", 2 + 2 + 44 + 2 + 28)


def test_a_connection_may_close_right_after_its_handshake(address: str, server: Server) -> None:
    """The client sees an orderly close; the next connection stands."""
    server.go_wrong(do="close-after-handshake", call=1)
    with pytest.raises(ConnectionClosed), dial(address) as line:
        line.recv(PATIENCE_S)
    with dial(address) as line:
        assert line.recv(PATIENCE_S) == HEARTBEAT


def test_a_slow_client_keeps_the_latest_of_each_instrument() -> None:
    """The queue is bounded: what is left out is counted, and the newest packets remain in order."""
    connection = Connection("token")
    for n in range(QUEUE + 1):
        connection.put(n % 3, n.to_bytes(4, "big"))
    assert connection.conflated == QUEUE + 1 - 3
    sent: list[bytes] = []

    class Wire:
        async def send_bytes(self, data: bytes) -> None:
            sent.append(data)
            connection.leave(None)

        async def send_str(self, data: str) -> None:
            raise AssertionError(data)

    asyncio.run(connection.send(Wire()))
    assert [int.from_bytes(sent[0][at : at + 4], "big") for at in (4, 10, 16)] == [
        QUEUE - 2, QUEUE - 1, QUEUE,
    ]  # fmt: skip
    for _ in range(TEXTS + 1):
        connection.put_text("x")
    assert connection.overflown


def test_only_this_machine_is_served() -> None:
    """A peer that is not on loopback is none, whatever address it came to."""
    assert all(is_loopback(peer) for peer in ("127.0.0.1", "127.8.8.8", "::1"))
    assert not any(is_loopback(peer) for peer in (None, "10.0.0.7", "203.0.113.5", "fe80::1"))


def test_a_connection_has_at_most_3000_instruments() -> None:
    """What is beyond is left out, and an error text says so; the connection lives."""
    listings, _ = listings_of([f"NSE:S{n}" for n in range(TOKENS + 5)], [])
    market = Market(listings.all, bars=False)
    begun: list[int] = []
    hub = Hub(market, lambda: begun.append(1))
    connection = hub.open("token")
    assert connection is not None
    tokens = [listing.token for listing in listings.all]
    hub.take(connection, json.dumps({"a": "subscribe", "v": tokens}))
    assert len(connection.modes) == TOKENS
    assert begun == [1]
    hub.close(connection)
    assert hub.connections == []


@pytest.mark.parametrize(("do", "packets"), [
    ("drop-tick", 0), ("double-tick", 2), ("absurd-tick", 1), ("zero-time", 1), ("odd-packet", 2),
])  # fmt: skip
def test_ticks_go_wrong_as_the_script_says(do: str, packets: int) -> None:
    """A tick is lost, doubled, out of this world, or comes with a packet that nobody knows."""
    listings, _ = listings_of(["NSE:INFY"], [])
    market = Market(listings.all, bars=False)
    hub = Hub(market, lambda: None)
    connection = hub.open("token")
    assert connection is not None
    hub.take(connection, json.dumps({"a": "mode", "v": ["full", [listings.all[0].token]]}))
    hub.spoil = lambda _: Fault(do)
    hub.publish(market.see(0, {"ts": 10**18, "last": 15_000_000}))
    waiting = connection._packets
    assert len(waiting) == packets
    if do == "absurd-tick":
        assert int.from_bytes(waiting[0][1][4:8], "big") == 1_500_000
    if do == "zero-time":
        assert waiting[0][1][60:64] == bytes(4)
    assert market.quotes[0].last == 15_000_000
