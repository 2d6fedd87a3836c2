"""A core whose indicators are looked at while it is fed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from alphapanda import indicators
from alphapanda.engine.compiler.declared import short
from alphapanda.engine.controls import Controls
from alphapanda.engine.engine import Engine
from alphapanda.engine.setup import Enrolment, Table
from alphapanda.model.columns import Columns
from alphapanda.model.declaration import Indicator
from alphapanda.research.indicator_path import IndicatorPath, Watched

PRICES = ("last", "close", "open", "high", "low", "bid", "ask", "mid")
"""Series an indicator may be of whose average is a price too."""


class Sampled:
    """Feeds a core in pieces: what a path of indicators wants to see lies between two of them.

    However a batch is cut, a core says the same and ends in the same state.
    """

    def __init__(self, engine: Engine, path: IndicatorPath) -> None:
        self.engine = engine
        self.path = path
        self._last_ns = 0

    def feed(self, batch: Columns, controls: Controls) -> Iterator[Table]:
        """Feed a batch with its control rows; yield output rows as the core does."""
        cuts = self.path.cuts(batch.ts)
        if cuts and cuts[0] == 0:
            self.path.take(self._last_ns)
            del cuts[0]
        start = 0
        for first, end in pairwise((0, *cuts, batch.rows)):
            last = end == batch.rows
            stop = len(controls) if last else int(np.searchsorted(controls["at"], end))
            part = controls[start:stop]
            if first and len(part):
                part = part.copy()
                part["at"] -= first
            start = stop
            yield from self.engine.feed(batch.slice(first, end) if cuts else batch, part)
            if end > first:
                self._last_ns = int(batch.ts[end - 1])
            if not last:
                self.path.take(self._last_ns)


def watched(engine: Engine) -> list[Watched]:
    """Return every output of every indicator that the strategies of a core declare."""
    return [
        each
        for k, enrolment in enumerate(engine.setup.strategies)
        for name, indicator in enrolment.spec.indicators.items()
        for each in outputs_of(engine, k, enrolment, name, indicator)
    ]


def outputs_of(
    engine: Engine, k: int, enrolment: Enrolment, name: str, indicator: Indicator
) -> Iterator[Watched]:
    """Yield the outputs of one indicator."""
    records = engine.tables[f"{'u' if enrolment.spec.binding.kind == 'universe' else 's'}{k}"]
    kind = short(indicator)
    outputs, priced = indicators.outputs(kind), indicators.on_price(kind)
    for output in outputs:
        found = records[name]
        yield Watched(
            strategy=k,
            name=name if output == "value" else f"{name}.{output}",
            on_price=output in priced and indicator.of in PRICES,
            rows=instruments_of(records, enrolment, indicator),
            value=found[output],
            seen=found["count"],
            warmup=found["warmup"],
        )


def instruments_of(records: Table, enrolment: Enrolment, indicator: Indicator) -> Table:
    """Return the numbers of the instruments of an indicator's records; of a pair, its first leg."""
    if enrolment.spec.binding.kind != "legs":
        return records["row"]
    leg = indicator.leg or (indicator.legs or enrolment.spec.binding.legs)[0]
    return np.array([enrolment.rows[enrolment.spec.binding.legs.index(leg)]])
