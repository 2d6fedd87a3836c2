"""An API that really serves, and a client of plain sockets that knows none of its code."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import UUID

from alphapanda.api import people
from alphapanda.api.passwords import hasher
from alphapanda.api.server import ApiServer
from alphapanda.config.settings import Settings
from alphapanda.runtime.lifecycle import Parts
from alphapanda.store.base import Base
from alphapanda.store.database import Database
from alphapanda.store.words import UserRole
from tests.support.servers import databases

PASSWORD = "correct horse battery"
HASH = hasher().hash(PASSWORD)
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
V1 = "/api/v1"
WIDE = {"rate_calls": 100_000, "address_calls": 100_000, "order_calls": 100_000}
"""Limits that a test of something else does not meet."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """Return an error's sentence."""
        return str(self.json["error"]["message"])


class Serving(NamedTuple):
    """An API that serves."""

    server: ApiServer
    parts: Parts
    port: int

    @property
    def settings(self) -> Settings:
        """Return its settings."""
        return self.server.settings

    @property
    def origin(self) -> str:
        """Return its page's origin."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None,
        *, raw: bytes | None = None,
    ) -> Answer:  # fmt: skip
        """Send a request of its own connection, and return the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = dict(headers or {})
        if body is not None:
            raw = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, raw, given)
            got = connection.getresponse()
            told = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, told, got.read())
        finally:
            connection.close()

    def raw(self, text: bytes, *, timeout: float = 10) -> bytes:
        """Send bytes as they are, and return all that comes back until the end or the time."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as made:
            made.sendall(text)
            return b"".join(iter(lambda: made.recv(65_536), b""))

    def do(self, work: Any) -> Any:
        """Run something on its loop."""
        return self.parts.do(work)

    @property
    def database(self) -> Database:
        """Return its database."""
        return self.server.services.database

    def save(self, *rows: Base) -> None:
        """Write rows, each on its own."""

        async def run() -> None:
            async with self.database.session(writes=True) as session:
                for row in rows:
                    session.add(row)
                    await session.flush()
                await session.commit()

        self.do(run())

    def add_user(self, name: str, role: str, owner: str) -> UUID:
        """Add a user, whose password is that of all."""
        user = people.new_user(owner, name, UserRole(role), HASH)
        number = user.id
        self.save(user)
        return number

    def log_in(self, name: str) -> Browser:
        """Log in as a page does."""
        self.forget_limits()
        given = self.ask("POST", f"{V1}/auth/login", {"name": name, "password": PASSWORD},
                         {"Origin": self.origin})  # fmt: skip
        assert given.status == 200, given
        cookie = given.headers["set-cookie"].partition(";")[0]
        return Browser(self, cookie, given.json["csrf"])

    def forget_limits(self) -> None:
        """Forget all logins that were counted."""
        auth = self.server.services.auth
        auth.by_account._times.clear()
        auth.by_address._times.clear()


class Browser(NamedTuple):
    """A page that is logged in."""

    api: Serving
    cookie: str
    csrf: str

    def headers(self, **more: str) -> dict[str, str]:
        """Return what the page sends with what it writes."""
        return {
            "Cookie": self.cookie, "Origin": self.api.origin, "X-CSRF-Token": self.csrf, **more
        }  # fmt: skip

    def get(self, path: str) -> Answer:
        """Read."""
        return self.api.ask("GET", path, headers={"Cookie": self.cookie})

    def send(self, method: str, path: str, body: Any = None, **more: str) -> Answer:
        """Write."""
        return self.api.ask(method, path, body, self.headers(**more))

    def post(self, path: str, body: Any = None, **more: str) -> Answer:
        """Write by POST."""
        return self.send("POST", path, body, **more)

    def step_up(self) -> None:
        """Give the password again."""
        self.api.forget_limits()
        assert self.post(f"{V1}/auth/step-up", {"password": PASSWORD}).status == 200


def settings_of(folder: Path, **sections: Any) -> Settings:
    api = {"port": 0, **sections.pop("api", {})}
    return databases.settings_of(folder, "", api=api, security={"key": KEY}, **sections)


@contextmanager
def serving(settings: Settings, **more: Any) -> Iterator[Serving]:
    """Give an API that serves on a port of its own; it has no secrets but those of the test."""
    with Parts(stop_timeout_s=20) as parts:
        server = ApiServer(settings, **more)
        parts.start(server)
        yield Serving(server, parts, int(server.address.rpartition(":")[2]))


class Events:
    """A stream of Server-Sent Events, read by hand."""

    def __init__(self, api: Serving, path: str, headers: Mapping[str, str]) -> None:
        self._made = socket.create_connection(("127.0.0.1", api.port), timeout=15)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{api.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._made.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._file = self._made.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self._events = self._parsed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go away."""
        self._file.close()
        self._made.close()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the stream."""
        rest = b""
        while (size := self._file.readline().strip()) not in (b"", b"0"):
            rest += self._file.read(int(size, 16))
            self._file.readline()
            *whole, rest = rest.split(b"\n")
            yield from (line.decode() for line in whole)

    def __iter__(self) -> Iterator[tuple[str, Any, str]]:
        """Yield event, data and id, on from where it was left."""
        return self._events

    def _parsed(self) -> Iterator[tuple[str, Any, str]]:
        event, data, identity = "", "", ""
        for line in self.lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data = value
            elif name == "id":
                identity = value
            elif not line and event:
                yield event, json.loads(data), identity
                event, data, identity = "", "", ""

    def until(self, event: str, *, limit_s: float = 15) -> tuple[Any, str]:
        """Return the next event of a name."""
        ends = time.monotonic() + limit_s
        for name, data, identity in self:
            if name == event:
                return data, identity
            assert time.monotonic() < ends, f"no {event} came"
        raise AssertionError(f"the stream ended without {event}")
