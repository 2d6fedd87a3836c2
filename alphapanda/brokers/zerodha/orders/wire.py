"""Order requests and lists over HTTP: several at once, each with one deadline, each sent once."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple
from urllib.parse import urljoin

from alphapanda.brokers.zerodha.addresses import Addresses
from alphapanda.brokers.zerodha.answers import Answer
from alphapanda.brokers.zerodha.orders.state import Send
from alphapanda.brokers.zerodha.transport import Request, Transport
from alphapanda.config.settings import Settings

DEADLINE_S = 8.0
"""For a whole order request, from its name's look-up to the last byte."""
LANES = 8
READERS = 2
AGENT = "alphapanda"
VERSION = "3"
ROUTES = {
    "book": "/orders", "trades": "/trades", "positions": "/portfolio/positions",
    "holdings": "/portfolio/holdings", "funds": "/user/margins", "profile": "/user/profile",
    "triggers": "/gtt/triggers", "charges": "/charges/orders",
}  # fmt: skip


class Key(NamedTuple):
    """What a request is signed with."""

    api_key: str
    token: str

    def __repr__(self) -> str:
        return "Key(...)"


class Wire:
    """Connections to Kite for orders, and others for lists: a slow list holds up no order."""

    def __init__(self, settings: Settings, addresses: Addresses, token: str) -> None:
        section = settings.zerodha
        self._root = addresses.api
        self.key = Key(section.api_key.get_secret_value(), token)
        self._read_s = section.timeout_s
        self._orders = Lanes(LANES, section.address_family, loopback_only=addresses.simulator)
        self._lists = Lanes(READERS, section.address_family, loopback_only=addresses.simulator)

    def use_token(self, token: str) -> None:
        """Go on with another session."""
        self.key = self.key._replace(token=token)

    def send(self, send: Send) -> Future[Answer]:
        """Send an order request once."""
        query = f"?{send.body.decode()}" if send.method == "DELETE" and send.body else ""
        request = Request(
            send.method, urljoin(self._root, send.path) + query,
            {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"}
            if send.method != "DELETE" else self._headers(),
            form=send.body if send.method != "DELETE" else None,
        )  # fmt: skip
        return self._orders.send(request, DEADLINE_S)

    def read(self, what: str, json: object = None) -> Future[Answer]:
        """Read a list; with a JSON body, have something computed."""
        request = Request(
            "GET" if json is None else "POST", urljoin(self._root, ROUTES[what]), self._headers(),
            json=json,
        )  # fmt: skip
        return self._lists.send(request, self._read_s)

    def close(self) -> None:
        """Close the connections."""
        self._orders.close()
        self._lists.close()

    def _headers(self) -> dict[str, str]:
        return {
            "X-Kite-Version": VERSION, "User-Agent": AGENT,
            "Authorization": f"token {self.key.api_key}:{self.key.token}",
        }  # fmt: skip


class Lanes:
    """So many calls at once, each on a connection of its own."""

    def __init__(self, lanes: int, family: str, *, loopback_only: bool) -> None:
        made = [Transport(family=family, loopback_only=loopback_only) for _ in range(lanes)]
        self._all = made
        self._free: SimpleQueue[Transport] = SimpleQueue()
        for transport in reversed(made):
            self._free.put(transport)
        self._pool = ThreadPoolExecutor(lanes, "zerodha orders")

    def send(self, request: Request, timeout_s: float) -> Future[Answer]:
        """Send a request on a lane that is free."""
        return self._pool.submit(self._send, request, timeout_s)

    def _send(self, request: Request, timeout_s: float) -> Answer:
        transport = self._free.get()
        try:
            return transport.send(request, timeout_s=timeout_s)
        finally:
            self._free.put(transport)

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for transport in self._all:
            transport.close()
