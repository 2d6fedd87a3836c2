"""Tickets for WebSockets, each good once and for half a minute; kept as digests, in memory only."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple
from uuid import UUID

from alphapanda.api import people
from alphapanda.api.who import Login, Who

TICKET_S = 30.0
MOST_TICKETS = 1_000


class Ticket(NamedTuple):
    """A ticket that was not used yet."""

    who: Who
    login: Login
    until: float


class Tickets:
    """Those that are out; of too many the oldest are void."""

    def __init__(self) -> None:
        self._out: dict[str, Ticket] = {}

    def make(self, who: Who, login: Login) -> str:
        """Return a new ticket."""
        now = time.monotonic()
        for name, ticket in list(self._out.items()):
            if ticket.until < now or len(self._out) >= MOST_TICKETS:
                del self._out[name]
        made = secrets.token_urlsafe(24)
        self._out[people.digest(made)] = Ticket(who, login, now + TICKET_S)
        return made

    def use(self, name: str) -> Ticket | None:
        """Return a ticket; it is good no more."""
        ticket = self._out.pop(people.digest(name), None)
        return None if ticket is None or ticket.until < time.monotonic() else ticket

    def forget(self, user: UUID | None) -> None:
        """Make a user's tickets void, or all."""
        for name, ticket in list(self._out.items()):
            if user is None or ticket.who.user == user:
                del self._out[name]
