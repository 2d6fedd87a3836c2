"""Kite's WebSocket, kept alive: dialled, subscribed once, watched, and dialled again."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from alphapanda import log
from alphapanda.brokers.zerodha.addresses import FAMILIES
from alphapanda.brokers.zerodha.answers import bounded
from alphapanda.brokers.zerodha.dialling import Dialling, Limits

LOG = log.get("zerodha.feed")
PER_CONNECTION = 3_000
LARGEST = 2 << 20
"""Bytes of a message; 3,000 packets of all fields are 558,002."""
CLOSE_S = 0.5
PING_S = 10.0
QUIET = logging.getLogger("alphapanda.websockets")
"""The library's lines at DEBUG have the address, and so the token: none are made."""
QUIET.setLevel(logging.WARNING)
LOST_WORDS = ("403", "401", "forbidden", "tokenexception", "access_token")
"""In a close reason: the session is over."""


class Session(NamedTuple):
    """What a connection logs in with."""

    api_key: str
    token: str

    def __repr__(self) -> str:
        return "Session(...)"


class State(StrEnum):
    """How a connection stands."""

    DIALLING = "dialling"
    OPEN = "open"
    AUTH_LOST = "auth_lost"
    STOPPED = "stopped"


@dataclass(slots=True)
class Seen:
    """What came, and how connections ended."""

    dials: int = 0
    frames: int = 0
    heartbeats: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """Connections by how they ended: a close code, or what was wrong."""
    texts: Counter[str] = field(default_factory=Counter)
    """Text messages by type."""


class Lost(NamedTuple):
    """How a connection ended."""

    why: str
    auth: bool = False
    crowded: bool = False
    data_s: float = 0.0


class Ticker:
    """One connection; everything happens on the loop that `run` is awaited on.

    `session` returns the newest session, or None; it is asked before every dial. `take` is given
    each binary message that has packets, and may not block. `noticed` is given each change of state
    and each text message that is an order's, as a word and a reason.
    """

    def __init__(
        self, url: str, tokens: Sequence[int], session: Callable[[], Awaitable[Session | None]],
        take: Callable[[bytes], None], *, noticed: Callable[[str, str], None],
        market_open: Callable[[], bool] = lambda: False, family: str = "ipv4",
        limits: Limits | None = None, mode: str = "full",
    ) -> None:  # fmt: skip
        assert len(tokens) <= PER_CONNECTION, "a connection holds 3,000 instruments"
        self.state = State.DIALLING
        self.seen = Seen()
        self._url, self._mode = url, mode
        self._tokens = [int(token) for token in tokens]  # numbers of NumPy are no JSON
        self._session, self._take, self._noticed = session, take, noticed
        self._market_open = market_open
        self._family = FAMILIES[family]
        self._limits = limits or Limits()
        self._dialling = Dialling(self._limits, time.monotonic)
        self._refused: Session | None = None

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        crowded = False
        try:
            while True:
                await asyncio.sleep(self._dialling.wait_s(crowded=crowded))
                lost = await self._live(await self._newest())
                crowded = lost.crowded
                self.seen.ended[lost.why] += 1
                self._dialling.lost(lost.data_s)
        finally:
            self._change(State.STOPPED, "stopped")

    # A session that was refused is not tried again: only another one is.
    async def _newest(self) -> Session:
        while True:
            found = await self._session()
            if found is not None and found != self._refused:
                return found
            self._change(State.AUTH_LOST, "no session")
            await asyncio.sleep(self._limits.token_s)

    async def _live(self, session: Session) -> Lost:
        self._change(State.DIALLING, "")
        self.seen.dials += 1
        try:
            async with self._dial(session) as connection:
                lost = await self._serve(connection)
        except InvalidStatus as error:
            lost = refused(error.response.status_code)
        except (WebSocketException, OSError, TimeoutError, EOFError, ValueError) as error:
            lost = Lost(type(error).__name__)
        if lost.auth:
            self._refused = session
            self._change(State.AUTH_LOST, lost.why)
        elif lost.crowded:
            self._change(State.DIALLING, "another program holds three connections of this key")
        else:
            self._change(State.DIALLING, lost.why)
        return lost

    def _dial(self, session: Session) -> Connect:
        query = urlencode({"api_key": session.api_key, "access_token": session.token})
        return Connect(
            f"{self._url.rstrip('/')}/?{query}", additional_headers={"X-Kite-Version": "3"},
            proxy=None, compression=None, max_size=LARGEST, ping_interval=PING_S,
            ping_timeout=PING_S, close_timeout=CLOSE_S, open_timeout=self._limits.open_s,
            family=self._family, logger=QUIET,
        )  # fmt: skip

    async def _serve(self, connection: ClientConnection) -> Lost:
        await self._subscribe(connection)
        self._change(State.OPEN, f"{len(self._tokens)} instruments")
        begun = last_tick = time.monotonic()
        first_tick: float | None = None

        def lost(why: str, *, auth: bool = False) -> Lost:
            return Lost(why, auth, data_s=0.0 if first_tick is None else last_tick - first_tick)

        while True:
            try:
                async with asyncio.timeout(self._limits.silence_s):
                    message = await connection.recv()
            except TimeoutError:
                connection.transport.abort()
                return lost("silent")
            except ConnectionClosed as error:
                why, auth = how_closed(error)
                return lost(why, auth=auth)
            now = time.monotonic()
            if isinstance(message, str):
                self._text(message)
            elif len(message) > 1:
                self.seen.frames += 1
                self._take(message)
                last_tick = now
                first_tick = now if first_tick is None else first_tick
            else:
                self.seen.heartbeats += 1
            if now - max(last_tick, begun) > self._limits.no_ticks_s and self._market_open():
                connection.transport.abort()
                return lost("no ticks")

    async def _subscribe(self, connection: ClientConnection) -> None:
        for message in ({"a": "subscribe", "v": self._tokens},
                        {"a": "mode", "v": [self._mode, self._tokens]}):  # fmt: skip
            await connection.send(json.dumps(message))

    def _text(self, message: str) -> None:
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            found = None
        kind = found.get("type") if isinstance(found, dict) else None
        known = kind if kind in ("order", "error", "message") else "unknown"
        self.seen.texts[known] += 1
        if known == "unknown" or not isinstance(found, dict):
            LOG.info("unknown text message")
            return
        # An order may come flat, as a rejected one has; it only wakes whoever reads the book.
        data: Any = found.get("data") or found
        order = data.get("order_id") if isinstance(data, dict) else data
        self._noticed(known, bounded(order if known == "order" else found.get("data")))

    def _change(self, state: State, why: str) -> None:
        again = state is self.state and (not why or state is State.AUTH_LOST)
        self.state = state
        if not again:
            LOG.warning("feed connection", state=state, why=why)
            self._noticed(state, why)


class Connect(connect):
    """The library's way to connect, without its redirects: a token goes to one address."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the answer as the failure that it is."""
        return exc


def refused(status: int) -> Lost:
    """Return what a handshake that was answered otherwise means."""
    return Lost(f"status {status}", auth=status in (401, 403), crowded=status == 429)


def how_closed(error: ConnectionClosed) -> tuple[str, bool]:
    """Return why a connection was closed, and whether the session is over."""
    frame = error.rcvd or error.sent
    code = "1006" if frame is None else str(int(frame.code))
    reason = "" if error.rcvd is None else error.rcvd.reason.lower()
    return f"closed {code}", any(word in reason for word in LOST_WORDS)
