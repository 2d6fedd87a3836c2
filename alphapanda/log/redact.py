"""Takes secrets out of what is logged: by the name they stand under, by form, and by value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit
from uuid import UUID

HIDDEN = "***"
SHORTEST = 4
"""Shorter values are not looked for: they would be found everywhere."""
DEEPEST = 8

WORDS = ("password", "passwd", "passphrase", "secret", "credential", "cookie", "authorization")
"""In a name they make what stands under it a secret."""
ENDS = (
    "token", "tokens", "apikey", "privatekey", "securitykey", "securityoldkeys", "otp", "checksum",
    "signature",
)  # fmt: skip
"""The same at a name's end."""
PUBLIC = ("instrumenttoken", "instrumenttokens", "exchangetoken", "exchangetokens")
"""Kite's numbers of instruments are no secrets."""

OWNER = re.compile(r"(?<=://)[^\s/?#\"'<>@]+(?:@[^\s/?#\"'<>@]+)*@")
"""`user:password@` of an address."""
PAIR = re.compile(
    r"(?P<name>[A-Za-z][\w.-]*)(?P<sign>\\?[\"']?\s*[=:]\s*)"
    r"(?P<value>\\?\"[^\"]*\"?|\\?'[^']*'?|(?:(?:bearer|basic|token)\s+)?[^\s&,;)}\]\"']+)",
    re.IGNORECASE,
)
"""`name=value` of a query, `name: value` of a header, `"name": "value"` of JSON."""
JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
PLAIN = (int, float, bool, type(None))

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def know(*values: str) -> None:
    """Remember secret values, and passwords within addresses: no sink shows them from now on."""
    global _pattern  # noqa: PLW0603 (one process, one set of secrets)
    for value in values:
        _known.update(form for form in forms(value) if len(form) >= SHORTEST)
    longest_first = sorted(_known, key=lambda form: (-len(form), form))
    _pattern = re.compile("|".join(map(re.escape, longest_first))) if _known else None


def forget() -> None:
    """Forget all values."""
    _known.clear()
    know()


def forms(value: str) -> Iterable[str]:
    """Yield a secret as it may be written: plain, in an address, in JSON, in a repr."""
    password = urlsplit(value).password if "://" in value else None
    for secret in (value, *([password, unquote(password)] if password else [])):
        yield from (secret, quote(secret, safe=""), quote_plus(secret), quote(secret))
        yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
        yield repr(secret)[1:-1]


def is_secret(name: str) -> bool:
    """Say if what stands under a name is a secret."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain.endswith(PUBLIC):
        return False
    return plain.endswith(ENDS) or any(word in plain for word in WORDS)


def scrub(text: str) -> str:
    """Return a text without secrets."""
    if _pattern is not None:
        text = _pattern.sub(HIDDEN, text)
    text = JWT.sub(HIDDEN, OWNER.sub(f"{HIDDEN}@", text))
    return PAIR.sub(hide, text)


def hide(pair: re.Match[str]) -> str:
    """Return a name and its value, or stars in its place."""
    if is_secret(pair["name"]):
        return f"{pair['name']}{pair['sign']}{HIDDEN}"
    # `url=https://...?token=x` and `body={"token": "x"}`: a value may hold pairs of its own.
    return f"{pair['name']}{pair['sign']}{PAIR.sub(hide, pair['value'])}"


def clean(value: Any, depth: int = 0) -> Any:
    """Return a value that JSON can hold and that holds no secret."""
    if isinstance(value, PLAIN):
        return HIDDEN if str(value) in _known else value
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and depth == DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {scrub(str(name)): member(str(name), part, depth) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(part, depth + 1) for part in value]
    return scrub(text_of(value))


def text_of(value: Any) -> str:
    """Return a value as text; of what we don't know only its type, for its repr may say a lot."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (str, date, Decimal, PurePath, UUID)):
        return str(value)
    return f"<{type(value).__name__}>"


def member(name: str, value: Any, depth: int) -> Any:
    """Return what stands under a name, unless the name says that it is secret."""
    if is_secret(name) and value is not None and not isinstance(value, bool):
        return HIDDEN
    return clean(value, depth + 1)


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Clean an event of the log, exception and all."""
    return {
        scrub(name): value if name.startswith("_") else member(name, value, 0)
        for name, value in event.items()
    }
