"""The days of a run by its journal: a live run may go on behind the days of its manifest."""

from __future__ import annotations

from datetime import date

from alphapanda.journal.journal import Journal
from alphapanda.model.calendar import ist_date
from alphapanda.model.rows import Control


def days_of(journal: Journal) -> tuple[date, ...]:
    """Return the days in India of whose sessions a run has seen something, in order."""
    found = {
        ist_date(int(ts))
        for batch in journal.batches()
        for ts in batch.controls["ts"][batch.controls["kind"] == Control.PHASE]
    }
    return tuple(sorted(found))
