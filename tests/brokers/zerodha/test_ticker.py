"""A connection is dialled, watched and dialled again, whatever is done to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.zerodha import ticker
from alphapanda.brokers.zerodha.dialling import Dialling, Limits
from alphapanda.brokers.zerodha.ticker import LARGEST, Session, State, Ticker
from tests.support.kite_ticker import (
    Act,
    Desk,
    close,
    cut,
    desk,
    framed,
    full,
    send,
    silent,
    stay,
)

TOKENS = (408065, 256265)
HASTY = Limits(
    first_wait_s=0.01, most_wait_s=0.05, crowded_s=0.1, silence_s=0.3, no_ticks_s=0.2, token_s=0.02,
    dials=10_000,
)  # fmt: skip
SECRET = "a-token+that/no=log-shows"


class Client:
    """A ticker, and what it took and noticed."""

    def __init__(self, url: str, **more: Any) -> None:
        self.session: Session | None = Session("simkey", SECRET)
        self.frames: list[bytes] = []
        self.noticed: list[tuple[str, str]] = []
        self.changed = asyncio.Event()
        self.ticker = Ticker(
            url, np.array(TOKENS), self._newest, self._take, noticed=self._notice,
            **{"limits": HASTY, **more},
        )  # fmt: skip

    async def _newest(self) -> Session | None:
        return self.session

    def _take(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.changed.set()

    def _notice(self, what: str, why: str) -> None:
        self.noticed.append((str(what), why))
        self.changed.set()

    async def until(self, done: Callable[[], object]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(60):
            while not done():
                self.changed.clear()
                await self.changed.wait()


def played(
    *acts: Act | int, done: Callable[[Client, Desk], object], then: Any = None, **more: Any
) -> tuple[Client, Desk]:
    """Run a client against a server until something holds."""

    async def play() -> tuple[Client, Desk]:
        async with desk(*acts) as server:
            client = Client(server.url, **more)
            task = asyncio.create_task(client.ticker.run())
            try:
                await client.until(lambda: done(client, server))
                if then is not None:
                    await then(client, server)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            return client, server

    return asyncio.run(play())


def opened(times: int) -> Callable[[Client, Desk], bool]:
    return lambda client, _: [what for what, _ in client.noticed].count("open") >= times


def test_it_subscribes_once_and_takes_frames() -> None:
    """Numbers in text, a mode for all; frames come as they are, heartbeats are counted."""
    frame = framed(full(408065, 157_315))
    client, server = played(
        send(frame, b"\x00", frame), done=lambda client, _: len(client.frames) == 2
    )
    assert client.frames == [frame, frame]
    assert server.messages == [[
        {"a": "subscribe", "v": [*TOKENS]}, {"a": "mode", "v": ["full", [*TOKENS]]},
    ]]  # fmt: skip
    assert server.queries == [{"api_key": ["simkey"], "access_token": [SECRET]}]
    assert server.headers[0]["X-Kite-Version"] == "3"
    assert "Sec-WebSocket-Extensions" not in server.headers[0]
    assert client.ticker.state is State.STOPPED


ENDS: list[tuple[Act | int, str]] = [
    (close(1000), "closed 1000"), (close(1001), "closed 1001"), (close(1011), "closed 1011"),
    (close(4001), "closed 4001"), (cut, "closed 1006"), (silent, "silent"), (503, "status 503"),
    (302, "status 302"), (500, "status 500"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "why"), ENDS)
def test_every_end_leads_to_another_dial(act: Act | int, why: str) -> None:
    """Clean or not, silent or refused: it is counted, dialled again, and subscribed once more."""
    client, server = played(act, stay, done=opened(1 if isinstance(act, int) else 2))
    assert client.ticker.seen.ended[why] == 1
    assert client.ticker.seen.dials == 2
    last = server.messages[-1]
    assert [message["a"] for message in last] == ["subscribe", "mode"]
    assert len(server.queries) == 2, "a redirect is not followed"


def test_heartbeats_without_ticks_are_a_dead_feed_while_the_market_is_open() -> None:
    """Alive but without a tick: dropped in open hours only."""
    client, _ = played(stay, stay, done=opened(2), market_open=lambda: True)
    assert client.ticker.seen.ended["no ticks"] >= 1

    async def wait(_: Client, __: Desk) -> None:
        await asyncio.sleep(0.5)

    calm, _ = played(stay, done=opened(1), then=wait)
    assert calm.ticker.seen.dials == 1


@pytest.mark.parametrize("act", [403, 401, close(1008, "TokenException: session over")])
def test_a_refused_session_is_not_tried_again(act: Act | int) -> None:
    """One AUTH_LOST; only another session is dialled with, which the store has after a login."""

    async def log_in(client: Client, server: Desk) -> None:
        await asyncio.sleep(0.2)
        assert len(server.queries) == 1
        client.session = Session("simkey", "another")
        await client.until(lambda: client.ticker.state is State.OPEN)

    lost = lambda client, _: client.ticker.state is State.AUTH_LOST  # noqa: E731
    client, server = played(act, stay, done=lost, then=log_in)
    assert [query["access_token"] for query in server.queries] == [[SECRET], ["another"]]
    assert [what for what, _ in client.noticed].count("auth_lost") == 1


def test_too_many_connections_are_waited_for() -> None:
    """A 429 says who is to blame, and takes longer than any other failure."""
    client, _ = played(429, stay, done=opened(1))
    assert any("another program" in why for _, why in client.noticed)


TEXTS = [
    '{"type": "order", "data": {"order_id": "1", "status": "COMPLETE"}}',
    '{"type": "order", "order_id": "2", "status": "REJECTED", "meta": {}}',
    '{"type": "error", "data": "too many tokens"}', '{"type": "message", "data": "hello"}',
    '{"type": "zzz"}', "not json", "[1]", "null", '"x"', "", '{"type": ["x"]}', "[" * 5_000,
    '{"type": "order", "data": [1]}', "\ufeff{}",
]  # fmt: skip


def test_no_text_ends_the_connection() -> None:
    """Orders, flat or not, errors, and what nobody knows: noticed or counted, and it goes on."""
    client, _ = played(
        send(*TEXTS, framed(full(408065, 1))), done=lambda client, _: len(client.frames) == 1
    )
    assert client.ticker.seen.dials == 1
    assert client.ticker.seen.texts.total() == len(TEXTS)
    orders = [why for what, why in client.noticed if what == "order"]
    assert orders[:2] == ["1", "2"]
    assert ("error", "too many tokens") in client.noticed


def test_no_log_has_the_token(caplog: pytest.LogCaptureFixture) -> None:
    """Not even where everything is logged, and the connection is refused."""
    caplog.set_level(logging.DEBUG)
    played(503, send(framed(full(408065, 1))), done=lambda client, _: client.frames)
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    text = "\n".join(record.getMessage() for record in ours)
    assert SECRET not in text
    assert "access_token" not in text


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of the environment do not change where a connection goes."""
    for name in ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client, _ = played(stay, done=opened(1))
    assert client.ticker.seen.dials == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 120), st.booleans()), max_size=120))
def test_dials_are_bounded_whatever_happens(ends: list[tuple[float, bool]]) -> None:
    """At most 20 in 5 minutes, waits that grow to 30 s, and from the start after 30 s of data."""
    now = [0.0]
    limits = Limits()
    dialling = Dialling(limits, lambda: now[0], lambda: 0.5)
    dials: list[float] = []
    failed = 0
    for data_s, crowded in ends:
        wait = dialling.wait_s(crowded=crowded)
        plain = min(2.0 ** max(failed - 1, 0), 30.0) if failed else 0.0
        assert wait >= max(plain, 60.0 if crowded else 0.0)
        now[0] += wait
        dials.append(now[0])
        now[0] += data_s
        failed = 1 if data_s >= 30 else failed + 1
        dialling.lost(data_s)
    windows = zip(dials, dials[limits.dials :], strict=False)
    assert all(after - before >= 300 - 1e-6 for before, after in windows)


def test_a_session_has_no_repr() -> None:
    """What may stand in a traceback does not show the token."""
    assert SECRET not in repr(Session("simkey", SECRET))


LARGE = framed(*[full(token, 100) for token in range(3_000)]) + bytes(1_200_000 - 558_002)


def test_messages_of_two_mebibytes_are_read_and_no_extension_is_offered() -> None:
    """A larger one closes the connection, which is dialled again; nothing is deflated."""
    assert len(LARGE) == 1_200_000
    client, server = played(
        send(LARGE, bytes(LARGEST), bytes(LARGEST + 1)), stay,
        done=opened(2),
    )  # fmt: skip
    assert [len(frame) for frame in client.frames[:2]] == [len(LARGE), LARGEST]
    assert not any("Sec-WebSocket-Extensions" in headers for headers in server.headers)
    assert ("dialling", "closed 1009") in client.noticed


def test_a_server_that_answers_no_ping_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line behind the watchdog: heartbeats come, answers do not."""
    monkeypatch.setattr(ticker, "PING_S", 0.1)

    async def deaf(desk: Desk, connection: Any) -> None:
        connection.transport.pause_reading()  # the client's pings stay unread
        async with desk.came:
            await desk.came.wait_for(lambda: len(desk.messages) > 1)
        connection.transport.abort()

    patient = Limits(
        first_wait_s=0.01, most_wait_s=0.05, crowded_s=0.1, silence_s=30.0, no_ticks_s=30.0,
        token_s=0.02, dials=10_000,
    )  # fmt: skip
    client, _ = played(deaf, stay, done=opened(2), limits=patient)
    assert any("1011" in why for what, why in client.noticed if what == "dialling")
