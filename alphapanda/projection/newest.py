"""The newest row of each instrument that a run has been fed, out of its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from alphapanda.events.events import Envelope
from alphapanda.events.feeds import PLACE, Feed, fields_of, numbered
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
        found: list[Columns] = []
        seqs: list[NDArray[np.int64]] = []
        for batch in self._journal.batches(len(places) - len(new) + len(passed)):
            self._seq += batch.missed
            if batch.columns.rows:
                found.append(batch.columns)
                seqs.append(self._seq + np.arange(batch.columns.rows))
            self._seq += batch.columns.rows
        events = list(self._newest(found, seqs)) if found else []
        return events, sum(place.rows for place in new) - len(events)

    def _newest(
        self, found: Sequence[Columns], seqs: Sequence[NDArray[np.int64]]
    ) -> Iterator[Envelope]:
        names = [*PLACE, *fields_of(self._feed)]
        whole = {name: np.concatenate([getattr(each, name) for each in found]) for name in names}
        _, back = np.unique(whole["row"][::-1], return_index=True)
        last = len(whole["row"]) - 1 - back
        rows = Columns.of(**{name: values[last] for name, values in whole.items()})
        return numbered(self._feed, rows, np.concatenate(seqs)[last].tolist())


def feed_in(journal: Journal) -> Feed:
    """Return the feed that a run's manifest tells of."""
    manifest = journal.contents.manifest
    market = manifest["market"]
    return Feed(
        manifest["feed"], market["kind"], market["interval_ns"], frozenset(market["columns"]),
        tuple(market["names"]), tuple(map(Instrument.of, manifest["instruments"])),
        tuple(map(date.fromisoformat, market["days"])), None,
    )  # fmt: skip
