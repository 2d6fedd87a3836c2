"""A small server of Kite's protocol that answers as a test says and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from alphapanda.config.settings import Settings

API_KEY, API_SECRET, USER = "simkey", "simsecret-0123", "SIM001"
MASTER_KEY = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
TOKEN = "sim-access-token-of-today"
DAY_NS = 1_756_093_500 * 10**9
"""2025-08-25 09:15:00 in India, the time of the server."""


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """An answer; `write`, where given, sends it by itself."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    write: Callable[[Any], None] | None = None


Route = Callable[[Asked], Reply]


def success(data: Any) -> Reply:
    return Reply(body=json.dumps({"status": "success", "data": data}).encode())


def failure(status: int, error_type: str, message: str) -> Reply:
    body = {"status": "error", "message": message, "error_type": error_type, "data": None}
    return Reply(status, json.dumps(body).encode())


class Kite(ThreadingHTTPServer):
    """The server; `routes` has answers by `METHOD /path`, `anything` the rest."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[Asked] = []
        self.routes: dict[str, Route] = {
            "GET /_sim/clock": lambda _: Reply(
                body=json.dumps({"now_ns": self.now_ns, "speed": 0}).encode()
            ),
        }
        self.anything: Route = lambda _: success([])
        self.now_ns = DAY_NS

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def calls(self) -> list[Asked]:
        """What was asked, but for the time."""
        return [asked for asked in self.asked if not asked.path.startswith("/_sim")]

    def settings(self, folder: Path, **more: Any) -> Settings:
        """Return settings that lead here."""
        return Settings(base_dir=folder, **{**self.sections(), **more})

    def sections(self) -> dict[str, Any]:
        """Return the sections of settings that lead here."""
        return {
            "security": {"key": MASTER_KEY},
            "zerodha": {
                "enabled": True, "user_id": USER, "api_key": API_KEY, "api_secret": API_SECRET,
                "api_url": self.url, "feed_url": "ws://127.0.0.1:9", "timeout_s": 5,
                "login_url": f"{self.url}/connect/login",
            },
        }  # fmt: skip

    def handle_error(self, *_: Any) -> None:
        """A client that left is no failure of the server."""


class Handler(BaseHTTPRequestHandler):
    """Keeps a request, and answers by the routes."""

    protocol_version = "HTTP/1.1"
    server: Kite

    def answer(self) -> None:
        """Answer a request."""
        place = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(
            self.command, place.path, parse_qsl(place.query, keep_blank_values=True),
            dict(self.headers), body,
        )  # fmt: skip
        self.server.asked.append(asked)
        reply = self.server.routes.get(f"{self.command} {place.path}", self.server.anything)(asked)
        if reply.write is not None:
            self.close_connection = True
            reply.write(self.wfile)
            return
        self.send_response(reply.status)
        if reply.kind:
            self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 (the library's names)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def serving() -> Iterator[Kite]:
    """Give a server that runs."""
    server = Kite()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
