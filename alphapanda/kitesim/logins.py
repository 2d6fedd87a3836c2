"""Logins and access tokens, as Kite gives and ends them; the seed decides what they are."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from alphapanda.kitesim.orders import Refusal
from alphapanda.model.calendar import DAY, IST, MINUTE

REQUEST_TOKEN_S = 180
"""Real seconds that a request token lives."""
EXPIRY = 6 * 60 * MINUTE
"""Access tokens die at 06:00 IST."""
INVALID = Refusal("Incorrect `api_key` or `access_token`.", "TokenException", 403)
REAL_KEY = Refusal(
    "SIMULATOR: this api_key is not the simulator's own. Never send a real key to it.",
    "TokenException", 403,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class App:
    """The one app that the simulator knows."""

    api_key: str
    api_secret: str
    user_id: str
    app_id: int = 1


def app_of(seed: int, user_id: str) -> App:
    """Return the app of a seed; its key can't be taken for a real one."""
    return App(f"simulator{seed}", f"simulatorsecret{digest(seed, 'secret')[:16]}", user_id)


class Logins:
    """Request tokens that wait for their exchange, and access tokens that live."""

    def __init__(self, app: App, seed: int) -> None:
        self.app = app
        self._seed, self._count = seed, 0
        self._waiting: dict[str, float] = {}
        self._living: dict[str, int] = {}

    def begin(self, real_s: float) -> str:
        """Return a request token, as the login page hands out."""
        token = self._token("request")
        self._waiting[token] = real_s
        return token

    def exchange(self, api_key: str, request_token: str, checksum: str, *, now: int,
                 real_s: float) -> str | Refusal:  # fmt: skip
        """Return an access token for a request token, which is used up."""
        if api_key != self.app.api_key:
            return REAL_KEY
        began = self._waiting.pop(request_token, None)
        if began is None or real_s - began > REQUEST_TOKEN_S:
            return Refusal("Token is invalid or has expired.", "TokenException", 403)
        right = hashlib.sha256(f"{api_key}{request_token}{self.app.api_secret}".encode())
        if not hmac.compare_digest(right.hexdigest(), checksum):
            return Refusal("Invalid `checksum`.", "TokenException", 403)
        token = self._token("access")
        self._living[token] = expiry(now)
        return token

    def refusal(self, api_key: str, access_token: str, now: int) -> Refusal | None:
        """Return why a call with these is refused; None: it is not."""
        if api_key and api_key != self.app.api_key:
            return REAL_KEY
        if now >= self._living.get(access_token, 0):
            self._living.pop(access_token, None)
            return INVALID
        return None

    def end(self, access_token: str | None = None) -> None:
        """End a token's life, or all tokens'."""
        if access_token is None:
            self._living.clear()
        else:
            self._living.pop(access_token, None)

    def _token(self, kind: str) -> str:
        self._count += 1
        return digest(self._seed, f"{kind}{self._count}")[:32]


def expiry(now: int) -> int:
    """Return when a token that is made now dies: the next 06:00 IST."""
    six = (now + IST) // DAY * DAY - IST + EXPIRY
    return six if now < six else six + DAY


def digest(seed: int, what: str) -> str:
    """Return text that a seed decides."""
    return hashlib.sha256(f"kitesim {seed} {what}".encode()).hexdigest()
