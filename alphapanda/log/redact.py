"""Takes secrets out of what is logged: by the name they stand under, by form, and by value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date
from decimal import Decimal
from enum import Enum
from itertools import islice
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

LONGEST = 16_384
"""Characters of a text that are kept: what comes from outside may be of any length."""
MARGIN = 4_096
"""Characters behind those that are looked at too: a secret that is cut would not be found."""
MEMBERS = 256
"""Members of a list or table that are kept."""

# No pattern may look at a character more than a few times, whatever the text: a line of the log is
# scrubbed where it is made, and that must not take minutes.
OWNER = re.compile(r"(?<=://)[^\s/?#\"'<>@]++(?:@[^\s/?#\"'<>@]++)*@")
"""`user:password@` of an address."""
NAME = re.compile(r"(?<![\w.-])(?P<name>[\w.-]++)\\?[\"']?\s*+[=:]\s*+")
"""`name=` of a query, `name: ` of a header, `"name": ` of JSON."""
VALUE = re.compile(
    r"\\?\"[^\"]*+\"?|\\?'[^']*+'?|(?:(?:bearer|basic|token)\s++)?[^\s&,;)}\]\"']++", re.IGNORECASE
)
"""What stands under a name."""
TOKEN, REST = re.compile(r"\beyJ[\w-]{5,}+"), re.compile(r"\.[\w-]++\.[\w-]*+")
"""A web token: its first part, and the others."""
OWN = re.compile(r"(?:ap_[0-9a-f]{12}_|a[rs]_)[\w-]{43}", re.ASCII)
"""Our own API keys, refresh tokens and secrets of sessions: by form, for they are many."""
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
    """Return a text without secrets, its beginning if it is long."""
    if len(text) <= LONGEST:
        return scrubbed(text)
    found = scrubbed(text[: LONGEST + MARGIN])
    # A secret that was cut in two stands at the very end, and is no longer than the margin.
    kept = found[: min(LONGEST, max(len(found) - MARGIN, 0))]
    return f"{kept}... ({len(text):,} characters)"


def scrubbed(text: str) -> str:
    """Return a text, all of it, without secrets."""
    if _pattern is not None:
        text = _pattern.sub(HIDDEN, text)
    text = OWN.sub(HIDDEN, OWNER.sub(f"{HIDDEN}@", text))
    return without_values(without_tokens(text))


def without_tokens(text: str) -> str:
    """Return a text without web tokens."""
    parts, at = [], 0
    for found in TOKEN.finditer(text):
        rest = REST.match(text, found.end())
        if rest is not None and found.start() >= at:
            parts += [text[at : found.start()], HIDDEN]
            at = rest.end()
    return "".join([*parts, text[at:]])


# `url=https://...?token=x` and `body={"token": "x"}`: what stands under a name that is no secret's
# may hold pairs of its own, so the search goes on right behind the sign.
def without_values(text: str) -> str:
    """Return a text without what stands under names that say that it is secret."""
    parts, at, place = [], 0, 0
    while (found := NAME.search(text, place)) is not None:
        place = found.end()
        if is_secret(found["name"]):
            value = VALUE.match(text, place)
            if value is not None:
                parts += [text[at:place], HIDDEN]
                at = place = value.end()
    return "".join([*parts, text[at:]])


def clean(value: Any, depth: int = 0) -> Any:
    """Return a value that JSON can hold and that holds no secret."""
    if isinstance(value, PLAIN):
        return HIDDEN if str(value) in _known else value
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and depth == DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        some = islice(value.items(), MEMBERS)
        kept = {scrub(str(name)): member(str(name), part, depth) for name, part in some}
        return {**kept, **({"...": f"{len(value):,} members"} if len(value) > MEMBERS else {})}
    if isinstance(value, (list, tuple, set, frozenset)):
        found = [clean(part, depth + 1) for part in islice(value, MEMBERS)]
        return found + ([f"... ({len(value):,} members)"] if len(value) > MEMBERS else [])
    return scrub(text_of(value))


def text_of(value: Any) -> str:
    """Return a value as text; of what we don't know only its type, for its repr may say a lot."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value[: LONGEST + MARGIN + 1]).decode("utf-8", "backslashreplace")
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
