"""What is in no bar where bars are made of a recording's rows, and what that leaves unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from alphapanda.data.replay.resampled import Resampled, Rows
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar, Phase, SessionGroup
from alphapanda.model.interval import interval_text
from alphapanda.model.notes import Note, Rank
from alphapanda.runs.closing_notes import auctions_text, outside_note


def idle_notes(idle: Mapping[date, int], rows: int) -> Iterator[Note]:
    """Yield how many day bars lay on days without trading, and were left out; `rows` were not."""
    if idle:
        count = sum(idle.values())
        yield Note(
            f"{count:,} of {count + rows:,} day bars lie on days without trading (first "
            f"{min(idle)}, last {max(idle)}): they were left out; --calendar always takes every "
            "day", Rank.MISSED if count > rows else Rank.LEFT_OUT,
        )  # fmt: skip


def left_out_notes(rows: Rows, calendar: Calendar, groups: Sequence[SessionGroup]) -> Iterator[str]:
    """Yield how many rows are left out of a run before it begins, by reason.

    Raises:
        UsageError: if no row is in a bar that is to be made of them.
    """
    if not isinstance(rows, Resampled):
        yield from idle_notes(rows.idle, rows.rows)
        return
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
