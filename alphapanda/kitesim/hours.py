"""When instruments may be traded on a simulated day, by the calendar of the exchanges."""

from __future__ import annotations

from alphapanda.kitesim.listings import Listing
from alphapanda.model.calendar import (
    Calendar,
    Phase,
    Session,
    SessionGroup,
    ist_date,
    session_group,
)


class Hours:
    """The calendar's phases; a day on which it has none is open while data flow."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self.over = False
        """The data have ended, and with them every session."""

    def session(self, group: SessionGroup, now: int) -> Session | None:
        """Return a group's session on the day of a time."""
        return self._calendar.session(ist_date(now), group)

    def phase(self, listing: Listing, now: int) -> Phase:
        """Return the phase of an instrument."""
        if self.over:
            return Phase.CLOSED
        session = self.session(session_group(listing.instrument), now)
        if session is None:
            return Phase.OPEN
        phase = Phase.CLOSED
        for change in session.changes:
            if change.ts <= now:
                phase = change.phase
        return phase
