"""What a request's headers say: read once, as text, the bytes that are no text refused."""

from __future__ import annotations

from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from alphapanda.api.answers import ApiError

COOKIE = "__Host-session"


def header(scope: Scope, name: str) -> str | None:
    """Return a header, or None; said twice it is refused.

    Raises:
        ApiError: if it is there more than once.
    """
    wanted = name.lower().encode()
    found = [value for key, value in scope["headers"] if key == wanted]
    if len(found) > 1:
        raise ApiError(400, f"the header {name} is there more than once")
    return found[0].decode("latin-1") if found else None


def cookie(scope: Scope) -> str | None:
    """Return the session's cookie, or None.

    Raises:
        ApiError: if it is there more than once.
    """
    text = header(scope, "cookie")
    if text is None:
        return None
    if text.count(f"{COOKIE}=") > 1:
        raise ApiError(400, "two session cookies")
    try:
        found = SimpleCookie(text).get(COOKIE)
    except CookieError:
        return None
    return None if found is None or not found.value else found.value


def address_of(scope: Scope, proxies: Collection[str]) -> str:
    """Return where a request comes from; a forwarded address counts from a proxy of ours alone."""
    client = scope.get("client") or ("", 0)
    direct = str(client[0])
    if direct not in proxies:
        return direct
    forwarded = header(scope, "x-forwarded-for") or ""
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    for hop in reversed(hops):  # the last that no proxy of ours put there itself
        if hop not in proxies:
            return hop[:64]
    return direct
