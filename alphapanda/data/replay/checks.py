"""The rules that market rows must keep, checked in running order on their way to the core.

A *defect* is a row that breaks one. Without repair the first stops the run; with repair such rows
are dropped and counted by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from alphapanda.data.replay.blocks import (
    Block,
    Mask,
    Places,
    before_each,
    grouping,
    heads,
    peak_before_each,
    repeated,
    take,
)
from alphapanda.data.schema import (
    BAR_PRICES,
    FRACTION,
    NULL,
    PRICES,
    QUANTITIES,
    Kind,
)
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.columns import Int64
from alphapanda.model.money import BOUND, SCALE

DETAILS: Mapping[str, str] = {
    "null": "the value is missing",
    "no quote": "there is neither a bid nor an ask",
    "inconsistent bar": "open and close must lie between low and high",
    "invalid quantity": f"a quantity must lie between 0 and {BOUND} units",
    "invalid price": f"it must be above 0 (a bid or ask: 0 is none) and below {BOUND // SCALE:,}",
}


class Defect(Exception):  # noqa: N818 - it is a finding; what the user meets is a UsageError
    """The first row that breaks a rule, where repair was not asked for."""

    def __init__(
        self, kind: str, field: str, pos: int, detail: str, *, other: int | None = None
    ) -> None:
        super().__init__(f"{kind}: {field} at {pos}: {detail}")
        self.kind, self.field, self.pos, self.detail = kind, field, pos, detail
        self.other = other
        """The position of the row that it is compared with."""


class Checks:
    """The rules of one kind of data; every method returns the rows that keep its rule.

    Every method raises a Defect instead unless repairing.
    """

    def __init__(
        self, *, kind: Kind, fields: tuple[str, ...], instruments: int, repair: bool,
        keep_repeats: bool = False,
    ) -> None:  # fmt: skip
        self.dropped: Counter[str] = Counter()
        self._kind, self._fields, self._repair = kind, fields, repair
        self._keep_repeats = keep_repeats
        self._volume = np.zeros(instruments, dtype=np.int64)
        self._volume_day = np.zeros(instruments, dtype=np.int64)

    def values(self, block: Block) -> Block:
        """Prices and quantities are there and within bounds, bars consistent, quantities whole.

        A fraction raises also when repairing: the user has to say the scale.
        """
        found = [
            (field, mask)
            for field in self._fields
            if (mask := _outside(block[field], least=_least(field))) is not None
        ]
        if self._kind == "bar" and (inconsistent := _inconsistent(block)).any():
            found.append(("high", inconsistent))
        if not found:
            return block
        _refuse_fractions(block, found)
        if not self._repair:
            raise self._first_defect(block, found)
        bad = np.zeros(len(block["ts"]), dtype=np.bool_)
        for field, mask in found:
            for number in block[field][mask & ~bad].tolist():
                self.dropped[self._kind_of(field, number)] += 1
            bad |= mask
        return take(block, ~bad)

    def repeats(self, block: Block) -> Block:
        """No row repeats another exactly, and of bars there is one a time.

        Of several bars the last in the order of files counts: a candle is written again as it goes
        on. All rows of one time must be in one block.
        """
        if self._kind == "bar":
            return self._last_of_each_time(block)
        bad = None if self._keep_repeats else repeated(block)
        if bad is None:
            return block
        if not self._repair:
            pos = int(block["pos"][int(bad.argmax())])
            raise Defect("duplicate", "ts", pos, "the row repeats an earlier one exactly")
        self.dropped["duplicate"] += int(bad.sum())
        return take(block, ~bad)

    def _last_of_each_time(self, block: Block) -> Block:
        ts, row = block["ts"], block["row"]
        again = np.flatnonzero((ts[1:] == ts[:-1]) & (row[1:] == row[:-1]))
        if not len(again):
            return block
        exact = repeated(block)
        if not self._repair:
            one, other = int(again[0]), int(again[0]) + 1
            if exact is not None and exact[other]:
                pos = int(block["pos"][other])
                raise Defect("duplicate", "ts", pos, "the row repeats an earlier one exactly")
            first, second = sorted((int(block["pos"][one]), int(block["pos"][other])))
            detail = "a second bar of this time, with other values"
            raise Defect("duplicate", "ts", second, detail, other=first)
        # Of one time late rows lie last, whatever their place in the file.
        places = np.lexsort((block["pos"], row, ts))
        at, of = ts[places], row[places]
        same = (at[1:] == at[:-1]) & (of[1:] == of[:-1])
        bad = np.zeros(len(ts), dtype=np.bool_)
        bad[places[:-1][same]] = True
        repeats = int(exact.sum()) if exact is not None else 0
        self.dropped["duplicate"] += repeats
        self.dropped["earlier bar of its time"] += int(bad.sum()) - repeats
        self.dropped = +self.dropped
        if "late" in block:  # what takes the place of another is not late
            late = block["late"].copy()
            late[places[1:][same]] = False
            block = {**block, "late": late}
        return take(block, ~bad)

    def late(self, block: Block) -> Block:
        """No row steps back in time; the survey marked them, and raised unless repairing."""
        if "late" not in block or not block["late"].any():
            return block
        self.dropped["backward"] += int(block["late"].sum())
        return take(block, ~block["late"])

    def volumes(self, block: Block) -> Block:
        """The cumulative volume of a tick does not fall within an IST day."""
        if self._kind != "tick" or "volume" not in self._fields or not len(block["ts"]):
            return block
        order = grouping(block["row"])
        row, volume = block["row"][order], block["volume"][order]
        day = (block["ts"][order] + IST) // DAY
        first = heads(row)
        carried = np.where(self._volume_day[row[first]] == day[first], self._volume[row[first]], 0)
        head = np.union1d(first, heads(day))
        before = np.zeros(len(head), dtype=np.int64)
        before[np.searchsorted(head, first)] = carried
        previous = before_each(volume, head, before)
        bad = volume < previous
        if bad.any():
            previous = peak_before_each(volume, head, previous)
            bad = volume < previous
            self._drop_falling(block, order, bad=bad, previous=previous)
        # Days of an instrument follow each other, so of several the last remains.
        self._volume[row[head]] = np.maximum(np.maximum.reduceat(volume, head), before)
        self._volume_day[row[head]] = day[head]
        return take(block, np.sort(order[~bad])) if bad.any() else block

    def _drop_falling(self, block: Block, order: Places, *, bad: Mask, previous: Int64) -> None:
        if not self._repair:
            first = int(np.flatnonzero(bad)[np.argmin(order[bad])])
            detail = f"the day's volume falls below {int(previous[first])}"
            raise Defect("backward volume", "volume", int(block["pos"][order[first]]), detail)
        self.dropped["backward volume"] += int(bad.sum())

    def _first_defect(self, block: Block, found: list[tuple[str, Mask]]) -> Defect:
        field, mask = min(found, key=lambda each: int(each[1].argmax()))
        at = int(mask.argmax())
        kind = self._kind_of(field, int(block[field][at]))
        return Defect(kind, field, int(block["pos"][at]), DETAILS[kind])

    def _kind_of(self, field: str, number: int) -> str:
        if number == NULL:
            return "null"
        if number == 0 and self._kind == "quote" and field == "last":
            return "no quote"
        if _least(field) <= number <= BOUND:
            return "inconsistent bar"
        return "invalid quantity" if field in QUANTITIES else "invalid price"


def _least(field: str) -> int:
    return 1 if field in PRICES and field not in ("bid", "ask") else 0


def _outside(column: Int64, *, least: int) -> Mask | None:
    if not len(column) or (column.min() >= least and column.max() <= BOUND):
        return None
    return (column < least) | (column > BOUND)


def _inconsistent(block: Block) -> Mask:
    first, high, low, close = (block[name] for name in BAR_PRICES)
    return (high < np.maximum(first, close)) | (low > np.minimum(first, close))


def _refuse_fractions(block: Block, found: list[tuple[str, Mask]]) -> None:
    for field, mask in found:
        fraction = mask & (block[field] == FRACTION)
        if fraction.any():
            pos = int(block["pos"][int(fraction.argmax())])
            raise Defect("fraction", field, pos, "the quantity is not whole")
