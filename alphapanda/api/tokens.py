"""Access tokens: signed, short-lived, and nothing in them is believed that was not asked for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any, NamedTuple
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.store.sealing import key_of

ALGORITHM = "HS256"
ISSUER, AUDIENCE, ACCESS = "alphapanda", "alphapanda-api", "access"
CLAIMS = {"iss", "aud", "sub", "fam", "jti", "iat", "exp", "typ"}
LONGEST = 1_024
LONGEST_LIFE_S = 900
LEEWAY_S = 30


class Access(NamedTuple):
    """What a good token says."""

    user: UUID
    family: UUID
    issued_s: int
    expires_s: int


def derived(settings: Settings, label: str) -> bytes:
    """Return a key for one purpose, out of the installation's.

    Raises:
        UsageError: if there is no key, or it is none.
    """
    if not settings.security.key.get_secret_value():
        raise UsageError(
            "the API signs what it hands out: set ALPHAPANDA_SECURITY__KEY to what "
            "`alphapanda config key` prints"
        )
    root = key_of(settings.security.key)
    return HKDF(SHA256(), length=32, salt=None, info=f"alphapanda {label}".encode()).derive(root)


class Tokens:
    """Makes access tokens and reads them."""

    def __init__(self, settings: Settings) -> None:
        self._key = derived(settings, "access tokens")
        self._csrf = derived(settings, "csrf")
        self._life_s = settings.api.access_s

    def make(self, user: UUID, family: UUID) -> tuple[str, int]:
        """Return a token, and for how many seconds it is good."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": str(user), "fam": str(family),
            "jti": secrets.token_hex(8), "iat": now, "exp": now + self._life_s, "typ": ACCESS,
        }  # fmt: skip
        return jwt.encode(claims, self._key, ALGORITHM), self._life_s

    def read(self, token: str) -> Access | None:
        """Return what a token says; None if it is not one of ours, or no longer good."""
        if len(token) > LONGEST or not token.isascii():
            return None
        try:
            claims = jwt.decode(
                token, self._key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER,
                leeway=LEEWAY_S, options={"require": sorted(CLAIMS)},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        return access_of(claims)

    def csrf(self, session: str) -> str:
        """Return what a page has to send beside the cookie of a session."""
        mac = hmac.new(self._csrf, session.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    def is_csrf(self, session: str, given: str | None) -> bool:
        """Say if that was sent, in a time that tells nothing."""
        known = self.csrf(session).encode()
        return given is not None and hmac.compare_digest(known, given.encode("utf-8", "replace"))


def access_of(claims: dict[str, Any]) -> Access | None:
    """Return what claims with a good signature say, if they are those of an access token."""
    expires, issued = claims.get("exp"), claims.get("iat")
    if type(expires) is not int or type(issued) is not int or set(claims) != CLAIMS:
        return None
    if claims["typ"] != ACCESS or not 0 < expires - issued <= LONGEST_LIFE_S:
        return None
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
        return None
    try:
        return Access(UUID(claims["sub"]), UUID(claims["fam"]), issued, expires)
    except (ValueError, AttributeError, TypeError):
        return None
