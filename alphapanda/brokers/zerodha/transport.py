"""HTTP to Kite: one deadline for a whole call, and nothing taken from the environment.

`requests` bounds each read by itself, so a server that drips bytes holds a caller for ever, and a
name look-up is not bounded at all. So a call runs on a thread of its own and is waited for; when
its time is over, its sockets are shut and the next call gets a new session.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)

from alphapanda.brokers.zerodha.addresses import FAMILIES
from alphapanda.brokers.zerodha.answers import Answer, judge, unanswered

CHUNK = 1 << 16
LARGEST = 256 << 20
"""Bytes of an answer; the file of all instruments has some ten million."""
Judge = Callable[[int, str, bytes], Answer]
"""Says what status, content type and body mean."""
GRACE_S = 0.5
"""For the thread of a call to end by itself once its own deadline is over."""


class Request(NamedTuple):
    """A request, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Any = None
    form: Any = None
    json: Any = None


class Transport:
    """Sends one request at a time; the family of addresses and the place are fixed."""

    def __init__(self, *, family: str, loopback_only: bool) -> None:
        self._way = Way(FAMILIES[family], loopback_only)
        self._lock = threading.Lock()
        self._session = self._way.session()
        self._worker = new_worker()

    def send(self, request: Request, *, timeout_s: float, judge: Judge = judge) -> Answer:
        """Return the answer, judged; one that does not come whole in time is none.

        The time begins when the request's turn has come: one call at a time uses the connection.
        """
        with self._lock:
            until = time.monotonic() + timeout_s
            call = self._worker.submit(exchange, self._session, request, until, judge)
            try:
                return call.result(timeout_s + GRACE_S)
            except TimeoutError:
                self._way.shut()
                self._worker.shutdown(wait=False)
                self._worker, self._session = new_worker(), self._way.session()
                return unanswered(f"no whole answer within {timeout_s:g} s")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._worker.shutdown(wait=False)


class Way:
    """How connections are made, and which are open."""

    def __init__(self, family: socket.AddressFamily, loopback_only: bool) -> None:
        self.family, self.loopback_only = family, loopback_only
        self.open: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def session(self) -> requests.Session:
        """Return a session that knows no proxy, no netrc, and no other certificates."""
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", Adapter(self))
        session.mount("https://", Adapter(self))
        return session

    def connect(self, connection: HTTPConnection) -> socket.socket:
        """Return a connected socket of the family that was chosen.

        Raises:
            NewConnectionError: if there is none, or it leads to another machine than it may.
        """
        timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else None
        try:
            found = socket.getaddrinfo(
                connection.host, connection.port, self.family, socket.SOCK_STREAM
            )
        except socket.gaierror as error:
            raise NameResolutionError(connection.host, connection, error) from error
        failure: OSError = OSError("no address")
        for family, kind, protocol, _, address in found:
            if self.loopback_only and not ipaddress.ip_address(address[0]).is_loopback:
                raise NewConnectionError(connection, "a simulator is on this machine only")
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(timeout)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.connect(address)
            except OSError as error:
                made.close()
                failure = error
                continue
            self.open.add(made)
            return made
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(connection, "no connection in time") from failure
        raise NewConnectionError(connection, str(failure)) from failure

    def shut(self) -> None:
        """End every connection at once, whatever waits on it."""
        for made in list(self.open):
            try:
                made.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already, or its file is wrapped by TLS
                made.close()
        self.open.clear()


class Adapter(HTTPAdapter):
    """Makes connections a way of its own; nothing is sent twice."""

    def __init__(self, way: Way) -> None:
        self._way = way
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *_: Any, **__: Any) -> None:
        """Make the pools, whose connections are ours."""
        way = self._way

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return way.connect(self)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return way.connect(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager = PoolManager(num_pools=1, maxsize=1, block=False)
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def new_worker() -> ThreadPoolExecutor:
    """Return a thread for calls, begun with the first of them."""
    return ThreadPoolExecutor(1, "zerodha")


def exchange(session: requests.Session, request: Request, until: float, judge: Judge) -> Answer:
    """Send a request once, and return its answer, judged."""
    try:
        # The request is made by hand: `session.request` would look for a netrc file and proxies.
        prepared = session.prepare_request(requests.Request(
            request.method, request.url, headers=dict(request.headers), params=request.query,
            data=request.form, json=request.json,
        ))  # fmt: skip
        with session.send(
            prepared, stream=True, timeout=left(until), allow_redirects=False, verify=True
        ) as response:
            body = content(response, until)
            kind = response.headers.get("Content-Type", "")
            return judge(response.status_code, kind, body)
    except LateError:
        return unanswered("the answer did not come whole in time")
    except (requests.RequestException, HTTPError, OSError) as error:
        return unanswered(reason(error))


class LateError(Exception):
    """The time for an answer is over, or it is larger than any of Kite's."""


def left(until: float) -> float:
    """Return the seconds that are left."""
    return max(until - time.monotonic(), 0.001)


def content(response: requests.Response, until: float) -> bytes:
    """Return the whole body, decompressed."""
    parts, size = [], 0
    for chunk in response.iter_content(CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > LARGEST or time.monotonic() > until:
            raise LateError
    return b"".join(parts)


def reason(error: BaseException) -> str:
    """Return why there is no answer, without the address, which may hold a token."""
    names = {
        "ReadTimeout": "no answer in time", "ReadTimeoutError": "no answer in time",
        "ConnectTimeout": "no connection in time", "SSLError": "its certificate is not trusted",
        "ConnectTimeoutError": "no connection in time", "NewConnectionError": "no connection",
        "NameResolutionError": "its name is not known (no network?)",
    }  # fmt: skip
    seen: BaseException | None = error
    known = ""
    while seen is not None:
        known = names.get(type(seen).__name__, known)
        inner = getattr(seen, "reason", None)
        following = inner if isinstance(inner, BaseException) else None
        following = following or next((a for a in seen.args if isinstance(a, BaseException)), None)
        seen = following or seen.__cause__
    return known or "the connection was cut"
