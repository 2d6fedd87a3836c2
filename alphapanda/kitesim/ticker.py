"""The ticker's connections: who wants which instruments, and what waits to be sent to each.

No connection waits for another: each has a queue of its own, which keeps the latest packet of each
instrument where a client falls behind, and is closed where it stays behind.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from alphapanda.kitesim.market import Market, Quote
from alphapanda.kitesim.packets import HEARTBEAT, Mode, fits, frame, packet
from alphapanda.kitesim.script import Fault
from alphapanda.kitesim.spoiling import ODD, spoiled

CONNECTIONS = 3
"""Of one key."""
TOKENS = 3000
"""Of one connection."""
QUEUE = 12_000
"""Packets that wait for a client before only the latest of each instrument stay."""
TEXTS = 2_000
SLOW_S = 10.0
HEARTBEAT_S = 1.0
PACKETS = 3_000
"""Of one message: half a megabyte."""


class Wire(Protocol):
    """What a connection can send on."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        ...

    async def send_str(self, data: str) -> None:
        """Send a text message."""
        ...


class Connection:
    """One client of the ticker."""

    def __init__(self, token: str) -> None:
        self.token = token
        """The access token that it came with."""
        self.modes: dict[int, Mode] = {}
        self.conflated = 0
        """Packets that were left out because newer ones of their instruments waited."""
        self.overflown = False
        self.silent_until = 0.0
        """Nothing is sent before this time, in real seconds."""
        self.leaving: list[int | None] = []
        """The close code that ends it; None: it is cut."""
        self._packets: list[tuple[int, bytes]] = []
        self._texts: deque[str | bytes] = deque()
        self._woken = asyncio.Event()

    def put(self, token: int, data: bytes) -> None:
        """Let a packet wait for being sent."""
        self._packets.append((token, data))
        if len(self._packets) > QUEUE:
            latest: dict[int, bytes] = {}
            for number, newest in self._packets:
                latest.pop(number, None)
                latest[number] = newest
            self.conflated += len(self._packets) - len(latest)
            self._packets = list(latest.items())
        self._woken.set()

    def put_text(self, message: str | bytes) -> None:
        """Let a message wait for being sent, before packets."""
        self._texts.append(message)
        self.overflown |= len(self._texts) > TEXTS
        self._woken.set()

    def leave(self, code: int | None) -> None:
        """End the connection by a close code, or without a word."""
        self.leaving.append(code)
        self._woken.set()

    async def send(self, wire: Wire) -> None:
        """Send what waits, and a heartbeat when nothing has for a second, until it is to leave.

        Raises:
            TimeoutError: the client does not read.
        """
        while not self.overflown:
            if self.leaving:
                return
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._woken.wait()
            except TimeoutError:
                self.put_text(HEARTBEAT)
            self._woken.clear()
            silent_s = self.silent_until - time.monotonic()
            if silent_s > 0:
                await asyncio.sleep(silent_s)
            async with asyncio.timeout(SLOW_S):
                await self._flush(wire)
        raise TimeoutError

    async def _flush(self, wire: Wire) -> None:
        while self._texts:
            message = self._texts.popleft()
            if isinstance(message, bytes):
                await wire.send_bytes(message)
            else:
                await wire.send_str(message)
        while self._packets:
            now, self._packets = self._packets[:PACKETS], self._packets[PACKETS:]
            await wire.send_bytes(frame([data for _, data in now]))


class Hub:
    """All connections, and who gets which packet."""

    def __init__(self, market: Market, begin: Callable[[], None]) -> None:
        self.connections: list[Connection] = []
        self.misfits = 0
        """Quotes that no packet can hold, which were not sent."""
        self.spoil: Callable[[Quote], Fault | None] = lambda _: None
        """Says what goes wrong with a quote on its way."""
        self._market = market
        self._begin = begin
        self._by_token: dict[int, list[Connection]] = {}

    def open(self, token: str) -> Connection | None:
        """Return a new connection; None: there are as many as a key may have."""
        if len(self.connections) >= CONNECTIONS:
            return None
        connection = Connection(token)
        self.connections.append(connection)
        return connection

    def close(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.remove(connection)
        self._leave(connection, list(connection.modes))

    def take(self, connection: Connection, message: str) -> None:
        """Do what a client's message asks for; what is none is ignored, as Kite does."""
        try:
            request = json.loads(message)
        except ValueError:
            return
        if not isinstance(request, dict):
            return
        action, value = request.get("a"), request.get("v")
        if action == "subscribe":
            self._subscribe(connection, numbers(value))
        elif action == "unsubscribe":
            self._leave(connection, numbers(value))
        elif action == "mode" and isinstance(value, list) and len(value) == 2:
            if value[0] in {mode.value for mode in Mode}:
                self._subscribe(connection, numbers(value[1]), Mode(value[0]))

    def publish(self, quote: Quote) -> None:
        """Send a quote to all that want it."""
        token = quote.listing.token
        wanting = self._by_token.get(token)
        if not wanting:
            return
        fault = self.spoil(quote)
        if fault is not None and fault.do == "late-tick":
            loop = asyncio.get_running_loop()
            loop.call_later(fault.seconds, self._send, replace(quote))
            return
        if fault is not None and fault.do == "odd-packet":
            for connection in wanting:
                connection.put(0, ODD)
        for sent in spoiled(quote, fault):
            self._send(sent)

    def _send(self, quote: Quote) -> None:
        token = quote.listing.token
        if not fits(quote):
            self.misfits += 1
            return
        packets: dict[Mode, bytes] = {}
        for connection in self._by_token.get(token, ()):
            mode = connection.modes[token]
            if mode not in packets:
                packets[mode] = packet(quote, mode)
            connection.put(token, packets[mode])

    def tell(self, kind: str, data: Any) -> None:
        """Send a text to all."""
        self.tell_text(json.dumps({"type": kind, "data": data}))

    def tell_text(self, text: str) -> None:
        """Send a text to all, as it is."""
        for connection in self.connections:
            connection.put_text(text)

    def _subscribe(
        self, connection: Connection, tokens: Iterable[int], mode: Mode | None = None
    ) -> None:
        refused = 0
        for token in tokens:
            quote = self._market.by_token.get(token)
            if quote is None:
                continue
            if token not in connection.modes:
                if len(connection.modes) >= TOKENS:
                    refused += 1
                    continue
                self._by_token.setdefault(token, []).append(connection)
            elif mode in (None, connection.modes[token]):
                continue
            connection.modes[token] = mode or Mode.QUOTE
            if quote.last and fits(quote):
                connection.put(token, packet(quote, connection.modes[token]))
        if refused:
            text = f"Too many tokens: {refused} beyond the {TOKENS} of a connection are left out."
            connection.put_text(json.dumps({"type": "error", "data": text}))
        if connection.modes:
            self._begin()

    def _leave(self, connection: Connection, tokens: Iterable[int]) -> None:
        for token in tokens:
            if connection.modes.pop(token, None) is not None:
                self._by_token[token].remove(connection)


def numbers(value: Any) -> list[int]:
    """Return the tokens in a message; those written as text are ignored, as Kite does."""
    if not isinstance(value, list):
        return []
    return [token for token in value if isinstance(token, int) and not isinstance(token, bool)]
