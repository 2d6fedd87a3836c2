"""How far live fills were from paper fills of the same orders, by type and by time of day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.calibration.bench import Bench
from alphapanda.calibration.sent import Filled, Floats, LiveRun, read_live
from alphapanda.engine.setup import Paper
from alphapanda.journal.journal import manifest_in
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.money import SCALE, text
from alphapanda.model.rows import LimitFill
from alphapanda.runs.readings import LIMIT_FILL, SHARE, TIME

HOUR = 3_600_000_000_000
NAMED = 100
"""Orders that filled in one only, named by their numbers at most; all are counted."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Compared:
    """A live run's orders beside what paper matching made of them; arrays as long as its orders."""

    run: LiveRun
    paper: Filled
    at_exchange: Flags
    """False of orders that never were there."""
    tick_sizes: Floats
    """Of each order's instrument, as paper matching had it; NaN where it is not known."""

    @property
    def both(self) -> Flags:
        """Which were filled in both, if only partly."""
        return np.asarray(self.at_exchange & (self.run.filled.qty > 0) & (self.paper.qty > 0))

    @property
    def only_live(self) -> Flags:
        """Which were filled live and not on paper."""
        return np.asarray(self.at_exchange & (self.run.filled.qty > 0) & (self.paper.qty == 0))

    @property
    def only_paper(self) -> Flags:
        """Which were filled on paper and not live."""
        return np.asarray(self.at_exchange & (self.run.filled.qty == 0) & (self.paper.qty > 0))

    def each_error(self) -> Floats:
        """Return by how much live was worse a share than paper, scaled; NaN unless in both."""
        live, paper = mean_price(self.run.filled), mean_price(self.paper)
        side = np.sign([order.qty for order in self.run.orders])
        return np.where(self.both, side * (live - paper), np.nan)

    def ticks(self) -> Floats:
        """Return the errors in ticks; NaN too where an instrument's tick is not known."""
        return self.each_error() / self.tick_sizes

    def worth(self) -> Floats:
        """Return the errors of whole orders, scaled: a share's times what both filled."""
        return self.each_error() * np.minimum(self.run.filled.qty, self.paper.qty)

    def late(self) -> Floats:
        """Return by how many ns live fills came later; NaN unless in both."""
        return np.where(self.both, self.run.filled.ts - self.paper.ts, np.nan)


def mean_price(filled: Filled) -> Floats:
    """Return the mean price of each order's fills; NaN without any."""
    return np.where(filled.qty > 0, filled.value / np.maximum(filled.qty, 1), np.nan)


def compared(bench: Bench, paper: Paper) -> Compared:
    """Return a run's orders beside what paper matching fills of them under some settings."""
    run, filled = bench.run, bench.replay(paper)
    there = np.ones(len(run.orders), bool)
    there[list(run.away)] = False
    sizes = bench.tick_sizes()[[order.row for order in run.orders]].astype(float)
    return Compared(run, filled, there, np.where(sizes > 0, sizes, np.nan))


def paper_of(run: LiveRun) -> Paper:
    """Return the paper settings that a run was begun with."""
    given = run.options
    return Paper(
        latency_ns=given["latency"], slippage=given["slippage"], seed=given["seed"],
        limit_fill=LimitFill(int(given["limit_fill"])), volume_share=given["volume_share"],
    )  # fmt: skip


def compare_run(run: LiveRun, cache_dir: Path) -> Compared:
    """Return a live run's orders beside what paper matching with its own settings fills of them."""
    return compared(Bench(run, cache_dir, jit=bool(run.options["jit"])), paper_of(run))


def of_folder(folder: Path, cache_dir: Path) -> Compared | None:
    """Return the orders of a run's folder beside their paper fills; None of a run that sent none.

    Raises:
        DamageError: if the journal is damaged before its end.
    """
    if not manifest_in(folder).get("sent"):
        return None
    return compare_run(read_live(folder), cache_dir)


def errors_as_json(found: Compared) -> dict[str, Any]:
    """Return the errors as JSON holds them; money is text, in rupees."""
    run = found.run
    return {
        "paper": settings_told(paper_of(run)),
        "orders": len(run.orders),
        "filled_in_both": int(found.both.sum()),
        "filled_differently": int((found.both & (run.filled.qty != found.paper.qty)).sum()),
        "only_live": int(found.only_live.sum()),
        "only_paper": int(found.only_paper.sum()),
        "in_neither": int((found.at_exchange & (run.filled.qty + found.paper.qty == 0)).sum()),
        "not_at_exchange": dict(sorted(Counter(run.away.values()).items())),
        "only_live_orders": numbers_of(run, found.only_live),
        "only_paper_orders": numbers_of(run, found.only_paper),
        "rows_missed": run.missed,
        "all": figures(found, found.at_exchange),
        "by_type": parts(found, lambda order: order.kind.name),
        "by_time": parts(found, lambda order: hour_of(order.ts)),
    }


def settings_told(paper: Paper) -> dict[str, str]:
    """Return paper settings as their options are written."""
    return {
        "latency": TIME.write(paper.latency_ns), "slippage": SHARE.write(paper.slippage),
        "volume_share": SHARE.write(paper.volume_share),
        "limit_fill": LIMIT_FILL.write(paper.limit_fill),
    }  # fmt: skip


def numbers_of(run: LiveRun, which: Flags) -> list[int]:
    """Return the numbers of some orders, the first of them if they are many."""
    return [run.orders[place].number for place in np.flatnonzero(which)[:NAMED]]


def parts(found: Compared, key: Callable[[Any], str]) -> dict[str, dict[str, Any]]:
    """Return the figures of the orders of each kind, by its name."""
    names = np.array([key(order) for order in found.run.orders], object)
    return {
        name: figures(found, found.at_exchange & (names == name)) for name in sorted(set(names))
    }


def hour_of(ts: int) -> str:
    """Return the hour of a time in India, as 09:00."""
    return f"{(ts + IST) % DAY // HOUR:02d}:00"


def figures(found: Compared, which: Flags) -> dict[str, Any]:
    """Return the figures of some of a run's orders."""
    return pooled([(found, which)])


def pooled(found: Sequence[tuple[Compared, Flags]]) -> dict[str, Any]:
    """Return the figures of some orders of runs together; None where no order tells.

    p50 and p95 are of the errors' size; `bias` is their mean: above 0 live was worse than paper.
    """

    def of(errors: Callable[[Compared], Floats]) -> Floats:
        return np.concatenate([errors(each)[which] for each, which in found])

    def number(flags: Callable[[Compared], Flags]) -> int:
        return sum(int((which & flags(each)).sum()) for each, which in found)

    ticks, worth, late = of(Compared.ticks), of(Compared.worth), of(Compared.late)
    return {
        "orders": number(lambda each: each.at_exchange),
        "filled_in_both": number(lambda each: each.both),
        "only_live": number(lambda each: each.only_live),
        "only_paper": number(lambda each: each.only_paper),
        "ticks_p50": percentile(ticks, 50), "ticks_p95": percentile(ticks, 95),
        "bias_ticks": rounded(mean(ticks)),
        "rupees_p50": as_money(percentile(worth, 50)),
        "rupees_p95": as_money(percentile(worth, 95)),
        "bias_rupees": as_money(mean(worth)),
        "later_ms_p50": percentile(late / 1e6, 50), "later_ms_p95": percentile(late / 1e6, 95),
    }  # fmt: skip


def percentile(errors: Floats, share: int) -> float | None:
    """Return a percentile of the size of errors, one of them: none is invented between two."""
    known = np.abs(errors[~np.isnan(errors)])
    if not len(known):
        return None
    return rounded(float(np.percentile(known, share, method="inverted_cdf")))


def mean(errors: Floats) -> float | None:
    """Return the mean of the errors that are known."""
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if len(known) else None


def rounded(value: float | None) -> float | None:
    """Return a figure with three decimals."""
    return None if value is None else round(value, 3) + 0.0


def as_money(value: float | None) -> str | None:
    """Return scaled money as text, in rupees."""
    return None if value is None else text(round(value))


def points(found: Compared) -> dict[str, list[float]]:
    """Return what a plot shows: of each order filled in both its time (ns), type, error in ticks.

    Where no instrument's tick is known the errors are in rupees a share.
    """
    ticks = found.ticks()
    in_ticks = not np.all(np.isnan(ticks))
    errors = ticks if in_ticks else found.each_error() / SCALE
    chosen = np.flatnonzero(~np.isnan(errors))
    orders = [found.run.orders[place] for place in chosen]
    return {
        "in_ticks": [float(in_ticks)], "ts": [order.ts for order in orders],
        "kind": [int(order.kind) for order in orders],
        "error": [float(errors[place]) for place in chosen],
    }  # fmt: skip
