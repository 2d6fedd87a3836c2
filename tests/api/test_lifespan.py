"""What an API is made of begins in its order, each once, and ends in reverse, or not at all."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alphapanda.api import middleware
from alphapanda.api.app import create_app
from alphapanda.api.pages import HASHES, pages
from alphapanda.api.server import ApiServer, guard_address
from alphapanda.api.services import NoMonitor
from alphapanda.errors import OutsideError, UsageError
from alphapanda.runtime.lifecycle import Parts
from tests.support.api import settings_of
from tests.support.servers import databases


class Spy(NoMonitor):
    """A part that says when it begins and ends."""

    def __init__(self, name: str, heard: list[str], error: Exception | None = None) -> None:
        self.name, self.heard, self.error = name, heard, error

    async def start(self) -> None:
        """Say so, or fail."""
        if self.error is not None:
            raise self.error
        self.heard.append(f"+{self.name}")

    async def stop(self) -> None:
        """Say so."""
        self.heard.append(f"-{self.name}")


def spied(app: Any, heard: list[str]) -> None:
    """Have the parts that are there already say when they begin and end."""
    services = app.state.services
    for name in ("database", "auth", "hub", "control"):
        part = getattr(services, name)

        def wrapped(part: Any = part, name: str = name) -> None:
            start, stop = part.start, part.stop

            async def begin() -> None:
                await start()
                heard.append(f"+{name}")

            async def end() -> None:
                heard.append(f"-{name}")
                await stop()

            part.start, part.stop = begin, end

        wrapped()


@pytest.fixture
def folder(tmp_path: Path, template: databases.Templates) -> Path:
    """Return a base folder with a database."""
    shutil.copy(template.folder / databases.FILE, tmp_path / databases.FILE)
    return tmp_path


async def lived(app: Any) -> None:
    async with app.router.lifespan_context(app):
        pass


def test_parts_begin_in_order_and_end_in_reverse(folder: Path) -> None:
    """The logins' service is there before anything that watches, and once."""
    heard: list[str] = []
    monitor, alerts = Spy("monitor", heard), Spy("alerts", heard)
    app = create_app(settings_of(folder), monitor=monitor, more=[alerts])
    spied(app, heard)
    asyncio.run(lived(app))
    begun = ["database", "auth", "hub", "control", "monitor", "alerts"]
    assert heard == [f"+{name}" for name in begun] + [f"-{name}" for name in begun[::-1]]


def test_a_part_that_cannot_begin_ends_the_process(folder: Path) -> None:
    """What began is stopped, nothing listens, and the error is the part's own."""
    heard: list[str] = []
    failing = Spy("monitor", heard, OutsideError("no topics: alphapanda bootstrap"))
    with Parts(stop_timeout_s=20) as parts:
        server = ApiServer(settings_of(folder), monitor=failing)
        spied(server.app, heard)
        with pytest.raises(OutsideError, match="no topics: alphapanda bootstrap"):
            parts.start(server)
    assert heard[-4:] == ["-control", "-hub", "-auth", "-database"]


def test_without_a_schema_or_a_key_it_does_not_begin(tmp_path: Path, folder: Path) -> None:
    """S32: no default key, no tables made in silence; the message says what to do."""
    bare = settings_of(tmp_path / "bare")
    (tmp_path / "bare").mkdir()
    keyless = settings_of(folder).model_copy(update={"security": type(bare.security)()})
    for settings, word in ((bare, "alphapanda db upgrade"), (keyless, "SECURITY__KEY")):
        with Parts(stop_timeout_s=20) as parts, pytest.raises((OutsideError, UsageError)) as told:
            parts.start(ApiServer(settings))
        assert word in str(told.value)


def ask(app: Any, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
    """Send a request into the application itself, as a server does."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    body = b"".join(each.get("body", b"") for each in sent)
    return sent[0]["status"], json.loads(body) if body.startswith(b"{") else body


def test_before_logins_are_known_nothing_is_answered(folder: Path) -> None:
    """Between the process's start and the service's, it is 503."""
    app = create_app(settings_of(folder, api={"port": 8000}))
    status, told = ask(app, "/api/v1/runs", {"Host": "127.0.0.1:8000"})
    assert (status, told["error"]["code"]) == (503, "unavailable")


def test_the_layers_are_there_from_outside_in(folder: Path) -> None:
    """A refusal by any inner layer passes those around it; none is only defined and never added."""
    app = create_app(settings_of(folder))
    found = [each.cls.__name__ for each in app.user_middleware]
    assert found == [
        "Identified", "Guard", "CORSMiddleware", "SecurityHeaders", "LimitedByAddress",
        "Authenticated", "LimitedByUser",
    ]  # fmt: skip
    assert not [
        name for name, kind in vars(middleware).items()
        if isinstance(kind, type) and kind.__module__ == middleware.__name__ and name not in found
    ]  # fmt: skip


@pytest.mark.parametrize(("api", "word"), [
    ({"host": "0.0.0.0"}, "tls_cert"),
    ({"host": "192.168.1.5"}, "tls_cert"),
    ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.1",)}, "origins"),
])  # fmt: skip
def test_it_is_not_reached_from_elsewhere_unencrypted(
    api: dict[str, Any], word: str, tmp_path: Path
) -> None:
    """Anything but loopback takes TLS or a proxy that has it; the message says what to set."""
    with pytest.raises(UsageError, match=word):
        guard_address(settings_of(tmp_path, api=api))


def test_a_page_that_was_changed_is_not_served(tmp_path: Path) -> None:
    """A file that is not as it was released, or was put in, stops the start."""
    web = tmp_path / "web"
    web.mkdir()
    (web / "index.html").write_text("<p>")
    (web / HASHES).write_text("{}")
    with pytest.raises(OutsideError, match=r"index\.html"):
        pages(web)


def test_the_hashes_of_the_page_are_those_of_its_files() -> None:
    """Who has changed a file of the page runs `python -m alphapanda.api.pages`."""
    assert "index.html" in pages()
