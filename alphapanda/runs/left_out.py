"""What is in no bar where bars are made of a recording's rows, and what that leaves unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alphapanda.data.replay.resampled import Resampled
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar, Phase, SessionGroup
from alphapanda.model.interval import interval_text
from alphapanda.model.notes import Note, Rank
from alphapanda.runs.closing_notes import auctions_text, outside_note


def left_out_notes(
    rows: Resampled, calendar: Calendar, groups: Sequence[SessionGroup]
) -> Iterator[str]:
    """Yield how many rows are in no bar, by reason.

    Raises:
        UsageError: if no row is in one.
    """
    found, asked = rows.left_out, f"bars of {interval_text(rows.interval_ns)}"
    outside = found.phases[Phase.CLOSED]
    note = outside_note(
        outside, found.rows, (found.first_ns, found.last_ns), calendar, sorted(set(groups)),
        became=f"they are in none of the {asked}",
    ) if outside else None  # fmt: skip
    said = auctions_text(
        *(found.phases[phase] for phase in (Phase.PRE_OPEN, Phase.AUCTION, Phase.POST_CLOSE))
    )
    if not rows.rows:
        why = note or f"all rows lie outside continuous trading: {said}"
        raise UsageError(f"--bars: {why}. --calendar always trades at any time.")
    if note is not None:
        yield note
    if said:
        yield Note(
            f"rows outside continuous trading, which are in none of the {asked}: {said}",
            Rank.LEFT_OUT,
        )
    if found.begun:
        yield Note(
            f"on {found.begun:,} days an instrument's rows begin within the session: what was "
            "traded before the first is in no bar's volume", Rank.ASSUMED,
        )  # fmt: skip
