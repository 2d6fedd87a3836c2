"""What stands behind output rows: the rows and commands of a batch, and their ids.

Ids hash the feed and the row's place in it, so they are the same in every run that reads the feed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from alphapanda.events.events import event_id
from alphapanda.model.columns import Columns
from alphapanda.model.rows import Control, Out, ReportKind
from alphapanda.model.texts import AdoptTexts, CommandTexts, ReportTexts, Texts, part_id, worded


class Inputs:
    """The ids of a batch's inputs by their `cause`, the sequence that output rows name."""

    def __init__(
        self, feed: str, before: Position, batch: Columns, controls: Any,
        texts: Sequence[Texts] = (),
    ) -> None:  # fmt: skip
        self._feed = feed
        self._before = before
        self._batch = batch
        self._controls = controls
        self._texts = texts
        self._at = before.cause + 1 + controls["at"] + np.arange(len(controls))
        self._parts: Counter[int] = Counter()

    def id(self, cause: int) -> str:
        """Return the id of the input that stands behind an output row."""
        place = self.place(cause)
        if place is None:
            return self._before.input
        kind, number = place
        if kind == "control":
            ts = int(self._controls["ts"][number])
            return event_id(ts, self._feed, kind, self._before.controls + number)
        return tick_id(self._feed, self._before.rows + number, int(self._batch.ts[number]))

    def place(self, cause: int) -> tuple[str, int] | None:
        """Return which `control` or `market` row of the batch a cause is; None: it came before."""
        if cause <= self._before.cause:
            return None
        number = int(np.searchsorted(self._at, cause))
        if number < len(self._at) and self._at[number] == cause:
            return "control", number
        return "market", cause - self._before.cause - 1 - number

    def command(self, cause: int) -> CommandTexts:
        """Return what the command behind an output row says in words."""
        found = self._given(cause)
        if isinstance(found, AdoptTexts):
            return CommandTexts(found.command, found.by, found.reason)
        return found if isinstance(found, CommandTexts) else CommandTexts("")

    def adopted(self, cause: int) -> str:
        """Return the broker's number of the order that the command behind a row takes over."""
        found = self._given(cause)
        return found.broker_order_id if isinstance(found, AdoptTexts) else ""

    def _given(self, cause: int) -> Texts | None:
        place = self.place(cause)
        assert place is not None, "a command is of its own batch"
        return self._words(place[1])

    def report(self, kind: Out, cause: int, order: int) -> dict[str, Any]:
        """Return what the report that an output row repeats says beside it; nothing of others."""
        place = self.place(cause)
        if place is None or place[0] != "control":
            return {}
        row = self._controls[place[1]]
        if row["kind"] != Control.REPORT or row["b"] != order:
            return {}
        if kind == Out.UNKNOWN and row["a"] != ReportKind.UNKNOWN:
            return {}
        found = self._words(place[1])
        words = found._asdict() if isinstance(found, ReportTexts) else {}
        if kind == Out.FILL and row["a"] == ReportKind.SQUARED_OFF:
            self._parts[cause] += 1
            words["trade_id"] = part_id(words["trade_id"], self._parts[cause])
        return {"exchange_ns": int(row["d"]), **words}

    def _words(self, control: int) -> Texts | None:
        number = int(worded(self._controls[:control]).sum())
        return self._texts[number] if number < len(self._texts) else None

    def after(self) -> Position:
        """Return the position behind the batch."""
        cause = self._before.cause + self._batch.rows + len(self._controls)
        last = self.id(cause)
        return Position(
            cause, self._before.rows + self._batch.rows,
            self._before.controls + len(self._controls), last,
        )  # fmt: skip


class Position(NamedTuple):
    """How much of its inputs a run has taken, and the id of the last."""

    cause: int = 0
    rows: int = 0
    controls: int = 0
    input: str = ""


def tick_id(feed: str, feed_seq: int, ts: int) -> str:
    """Return the id of a market row, the same in every run that reads the feed."""
    return event_id(ts, feed, feed_seq)
