"""When instruments may be traded on a simulated day, by the calendar of the exchanges."""

from __future__ import annotations

from collections.abc import Iterable

from alphapanda.kitesim.listings import Listing
from alphapanda.model.calendar import (
    DAY,
    IST,
    Calendar,
    Phase,
    Session,
    SessionGroup,
    ist_date,
    session_group,
)

TRADED = (Phase.OPEN, Phase.AUCTION)
"""Phases whose trades are in candles: 375 minutes on a day of shares, from 09:15 to 15:29."""


class Hours:
    """The calendar's phases; a day on which it has none is open while data flow."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._sessions: dict[tuple[int, SessionGroup], Session | None] = {}
        self.over = False
        """The data have ended, and with them every session."""

    def session(self, group: SessionGroup, now: int) -> Session | None:
        """Return a group's session on the day of a time."""
        return self._calendar.session(ist_date(now), group)

    def in_candles(self, listing: Listing, ts: int) -> bool:
        """Say if a row of a time is in a candle: rows outside of trading are in none of Kite's."""
        group = session_group(listing.instrument)
        key = (ts + IST) // DAY, group
        if key not in self._sessions:
            self._sessions = {**self._sessions, key: self.session(group, ts)}
        session = self._sessions[key]
        return session is None or phase_at(session, ts) in TRADED

    def day_over(self, listings: Iterable[Listing], now: int) -> int:
        """Return when the last session of a day is over, ns UTC; `now` if none is."""
        groups = {session_group(listing.instrument) for listing in listings}
        sessions = [self.session(group, now) for group in groups]
        return max((each.changes[-1].ts for each in sessions if each is not None), default=now)

    def phase(self, listing: Listing, now: int) -> Phase:
        """Return the phase of an instrument."""
        if self.over:
            return Phase.CLOSED
        session = self.session(session_group(listing.instrument), now)
        if session is None:
            return Phase.OPEN
        return phase_at(session, now)


def phase_at(session: Session, ts: int) -> Phase:
    """Return the phase of a session at a time."""
    phase = Phase.CLOSED
    for change in session.changes:
        if change.ts <= ts:
            phase = change.phase
    return phase
