"""API keys: made once, shown once, stored as a hash, found by a public prefix."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple

MARK = "ap"
PREFIX_BYTES = 6
SECRET_BYTES = 32


class NewKey(NamedTuple):
    """A key for its owner, and what the table keeps of it."""

    key: str
    prefix: str
    hash: str


def make_key() -> NewKey:
    """Make up a key. It has 256 random bits, so a plain hash of it cannot be guessed back."""
    prefix = f"{MARK}_{secrets.token_hex(PREFIX_BYTES)}"
    key = f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return NewKey(key, prefix, digest(key))


def prefix_of(key: str) -> str:
    """Return the part by which a key is looked up; a text that is no key has one of no key."""
    mark, _, rest = key.partition("_")
    return f"{mark}_{rest.partition('_')[0]}"


def is_same(key: str, stored: str) -> bool:
    """Say if a key is the one that was stored, in a time that tells nothing."""
    return hmac.compare_digest(digest(key), stored)


def digest(key: str) -> str:
    """Return the hash of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
