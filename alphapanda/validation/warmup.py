"""Runs that start later, beside one with a long history: from when on do both decide alike?

Only the memory of a strategy is on trial, so decisions are compared where both runs hold the same
positions and orders, and from the first decision on by which the short run shows that it is ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda import indicators as folder
from alphapanda.engine.compiler.declared import Spec, short
from alphapanda.engine.engine import Engine
from alphapanda.model.calendar import DAY, IST, Phase
from alphapanda.model.columns import Columns
from alphapanda.research.decisions import decisions
from alphapanda.validation.lab import Lab
from alphapanda.validation.memory import changes, indicators, instance, memory

Table = NDArray[Any]
MOST_ROWS = 30_000
"""Rows compared after each start."""

ALL = -1
"""In place of an instrument: one memory serves all."""

PROGRESS = 512
HELD = ["qty", "open_buy", "open_sell"]
TERMS = ["row", "qty", "filled", "kind", "price", "trigger", "stop", "target", "trail"]
REQUEST = ["type", "strategy", "row", "qty", "price", "a", "b"]
Key = tuple[int, int]
"""Strategy and instrument, or ALL."""


@dataclass
class Parting:
    """A decision after a later start that the long history does not share."""

    key: Key
    row: int
    """Of the recording."""
    start: int
    updates: int
    """Rows of the instrument since the start."""
    ts: int
    instrument: int
    long: Any
    short: Any
    memory: tuple[tuple[str, Any, Any], ...]
    gap: float
    """Of the indicator that is furthest off at this row, as a share of its usual size."""


@dataclass
class Warmth:
    """What the later starts showed of one strategy and instrument."""

    declared: int = 0
    """Rows of the instrument until its indicators were warm."""
    first: int = 0
    """Fewest rows after which it decided anything."""
    settled: int = 0
    """Rows after which its decisions were those of the long history."""
    compared: int = 0
    gaps: dict[str, float] = field(default_factory=dict)
    """By indicator: how far off when the strategy was first called, as a share of its size."""
    partings: list[Parting] = field(default_factory=list)

    @property
    def own(self) -> int:
        """The warm-up that the strategy shows: declared, or waited for before it decides."""
        return max(self.declared, self.first, 1)


def starts(lab: Lab, number: int) -> list[int]:
    """Return rows at which the later runs start: first rows of days, or within an only day.

    All of them lie behind the rows that warm up indicators: on those nothing is decided.
    """
    begin = lab.begin
    days = (lab.columns.ts[begin:] + IST) // DAY
    firsts = np.nonzero(np.diff(days))[0] + 1 + begin
    if len(firsts):
        chosen = np.linspace(0, len(firsts) - 1, min(number, len(firsts))).astype(int)
        return sorted({int(firsts[place]) for place in chosen})
    if any(by_session(spec) for spec in lab.plan.specs):
        return []
    rows = lab.rows - begin
    wanted = [begin + rows * place // (number + 1) for place in range(1, number + 1)]
    return sorted({int(np.searchsorted(lab.columns.ts, lab.columns.ts[row])) for row in wanted})


def by_session(spec: Spec) -> bool:
    """Say if a strategy begins anew with each session, so that a start within one is no test."""
    resets = (hasattr(folder.module(short(i)), "reset") for i in spec.indicators.values())
    return "on_session" in spec.hooks or bool(spec.timers) or any(resets)


def warmth(lab: Lab, number: int) -> dict[Key, Warmth]:
    """Start later, several times, and return how each strategy warmed up."""
    found: dict[Key, Warmth] = {}
    long = lab.engine()
    at = 0
    places = [start for start in starts(lab, number) if start > lab.begin]
    for start, limit in zip(places, [*places[1:], lab.rows], strict=False):
        lab.feed(long, at, start)
        at = min(start + MOST_ROWS, limit)
        Lockstep(lab, long, start, found).run(at)
    return found


class Lockstep:
    """Two runs fed the same rows, one of which has seen those before."""

    def __init__(self, lab: Lab, long: Engine, start: int, found: dict[Key, Warmth]) -> None:
        self.lab, self.long, self.start, self.found = lab, long, start, found
        if lab.plain:
            lab.reload()
        self.short = lab.engine()
        lab.told(self.short, Columns.of(), todays(lab, start))
        self.seen = np.zeros(len(lab.plan.instruments), np.int64)
        self.ready: set[Key] = set()
        self.alike = {
            key: self._same_book(key)
            for k, enrolment in enumerate(lab.plan.enrolments)
            for key in {self._key(k, row) for row in enrolment.rows}
        }
        """If both hold the same positions and orders, as of the last row."""
        self.cold = {
            (k, row)
            for k, enrolment in enumerate(lab.plan.enrolments)
            if enrolment.spec.indicators
            for row in enrolment.rows
        }
        self.sizes: dict[tuple[int, int, str], tuple[float, int]] = {}
        """Sum and number of an indicator's absolute values, to tell its usual size."""

    def run(self, stop: int) -> None:
        """Feed rows until `stop` to both, and compare."""
        for row in range(self.start, stop):
            self._row(row)
            if row % PROGRESS == 0:
                self.lab.done(PROGRESS)

    def _row(self, row: int) -> None:
        columns, controls = self.lab.part(row, row + 1)
        instrument = int(columns.row[0])
        outs = [self.lab.told(engine, columns, controls) for engine in (self.long, self.short)]
        self.seen[instrument] += self.short.tables["instruments"]["phase"][instrument] == Phase.OPEN
        for k in range(len(self.lab.plan.specs)):
            if (k, instrument) in self.cold:
                self._warm_up(k, instrument)
        if not len(outs[0]) and not len(outs[1]):
            return
        mine, theirs = decisions(outs[0]), decisions(outs[1])
        for key in self._keys(mine, theirs):
            self._compare(key, row, mine, theirs)
        for key in self._keys(*outs):
            self.alike[key] = self._same_book(key)

    def _keys(self, *outs: Table) -> set[Key]:
        return {
            self._key(int(strategy), int(row))
            for out in outs
            for strategy, row in out[["strategy", "row"]].tolist()
            if strategy >= 0 and row >= 0
        }

    def _key(self, strategy: int, row: int) -> Key:
        each = self.lab.plan.specs[strategy].binding.kind == "each"
        return strategy, row if each else ALL

    def _warm_up(self, k: int, instrument: int) -> None:
        long = indicators(self.long, k, instrument)
        for name, value in long.items():
            total, number = self.sizes.get((k, instrument, name), (0.0, 0))
            self.sizes[k, instrument, name] = total + abs(value), number + 1
        if is_cold(self.short, k, instrument):
            return
        self.cold.discard((k, instrument))
        warmth = self.found.setdefault(self._key(k, instrument), Warmth())
        warmth.declared = max(warmth.declared, int(self.seen[instrument]))
        for name, gap in self._gaps(k, instrument).items():
            warmth.gaps[name] = max(warmth.gaps.get(name, 0.0), gap)

    def _gaps(self, k: int, instrument: int) -> dict[str, float]:
        long, short = (indicators(e, k, instrument) for e in (self.long, self.short))
        gaps = {}
        for name, value in long.items():
            total, number = self.sizes.get((k, instrument, name), (0.0, 0))
            size = max(total / max(number, 1), abs(value))
            gaps[name] = abs(value - short[name]) / size if size else 0.0
        return gaps

    def _compare(self, key: Key, row: int, mine: Table, theirs: Table) -> None:
        long, short = of(mine, key), of(theirs, key)
        warmth = self.found.setdefault(key, Warmth())
        updates = int(self.seen.max() if key[1] == ALL else self.seen[key[1]])
        if len(short) and key not in self.ready:
            self.ready.add(key)
            warmth.first = min(warmth.first or updates, updates)
        if key not in self.ready or not self.alike[key]:
            return
        warmth.compared += 1
        if requests(long) != requests(short):
            warmth.settled = max(warmth.settled, updates)
            warmth.partings.append(self._parting(key, row, updates, long, short))

    def _same_book(self, key: Key) -> bool:
        return book(self.long, key) == book(self.short, key)

    def _parting(self, key: Key, row: int, updates: int, long: Table, short: Table) -> Parting:
        first = (long if len(long) else short)[0]
        instrument = int(first["row"])
        held = [memory(engine, key[0], instrument) for engine in (self.long, self.short)]
        return Parting(
            key, row, self.start, updates, int(first["ts"]), instrument,
            long[0] if len(long) else None, short[0] if len(short) else None,
            tuple(changes(*held)), max(self._gaps(key[0], instrument).values(), default=0.0),
        )  # fmt: skip


def todays(lab: Lab, row: int) -> Table:
    """Return the control rows of a row's day that come before it."""
    day = (int(lab.columns.ts[row]) + IST) // DAY
    early = lab.controls[lab.controls["at"] <= row]
    mine: Table = early[((early["ts"] + IST) // DAY == day) & (early["at"] < row)].copy()
    mine["at"] = 0
    return mine


def is_cold(engine: Engine, k: int, instrument: int) -> bool:
    """Say if a strategy's indicators on an instrument still warm up."""
    enrolment = engine.setup.strategies[k]
    if enrolment.spec.binding.kind == "universe":
        return bool(engine.tables[f"u{k}"]["cold"][enrolment.rows.index(instrument)])
    return bool(engine.tables[f"s{k}"]["cold"][instance(engine, k, instrument)])


def of(asked: Table, key: Key) -> Table:
    """Return the decisions of one strategy, on one instrument or on all."""
    mine = asked["strategy"] == key[0]
    chosen: Table = asked[mine if key[1] == ALL else mine & (asked["row"] == key[1])]
    return chosen


def requests(asked: Table) -> list[Any]:
    """Return decisions without what two runs count each for itself."""
    return list(asked[REQUEST].tolist())


def book(engine: Engine, key: Key) -> tuple[Any, ...]:
    """Return a strategy's positions and open orders, on one instrument or on all."""
    count = len(engine.setup.instruments)
    rows = range(count) if key[1] == ALL else [key[1]]
    positions = engine.tables["positions"][[key[0] * count + row for row in rows]]
    firsts = engine.tables["instruments"]["first"]
    orders = [order for row in rows for order in open_orders(engine, key[0], int(firsts[row]))]
    return positions[HELD].tolist(), sorted(orders)


def open_orders(engine: Engine, strategy: int, slot: int) -> Iterator[tuple[Any, ...]]:
    """Yield the terms of a strategy's orders in an instrument's list that starts at a slot."""
    orders = engine.tables["orders"]
    while slot >= 0:
        order = orders[slot]
        if order["strategy"] == strategy:
            yield tuple(order[TERMS].tolist())
        slot = int(order["next"])
