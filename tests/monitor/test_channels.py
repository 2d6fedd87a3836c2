"""The channels of alerts, against a server that speaks TLS and answers as it likes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from alphapanda.errors import OutsideError, UsageError
from alphapanda.log import redact
from alphapanda.monitor import channels
from alphapanda.monitor.channels import Telegram, Webhook, channels_of
from tests.support.servers.databases import settings_of
from tests.support.tls import self_signed

MESSAGE = {"title": "CRITICAL: x", "text": "x is down", "severity": "critical", "kind": "part_down"}
TOKEN = "8123456:AAE-sEcReT-of-a-bot"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate of 127.0.0.1 with its key, and what trusts it alone."""
    path = self_signed(tmp_path_factory.mktemp("tls"))
    return path, ssl.create_default_context(cafile=path)


@asynccontextmanager
async def server(path: Path, answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Give the address of a server that answers each request so, and what it was sent."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            (
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        got.append(head + await reader.readexactly(size))
        writer.write(answer)
        await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"https://127.0.0.1:{port}/hook", got
    finally:
        listening.close()


def sent(made: tuple[Path, ssl.SSLContext], answer: bytes, *, key: str = "k") -> list[bytes]:
    """Send a message to a server that answers so; return what it was sent."""

    async def run() -> list[bytes]:
        async with server(made[0], answer) as (url, got):
            await Webhook(url, key, private=True, trust=made[1]).send(MESSAGE)
            return got

    return asyncio.run(run())


def test_a_webhook_is_signed_json(made: tuple[Path, ssl.SSLContext]) -> None:
    """Whoever has the key sees that it is ours; the time is within what is signed."""
    (request,) = sent(made, b"HTTP/1.1 204 No Content\r\n\r\n")
    head, _, body = request.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert {**MESSAGE, "sent_ns": told["sent_ns"]} == told
    expected = hmac.new(b"k", body, hashlib.sha256).hexdigest()
    assert f"sha256={expected}".encode() in head
    assert b"127.0.0.1" in head  # the name that was asked for


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"no http at all\r\n\r\n", b"",
])  # fmt: skip
def test_anything_but_success_is_a_failure(
    made: tuple[Path, ssl.SSLContext], answer: bytes
) -> None:
    """A redirect is not followed; the error names neither address nor secret."""
    with pytest.raises(OutsideError) as failed:
        sent(made, answer)
    assert "127.0.0.1" not in str(failed.value)


def test_a_huge_answer_is_not_read(made: tuple[Path, ssl.SSLContext]) -> None:
    """The first bytes are enough: what else comes is nobody's."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n"
    assert len(sent(made, head + b"x" * 500_000)) == 1


def test_a_certificate_that_nobody_trusts_is_a_failure(made: tuple[Path, ssl.SSLContext]) -> None:
    """Nothing is sent to a server that can't show who it is."""

    async def run() -> list[bytes]:
        async with server(made[0], b"HTTP/1.1 200 OK\r\n\r\n") as (url, got):
            with pytest.raises(OutsideError):
                await Webhook(url, "k", private=True).send(MESSAGE)
            return got

    assert asyncio.run(run()) == []


def test_a_private_webhook_is_refused_without_the_setting() -> None:
    """Before any connection, each time that something is sent."""
    with pytest.raises(UsageError, match=r"alerts\.webhook_url"):
        asyncio.run(Webhook("https://127.0.0.1/", "k").send(MESSAGE))


def test_telegram_gets_plain_text_and_no_log_shows_the_token(
    made: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is in the path alone; a failure's text and every log line hide it."""
    seen: list[Any] = []

    async def resolve(url: str, setting: str, **_: Any) -> Any:
        seen.append((url, setting))
        raise OutsideError(f"setting {setting}: its host is not found")

    monkeypatch.setattr(channels, "resolve", resolve)
    with pytest.raises(OutsideError) as failed:
        asyncio.run(Telegram(TOKEN, "42").send(MESSAGE))
    assert seen == [(f"https://api.telegram.org/bot{TOKEN}/sendMessage", "alerts.telegram_token")]
    assert TOKEN not in str(failed.value)
    assert TOKEN not in redact.scrub(f"POST {seen[0][0]}")


def test_the_channels_are_those_that_are_set(tmp_path: Path) -> None:
    """The log always; a bot without a chat is refused by the name of the setting."""
    plain = settings_of(tmp_path, "")
    assert [each.name for each in channels_of(plain)] == ["log"]
    full = settings_of(tmp_path, "", alerts={
        "webhook_url": "https://example.com/", "telegram_token": TOKEN, "telegram_chat": "42",
    })  # fmt: skip
    assert [each.name for each in channels_of(full)] == ["log", "webhook", "telegram"]
    with pytest.raises(UsageError, match=r"alerts\.telegram_chat"):
        channels_of(settings_of(tmp_path, "", alerts={"telegram_token": TOKEN}))
