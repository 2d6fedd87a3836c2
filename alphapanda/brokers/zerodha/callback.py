"""A page on this machine that takes what Kite sends the browser back with, once."""

from __future__ import annotations

import hmac
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

from alphapanda import log
from alphapanda.brokers.zerodha.addresses import PREFIX, is_loopback
from alphapanda.errors import OutsideError, UsageError

LOG = log.get("zerodha.login")
CLIENT_S = 5
"""For a browser to send its request."""
NAP_S = 0.2
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Alpha Panda</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 30em"><p>{text}</p></body></html>
"""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer", "Content-Security-Policy": "default-src 'none'; "
    "style-src 'unsafe-inline'", "X-Content-Type-Options": "nosniff", "Connection": "close",
}  # fmt: skip


class Returned(NamedTuple):
    """What a browser brought along."""

    request_token: str
    refusal: str
    """Why there is no token, empty if there is one."""


class Callback(ThreadingHTTPServer):
    """Serves one address; takes the first request that knows the state of this login."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, place: SplitResult, state: str) -> None:
        self.place, self.state = place, state
        self.returned: queue.Queue[Returned] = queue.Queue(1)
        self._taken = threading.Lock()
        super().__init__((str(place.hostname), int(place.port or 0)), Page)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def take(self, query: str) -> tuple[int, str]:
        """Take a query; return status and text of the page that answers it."""
        given = parse_qs(query, keep_blank_values=True, max_num_fields=32)
        state, token = one(given, "state"), one(given, "request_token")
        if not hmac.compare_digest(state.encode(), self.state.encode()):
            LOG.warning("login came back with another state: ignored")
            return 400, "This is no answer to the login that waits here. Begin again."
        if not self._taken.acquire(blocking=False):
            return 409, "This login has been used already."
        if one(given, "status") != "success" or not is_token(token):
            self.returned.put(Returned("", "the login page did not report success"))
            return 200, "Kite reports no success. See the terminal."
        self.returned.put(Returned(token, ""))
        return 200, "Kite has sent you back. The terminal says whether the login was accepted."

    def handle_error(self, *_: Any) -> None:
        """Log that a connection failed; nothing of it is printed."""
        LOG.info("connection to the login page failed")


class Page(BaseHTTPRequestHandler):
    """Answers a browser."""

    server: Callback
    timeout = CLIENT_S
    server_version, sys_version = "alphapanda", ""

    def do_GET(self) -> None:
        """Answer with a page, which never has the token in it."""
        try:
            found = urlsplit(self.path)
            wanted = (found.path or "/") == (self.server.place.path or "/")
            status, text = self.server.take(found.query) if wanted else (404, "Nothing here.")
        except ValueError:
            status, text = 400, "This is no address."
        body = PAGE.format(text=text).encode()
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing: the address has the token in it."""


def one(given: dict[str, list[str]], name: str) -> str:
    """Return the value of a field that comes once; a field that comes twice has none."""
    values = given.get(name, [])
    return values[0] if len(values) == 1 else ""


def is_token(text: str) -> bool:
    """Say if a text can be a request token."""
    return (
        8 <= len(text) <= 128
        and text.isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    )


def place_of(url: str) -> SplitResult:
    """Return where the callback is served.

    Raises:
        UsageError: if that is not an address of this machine with a port.
    """
    where = f"setting zerodha.callback_url ({PREFIX}CALLBACK_URL)"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(f"{where} is no address") from None
    plain = parts.scheme == "http" and not (parts.query or parts.fragment or parts.username)
    if not plain or not is_loopback(parts.hostname or "") or port is None:
        raise UsageError(f"{where}: write it as http://127.0.0.1:8765/, the one of the app")
    return parts


@contextmanager
def waiting(url: str, state: str) -> Iterator[Callback]:
    """Serve the callback's address while inside.

    Raises:
        OutsideError: if the port is taken.
    """
    place = place_of(url)
    try:
        server = Callback(place, state)
    except OSError as error:
        raise OutsideError(
            f"can't listen at {place.hostname}:{place.port} ({error.strerror}): end what uses "
            f"that port, or set {PREFIX}CALLBACK_URL, in the app too"
        ) from error
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": NAP_S}, daemon=True, name="callback"
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(server: Callback, limit_s: float, clock: Callable[[], float] = time.monotonic) -> str:
    """Return the request token that the browser brings back.

    Raises:
        OutsideError: if none comes in time, or Kite reports no success.
    """
    until = clock() + limit_s
    while clock() < until:
        try:
            found = server.returned.get(timeout=NAP_S)
        except queue.Empty:
            continue
        if found.refusal:
            raise OutsideError(f"{found.refusal}: log in again, alphapanda login zerodha")
        return found.request_token
    raise OutsideError(
        f"nobody came back from the login page within {limit_s:g} s: alphapanda login zerodha, or "
        "with --request-token T, which stands in the address that the browser was sent to"
    )
