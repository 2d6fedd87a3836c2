"""The channels that alerts go out by: the log, a signed webhook, a bot of Telegram's."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import time
from typing import Any, Protocol

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.log import redact
from alphapanda.monitor.addresses import Target, resolve

LOG = log.get(__name__)
LIMIT_S = 5.0
LARGEST = 4_096
"""Bytes of an answer that are read."""
TELEGRAM = "https://api.telegram.org"
"""Fixed: a token must never go anywhere else."""
LONGEST = 4_000
"""Characters of a message that Telegram takes, less some."""


class Channel(Protocol):
    """A way to tell a person; what fails is tried again by the caller."""

    name: str

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message, with `title`, `text`, `severity` and facts.

        Raises:
            OutsideError: if it did not arrive; its text names no address and no secret.
        """


class LogChannel:
    """The log, which is always there."""

    name = "log"

    async def send(self, message: dict[str, Any]) -> None:
        """Write a line."""
        say = LOG.error if message["severity"] == "critical" else LOG.warning
        say("alert", **{name: value for name, value in message.items() if name != "title"})


class Webhook:
    """An address that takes JSON; who has the key sees that it is ours, and when it was sent."""

    name = "webhook"

    def __init__(
        self, url: str, key: str, *, private: bool = False, trust: ssl.SSLContext | None = None
    ) -> None:
        self._url, self._key, self._private, self._trust = url, key, private, trust

    async def send(self, message: dict[str, Any]) -> None:
        """Post a message."""
        body = json.dumps({**message, "sent_ns": time.time_ns()}, ensure_ascii=True).encode()
        headers = {"Content-Type": "application/json"}
        if self._key:
            signed = hmac.new(self._key.encode(), body, hashlib.sha256).hexdigest()
            headers["X-AP-Signature"] = f"sha256={signed}"
        target = await resolve(self._url, "alerts.webhook_url", private=self._private)
        await call(target, "the webhook", body=body, headers=headers, trust=self._trust)


class Telegram:
    """A bot that writes to a chat, one way: nothing that comes from there is read."""

    name = "telegram"

    def __init__(self, token: str, chat: str) -> None:
        redact.know(token)
        self._token, self._chat = token, chat

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message; as plain text, so that a venue's words can be no markup."""
        text = f"{message['title']}\n{message['text']}"[:LONGEST]
        body = json.dumps({"chat_id": self._chat, "text": text}).encode()
        url = f"{TELEGRAM}/bot{self._token}/sendMessage"
        target = await resolve(url, "alerts.telegram_token")
        await call(target, "Telegram", body=body, headers={"Content-Type": "application/json"})


class Pulse:
    """An address that is fetched each minute: its silence tells others that the monitor is dead."""

    name = "pulse"

    def __init__(self, url: str, *, private: bool = False) -> None:
        self._url, self._private = url, private

    async def beat(self) -> None:
        """Fetch it once.

        Raises:
            OutsideError: if it does not answer.
        """
        target = await resolve(self._url, "monitor.pulse_url", private=self._private)
        await call(target, "the pulse")


async def call(
    target: Target, who: str, *, body: bytes | None = None,
    headers: dict[str, str] | None = None, trust: ssl.SSLContext | None = None,
) -> None:  # fmt: skip
    """Call the very number that was checked, for the name that it was checked for.

    Raises:
        OutsideError: if it does not answer with success.
        UsageError: if the package for it is not installed.
    """
    try:
        import httpx2  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{who} needs the package {error.name}: pip install 'alphapanda[monitor]'"
        ) from None
    name = target.host if target.port == 443 else f"{target.host}:{target.port}"
    request: dict[str, Any] = {
        "headers": {**(headers or {}), "Host": name, "User-Agent": "alphapanda"},
        "extensions": {"sni_hostname": target.host},
    }
    verify = trust if trust is not None else ssl.create_default_context()
    client = httpx2.AsyncClient(
        verify=verify, trust_env=False, follow_redirects=False, timeout=LIMIT_S
    )
    try:
        method = "GET" if body is None else "POST"
        async with client, client.stream(method, target.url, content=body, **request) as answer:
            status = answer.status_code
            async for part in answer.aiter_raw(LARGEST):
                del part  # a body is read as far as politeness goes, and not looked at
                break
    except (httpx2.HTTPError, OSError, httpx2.InvalidURL) as error:
        # Its text may hold the address, and that the token.
        raise OutsideError(f"{who} does not answer ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise OutsideError(f"{who} answers with status {status}")


def channels_of(settings: Settings) -> list[Channel]:
    """Return the channels of the settings, the log first."""
    given = settings.alerts
    made: list[Channel] = [LogChannel()]
    if url := given.webhook_url.get_secret_value():
        made.append(Webhook(url, given.webhook_key.get_secret_value(), private=given.private))
    if token := given.telegram_token.get_secret_value():
        if not given.telegram_chat:
            raise UsageError("setting alerts.telegram_chat: which chat the bot writes to")
        made.append(Telegram(token, given.telegram_chat))
    return made
