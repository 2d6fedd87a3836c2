"""The newest row of each instrument that a run has been fed, out of its journal."""

from __future__ import annotations

from datetime import date

import numpy as np

from alphapanda.events.events import Envelope
from alphapanda.events.feeds import Feed, envelopes
from alphapanda.journal.journal import Journal
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument

MOST = 256
"""Batches that are looked at: of an instrument that is in none of them nothing is shown yet."""


class NewestRows:
    """Looks at what a journal has gained since it was looked at before."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._batches = 0
        self._seq = 0
        self._feed = feed_in(journal)

    def take(self) -> tuple[list[Envelope], int]:
        """Return the newest rows as events, and how many rows were passed over for them."""
        places = self._journal.contents.batches
        new, self._batches = places[self._batches :], len(places)
        passed = new[:-MOST]
        self._seq += sum(place.rows + place.missed for place in passed)
        newest: dict[int, tuple[int, Columns]] = {}
        for batch in self._journal.batches(len(places) - len(new) + len(passed)):
            self._seq += batch.missed
            rows, back = np.unique(batch.columns.row[::-1], return_index=True)
            last = batch.columns.rows - 1 - back
            for row, at in zip(rows.tolist(), last.tolist(), strict=True):
                newest[row] = self._seq + at, batch.columns.slice(at, at + 1)
            self._seq += batch.columns.rows
        events = [one for seq, row in newest.values() for one in envelopes(self._feed, row, seq)]
        return events, sum(place.rows for place in new) - len(events)


def feed_in(journal: Journal) -> Feed:
    """Return the feed that a run's manifest tells of."""
    manifest = journal.contents.manifest
    market = manifest["market"]
    return Feed(
        manifest["feed"], market["kind"], market["interval_ns"], frozenset(market["columns"]),
        tuple(market["names"]), tuple(map(Instrument.of, manifest["instruments"])),
        tuple(map(date.fromisoformat, market["days"])), None,
    )  # fmt: skip
