"""The layers of the API around its routes, each plain ASGI: they answer, and raise nothing.

From outside: the request's id and its line in the log; the guard (framing, size, time, origin);
security headers; the limit by address; who asks; the limit by user.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alphapanda import log
from alphapanda.api.answers import API_CSP, CSP, SECURITY, ApiError, not_found, refuse
from alphapanda.api.auth import AuthService
from alphapanda.api.headers import address_of, cookie, header
from alphapanda.api.limits import SlidingLog
from alphapanda.api.origins import Origins
from alphapanda.api.scopes import V1
from alphapanda.api.who import Who
from alphapanda.config.settings import Settings
from alphapanda.log.redact import OWN

LOG = log.get("api")
HEADER_BYTES = 16_384
BODY_S = 5.0
COMMANDS = f"{V1}/commands"
IN_QUERY = {"token", "access_token", "api_key", "apikey", "key", "ticket", "password", "jwt"}
LENGTH = re.compile(r"[0-9]{1,18}")
TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.", re.ASCII)
STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""What no name has: a database that takes no NUL would call it a mistake of ours."""
SAFE = {"GET", "HEAD", "OPTIONS"}


class Identified:
    """Gives each request an id, and writes its line in the log: no query, no body, no header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = secrets.token_hex(8)
        began, status = time.perf_counter(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                add(message, {"X-Request-Id": state["request_id"]})
            await send(message)

        with log.bound(correlation_id=state["request_id"]):
            try:
                await self.app(scope, receive, named)
            finally:
                route, who = scope.get("route"), state.get("who")
                LOG.info(
                    "request", method=scope.get("method", "WS"),
                    route=getattr(route, "path", "none"), status=status,
                    who=who.name if isinstance(who, Who) else None,
                    ms=round((time.perf_counter() - began) * 1_000, 1),
                )  # fmt: skip


class Guard:
    """Refuses what no honest client sends, and reads bodies whole: bounded in size and time."""

    def __init__(self, app: ASGIApp, settings: Settings, origins: Origins) -> None:
        self.app, self.settings, self.origins = app, settings, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            self.see(scope)
            body = b"" if scope["type"] == "websocket" else await self.read(receive)
        except ApiError as error:
            await refuse(scope, receive, send, error)
            return
        given = scope["type"] == "websocket"

        async def replayed() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replayed, send)

    def see(self, scope: Scope) -> None:
        """Look at a request's headers and address.

        Raises:
            ApiError: for what may not be.
        """
        headers = scope["headers"]
        self.origins.require(header(scope, "origin"), header(scope, "host"))
        # Before anything is counted: a page of another site may not spend what a kill needs.
        foreign = header(scope, "sec-fetch-site") in ("cross-site", "same-site")
        if foreign and scope["path"].startswith("/api/"):
            raise ApiError(403, "not from another site")
        if sum(len(name) + len(value) + 4 for name, value in headers) > HEADER_BYTES:
            raise ApiError(431, "too many bytes of headers")
        names = {name for name, _ in headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            raise ApiError(400, "a length and chunks at once")
        if b"content-encoding" in names:
            raise ApiError(415, "no compressed bodies")
        length = header(scope, "content-length")
        if length is not None and not LENGTH.fullmatch(length):
            raise ApiError(400, "the length is none")
        if length is not None and int(length) > self.settings.api.body_bytes:
            raise ApiError(413, "the body is too large")
        if STEERING.search(scope["path"]):
            raise not_found()
        for name, value in parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=None):
            if name.lower() in IN_QUERY or OWN.search(value) or TOKEN.search(value):
                raise ApiError(400, "no credential belongs into an address: send a header")

    async def read(self, receive: Receive) -> bytes:
        """Return a request's body.

        Raises:
            ApiError: if it is too large, or takes too long.
        """
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "the request ended early")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self.settings.api.body_bytes:
                        raise ApiError(413, "the body is too large", headers=CLOSE)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise ApiError(408, "the body took too long", headers=CLOSE) from None


CLOSE = {"Connection": "close"}


class SecurityHeaders:
    """Adds what browsers keep to; a page's policy differs from that of data."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        policy = API_CSP if scope.get("path", "").startswith(("/api/", "/health")) else CSP

        async def secured(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                add(message, {**SECURITY, "Content-Security-Policy": policy})
            await send(message)

        await self.app(scope, receive, secured)


class LimitedByAddress:
    """Counts an address's requests; those that may stop trading are counted apart."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        calls = settings.api.address_calls
        self.all, self.commands = SlidingLog(calls, 60), SlidingLog(calls, 60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            address = address_of(scope, self.settings.api.trusted_proxies)
            scope["state"]["address"] = address
            asks = scope["path"] == COMMANDS and scope.get("method") == "POST"
            counted = self.commands if asks else self.all
            counted.require(address)
        except ApiError as error:
            await refuse(scope, receive, send, error)
            return
        await self.app(scope, receive, send)


class Authenticated:
    """Finds out who asks, by one credential; what is not public needs one."""

    def __init__(self, app: ASGIApp, auth: AuthService, origins: Origins) -> None:
        self.app, self.auth, self.origins = app, auth, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            self.see_ready()
            if not is_public(scope):
                scope["state"]["who"] = await self.identified(scope)
        except ApiError as error:
            await refuse(scope, receive, send, error)
            return
        await self.app(scope, receive, send)

    def see_ready(self) -> None:
        """Refuse whatever comes before it can be known who asks.

        Raises:
            ApiError: if the service has not been started.
        """
        if not self.auth.started:
            raise ApiError(503, "not ready yet", headers={"Retry-After": "1"})

    async def identified(self, scope: Scope) -> Who:
        """Return who asks.

        Raises:
            ApiError: if nobody has shown who he is, or in more than one way.
        """
        shown = cookie(scope)
        bearer, key = header(scope, "authorization"), header(scope, "x-api-key")
        ticket = ticket_of(scope)
        if sum(each is not None for each in (shown, bearer, key, ticket)) > 1:
            raise ApiError(400, "one credential, not several")
        who = None
        if shown is not None:
            who = await self.by_cookie(scope, shown)
        elif key is not None:
            who = await self.auth.by_bearer(key) if key.startswith("ap_") else None
        elif bearer is not None:
            kind, _, text = bearer.partition(" ")
            who = await self.auth.by_bearer(text) if kind.lower() == "bearer" else None
        elif ticket is not None:
            used = self.auth.tickets.use(ticket)
            if used is not None:
                scope["state"]["login"] = used.login
                who = used.who
        if who is None:
            raise ApiError(401, "log in first")
        return who

    async def by_cookie(self, scope: Scope, shown: str) -> Who | None:
        """Return whose session a cookie is; what writes has to come from our own page."""
        who = await self.auth.by_cookie(shown)
        if who is None:
            return None
        fetched = header(scope, "sec-fetch-site")
        reads = scope["type"] == "http" and scope["method"] in SAFE
        if reads and fetched not in (None, "same-origin", "none"):
            raise ApiError(403, "not from another site")
        if not reads:
            self.origins.require_own(header(scope, "origin"))
            if fetched not in (None, "same-origin"):
                raise ApiError(403, "not from another site")
        if scope["type"] == "http" and not reads:
            if not self.auth.tokens.is_csrf(shown, header(scope, "x-csrf-token")):
                raise ApiError(403, "the header X-CSRF-Token is not that of the session")
        return who


class LimitedByUser:
    """Counts a user's requests; commands are counted where it is known what they are."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.calls = SlidingLog(settings.api.rate_calls, settings.api.rate_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        who = scope.get("state", {}).get("who")
        writes = scope.get("method") == "POST" and scope["path"].startswith(COUNTED_APART)
        if isinstance(who, Who) and not writes:
            try:
                self.calls.require(str(who.user))
            except ApiError as error:
                await refuse(scope, receive, send, error)
                return
        await self.app(scope, receive, send)


COUNTED_APART = (COMMANDS, f"{V1}/orders/", f"{V1}/strategies/")
PUBLIC = {f"{V1}/auth/login", f"{V1}/auth/token", f"{V1}/auth/refresh"}
KEPT = ("/api/", "/metrics", "/docs", "/openapi.json")


def is_public(scope: Scope) -> bool:
    """Say if a request needs nobody: logging in, health, and the files of the page."""
    path = scope["path"]
    if scope["type"] == "websocket":
        return False
    return path in PUBLIC or not path.startswith(KEPT)


def ticket_of(scope: Scope) -> str | None:
    """Return the ticket among a WebSocket's subprotocols, or None."""
    found = [each for each in scope.get("subprotocols", ()) if each.startswith("ticket.")]
    return found[0].removeprefix("ticket.") if found else None


def add(message: Message, headers: dict[str, Any]) -> None:
    """Add headers to the start of an answer, unless it has them."""
    have = {name.lower() for name, _ in message.get("headers", ())}
    more = [
        (name.lower().encode(), str(value).encode("latin-1")) for name, value in headers.items()
        if name.lower().encode() not in have
    ]  # fmt: skip
    message["headers"] = [*message.get("headers", ()), *more]
