"""Broker tokens, encrypted by a key of the settings and bound to whom they belong.

AES-256-GCM, a random nonce, and the owner, account and purpose as what must agree: a token moved
to another row does not open. `v1.KEY.TEXT` names its key, so that keys can be changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from alphapanda.config.keys import KEY_BYTES
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.log import redact

VERSION = "v1"
NONCE_BYTES = 12


def seal(settings: Settings, token: str, *, purpose: str) -> str:
    """Return a token encrypted for the settings' owner and account; no log shows it from now on.

    Raises:
        UsageError: if there is no key, or it is none.
    """
    redact.know(token)
    key = key_of(settings.security.key)
    nonce = os.urandom(NONCE_BYTES)
    secret = AESGCM(key).encrypt(nonce, token.encode(), bound_to(settings, purpose))
    return ".".join((VERSION, name_of(key), base64.urlsafe_b64encode(nonce + secret).decode()))


def unseal(settings: Settings, sealed: str, *, purpose: str) -> str:
    """Return the token that was sealed; no log shows it from now on.

    Raises:
        OutsideError: if it was sealed by another key, for another owner, or was changed.
    """
    version, _, rest = sealed.partition(".")
    name, _, text = rest.partition(".")
    keys = [key_of(key) for key in (settings.security.key, *settings.security.old_keys)]
    known = [key for key in keys if name_of(key) == name]
    if version != VERSION or not known:
        raise OutsideError(
            f"the stored token for {purpose} was sealed by another key: put that into "
            "ALPHAPANDA_SECURITY__OLD_KEYS, or log in again"
        )
    try:
        raw = decode_exactly(text)
        nonce, secret = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
        token = AESGCM(known[0]).decrypt(nonce, secret, bound_to(settings, purpose)).decode()
    except (InvalidTag, ValueError):
        raise OutsideError(
            f"the stored token for {purpose} was changed, or is not this account's: log in again"
        ) from None
    redact.know(token)
    return token


def decode_exactly(text: str) -> bytes:
    """Return what was encoded, refusing any other text of the same bytes."""
    raw = base64.urlsafe_b64decode(text)
    if base64.urlsafe_b64encode(raw).decode() != text:
        raise ValueError("not as it was encoded")
    return raw


def key_of(key: SecretStr) -> bytes:
    """Return a key's bytes.

    Raises:
        UsageError: if there is none, or it does not have 32 bytes.
    """
    text = key.get_secret_value()
    if not text:
        raise UsageError(
            "to keep a broker's token a key is needed: set ALPHAPANDA_SECURITY__KEY to what "
            "`alphapanda config key` prints"
        )
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise UsageError(
            "setting security.key (ALPHAPANDA_SECURITY__KEY) is not 32 bytes as base64: "
            "`alphapanda config key` prints one"
        )
    return raw


def name_of(key: bytes) -> str:
    """Return a key's name, which tells nothing of it."""
    return hashlib.sha256(b"alphapanda key name " + key).hexdigest()[:8]


def bound_to(settings: Settings, purpose: str) -> bytes:
    """Return what a token is bound to, without two that read the same."""
    parts = (settings.owner_id, settings.account_id, purpose)
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
