"""Addresses of our own page: only from them may a browser speak to the API, by these names."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from alphapanda.api.answers import ApiError
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Origins:
    """The exact origins of the page, and the names the API may be asked by."""

    def __init__(self, settings: Settings, port: int | None = None) -> None:
        api = settings.api
        self.scheme = "http" if api.tls_cert is None else "https"
        self.given = tuple(origin(text) for text in api.origins)
        self.host, self.more = api.host, api.hosts
        self.allowed: set[str] = set()
        self.hosts: set[str] = set()
        self.at(api.port if port is None else port)

    def at(self, port: int) -> None:
        """Take in the port at last, where it was free to choose."""
        names = (*LOOPBACK, self.host) if self.host in LOOPBACK or not self.given else ()
        own = {f"{self.scheme}://{name}:{port}" for name in names}
        self.allowed = own | set(self.given)
        places = {urlsplit(each).netloc for each in self.allowed}
        self.hosts = places | set(self.more)

    def require(self, given: str | None, host: str | None) -> None:
        """Refuse a foreign origin, before anything else is looked at; then a foreign name.

        Raises:
            ApiError: if it is not one of ours.
        """
        if given is not None and given not in self.allowed:
            raise ApiError(403, "not from this origin")
        if host is None or host.lower() not in self.hosts:
            raise ApiError(400, "not by this name: api.hosts has those that may be used")

    def require_own(self, given: str | None) -> None:
        """Refuse what a cookie may not do without saying where it comes from.

        Raises:
            ApiError: if it does not say so.
        """
        if given is None or given not in self.allowed:
            raise ApiError(403, "the header Origin has to be that of the page")


def origin(text: str) -> str:
    """Return an origin of the settings.

    Raises:
        UsageError: if it is none.
    """
    parts: Any = urlsplit(text)
    if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != text:
        raise UsageError(
            f"setting api.origins: {text} is no origin: write it as https://HOST or http://HOST:PORT"
        )
    return text
