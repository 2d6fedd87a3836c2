"""Who asks: a user, by a browser's session, a key or a token, with what that may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Scope

from alphapanda.api.answers import ApiError
from alphapanda.store.words import UserRole

SESSION, KEY, TOKEN = "session", "key", "token"


@dataclass(frozen=True, slots=True)
class Who:
    """A user who has shown who he is."""

    user: UUID
    owner: str
    name: str
    role: UserRole
    scopes: frozenset[str]
    kind: str
    """`session`, `key` or `token`."""
    login: UUID
    """The session, the key, or the family of tokens."""
    stepped_until_ns: int = 0
    stale: bool = False
    """The database does not answer: this is what it said a short while ago."""

    def may(self, scope: str) -> bool:
        """Say if he may do what needs a scope."""
        return scope in self.scopes


Look = Callable[[AsyncSession], Awaitable[Who | None]]
"""How to look him up again."""


class Login(NamedTuple):
    """By what somebody has shown who he is, to look that up again."""

    credential: str
    look: Look


def who_of(scope: Scope) -> Who:
    """Return who asks.

    Raises:
        ApiError: if nobody has shown who he is.
    """
    found = scope.get("state", {}).get("who")
    if not isinstance(found, Who):
        raise ApiError(401, "log in first")
    return found
