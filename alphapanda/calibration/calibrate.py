"""Fits paper fills to live sessions, and says what the fit is worth on sessions it did not see."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from alphapanda.calibration.bench import Bench
from alphapanda.calibration.fill_errors import Compared, Flags, compared, paper_of, pooled
from alphapanda.calibration.fitting import FINER, GRIDS, STEPS, Fit, Terms, fit, scores
from alphapanda.calibration.sent import LiveRun
from alphapanda.engine.setup import Paper
from alphapanda.errors import UsageError
from alphapanda.model.rows import Kind, LimitFill
from alphapanda.runs.readings import LIMIT_FILL

LEAST_ORDERS = 20
"""Orders with a live fill, below which nothing is fitted."""
LEAST_OF_KIND = 10
"""Orders of the kind that tells of a setting, below which its default stays."""
MOSTLY = 0.5
"""The part of live fills that paper must fill too, or settings are no candidates: of orders that
nothing fills there is no error to see."""
REPLAYS = 240
"""About how often a fit replays the orders, to know beforehand whether compiling is worth it."""

Progress = Callable[[str, int, int], None]
"""Called with what is fitted, replays done, replays in all at most."""
Parts = Sequence[Flags]
"""Of each run which of its orders are meant."""


@dataclass(frozen=True)
class Session:
    """A day of a live run."""

    run: LiveRun
    day: date
    orders: int
    filled: int
    """Orders that had a live fill."""


@dataclass(frozen=True)
class Calibration:
    """The settings, what they were fitted on, and what they are worth."""

    fit: Fit
    sessions: tuple[Session, ...]
    limit_fill: LimitFill
    kept: Mapping[str, str]
    """Settings that keep their defaults, and why."""
    default: dict[str, Any]
    """The error of the defaults on all orders."""
    in_sample: dict[str, Any]
    out_of_sample: dict[str, Any]
    how: str
    """How the orders of `out_of_sample` were left out."""
    folds: tuple[dict[str, Any], ...]


@dataclass
class Matched:
    """Every run's orders under any settings: each run is replayed once for each settings."""

    runs: Sequence[LiveRun]
    cache_dir: Path
    """Where compiled loops are kept."""
    jit: bool = True
    replayed: Callable[[], None] = lambda: None
    _benches: dict[int, Bench] = field(default_factory=dict)
    _known: dict[tuple[int, Terms], Compared] = field(default_factory=dict)
    _scores: dict[tuple[int, Terms], Any] = field(default_factory=dict)

    def compared(self, place: int, terms: Terms) -> Compared:
        """Return a run's orders beside their paper fills."""
        key = (place, terms)
        if key not in self._known:
            run = self.runs[place]
            if place not in self._benches:
                self._benches[place] = Bench(run, self.cache_dir, jit=self.jit, times=REPLAYS)
            paper = Paper(
                latency_ns=terms.latency, slippage=terms.slippage,
                volume_share=terms.volume_share, limit_fill=paper_of(run).limit_fill,
            )  # fmt: skip
            self._known[key] = compared(self._benches[place], paper)
            self._scores[key] = scores(self._known[key])
            self.replayed()
        return self._known[key]

    def score(self, parts: Parts, terms: Terms) -> float:
        """Return the mean score of the chosen orders; infinite if paper fills too few of them."""
        total, count = self.total(parts, terms)
        filled = both = 0
        for place, chosen in enumerate(parts):
            if chosen.any():
                found = self.compared(place, terms)
                both += int((chosen & found.both).sum())
                filled += int((chosen & (found.both | found.only_live)).sum())
        return total / max(count, 1) if both >= MOSTLY * filled else math.inf

    def total(self, parts: Parts, terms: Terms) -> tuple[float, int]:
        """Return the sum of the chosen orders' scores, and how many were at the exchange."""
        total, count = 0.0, 0
        for place, chosen in enumerate(parts):
            if chosen.any():
                found = self.compared(place, terms)
                total += float(self._scores[place, terms][chosen].sum())
                count += int((chosen & found.at_exchange).sum())
        return total, count


def calibrate(
    runs: Sequence[LiveRun], cache_dir: Path, *, jit: bool = True, progress: Progress | None = None
) -> Calibration:
    """Fit latency, slippage and share of volume to live runs.

    Raises:
        UsageError: if too few orders were filled, a run is named twice, or the runs were matched
            by different rules for limit orders.
    """
    sessions = sessions_of(runs)
    rule = check_runs(runs, sessions)
    kept = not_fitted(runs)
    names = [name for name in GRIDS if name not in kept]
    matched = Matched(runs, cache_dir, jit=jit)
    everything = [np.ones(len(run.orders), bool) for run in runs]
    folds, how = folds_of(runs, sessions)
    found = fit_shown(matched, everything, names, "all sessions", progress)
    if math.isinf(found.score):
        raise UsageError(
            "under no settings does paper matching fill half of the orders that were filled live: "
            "there is nothing to fit; `alphapanda report RUN` shows which it does not fill"
        )
    kept |= dict.fromkeys(found.silent, "every value fits these orders equally well")
    judged, left_out = [], []
    for label, learned, tested in folds:
        other = fit_shown(matched, learned, names, f"without {label}", progress)
        judged.append((other.terms, tested))
        left_out.append({
            "left_out": label, "terms": other.terms._asdict(),
            "score_bp": error_of(matched, [(other.terms, tested)])["score_bp"],
        })  # fmt: skip
    return Calibration(
        found, tuple(sessions), rule, kept,
        error_of(matched, [(Terms(), everything)]), error_of(matched, [(found.terms, everything)]),
        error_of(matched, judged), how, tuple(left_out),
    )  # fmt: skip


def fit_shown(
    matched: Matched, parts: Parts, names: Sequence[str], what: str, progress: Progress | None
) -> Fit:
    """Fit some orders, and show how far the search has come."""
    most = sum(3 * len(GRIDS[name]) + 4 * STEPS * FINER for name in names) * len(parts)
    done = 0

    def replayed() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(what, min(done, most - 1), most)

    matched.replayed = replayed
    found = fit(lambda terms: matched.score(parts, terms), names)
    if progress is not None:
        progress(what, most, most)
    return found


def sessions_of(runs: Sequence[LiveRun]) -> list[Session]:
    """Return the days of the runs on which orders were sent, in order of time."""
    made = []
    for run in runs:
        live = run.filled.qty > 0
        filled = Counter(day for day, has in zip(run.days, live, strict=True) if has)
        made += [Session(run, day, n, filled[day]) for day, n in Counter(run.days).items()]
    return sorted(made, key=lambda session: (session.day, session.run.run_id))


def check_runs(runs: Sequence[LiveRun], sessions: Sequence[Session]) -> LimitFill:
    """Refuse runs that nothing can be fitted to; return their rule for limit orders."""
    twice = [name for name, count in Counter(run.run_id for run in runs).items() if count > 1]
    if twice:
        raise UsageError(f"the run {twice[0]} is named twice: its orders would count double")
    filled = sum(session.filled for session in sessions)
    if filled < LEAST_ORDERS:
        orders = sum(len(run.orders) for run in runs)
        raise UsageError(
            f"calibrate needs at least {LEAST_ORDERS} orders that were filled live, and of the "
            f"{orders} of these runs {filled} were: name more runs, or trade or rehearse longer"
        )
    rules = {paper_of(run).limit_fill: run.name for run in runs}
    if len(rules) > 1:
        said = ", ".join(f"{name} {LIMIT_FILL.write(rule)}" for rule, name in sorted(rules.items()))
        raise UsageError(
            f"the runs have different --limit-fill ({said}), and a fit holds under one: calibrate "
            "those of one rule together"
        )
    return next(iter(rules))


def not_fitted(runs: Sequence[LiveRun]) -> dict[str, str]:
    """Return the settings that these orders can't tell of, and why."""
    kept = {}
    by_market = sum(filled_of_kind(run, Kind.MARKET, Kind.STOP) for run in runs)
    limits = sum(filled_of_kind(run, Kind.LIMIT, Kind.STOP_LIMIT) for run in runs)
    if by_market < LEAST_OF_KIND:
        kept["slippage"] = (
            f"{by_market} market orders were filled live, and {LEAST_OF_KIND} are needed"
        )
    if limits < LEAST_OF_KIND:
        kept["volume_share"] = (
            f"{limits} limit orders were filled live, and {LEAST_OF_KIND} are needed"
        )
    elif not any({"qty", "volume"} & run.feed.columns for run in runs):
        kept["volume_share"] = "the rows do not say how much was traded"
    return kept


def filled_of_kind(run: LiveRun, *kinds: Kind) -> int:
    """Return how many orders of some types had a live fill."""
    has = run.filled.qty > 0
    return sum(1 for place, order in enumerate(run.orders) if has[place] and order.kind in kinds)


Fold = tuple[str, Parts, Parts]


def folds_of(runs: Sequence[LiveRun], sessions: Sequence[Session]) -> tuple[list[Fold], str]:
    """Return what is left out in turn: label, the orders fitted, the orders judged; and how."""
    if len(sessions) == 1:
        label = f"the later half of {sessions[0].day}"
        how = "one session: fitted on the earlier half of its orders, judged on the later half"
        return [fold(label, [later_half(run) for run in runs])], how
    folds = [
        fold(f"{session.run.name} {session.day}", [of_session(run, session) for run in runs])
        for session in sessions
    ]
    return folds, f"each of {len(sessions)} sessions judged by a fit to the others"


def fold(label: str, judged: Parts) -> Fold:
    """Return a fold: what is not judged is fitted."""
    return label, [~each for each in judged], judged


def later_half(run: LiveRun) -> Flags:
    """Say which of a run's orders were sent later than half of them."""
    return np.asarray(np.arange(len(run.orders)) >= len(run.orders) // 2)


def of_session(run: LiveRun, session: Session) -> Flags:
    """Say which of a run's orders were sent in a session."""
    if run is not session.run:
        return np.zeros(len(run.orders), bool)
    return np.array([day == session.day for day in run.days], bool)


def error_of(matched: Matched, judged: Sequence[tuple[Terms, Parts]]) -> dict[str, Any]:
    """Return the error of settings on the orders that each of them is judged on."""
    found: list[tuple[Compared, Flags]] = []
    total, count = 0.0, 0
    for terms, parts in judged:
        sum_, orders = matched.total(parts, terms)
        total, count = total + sum_, count + orders
        found += [
            (matched.compared(n, terms), chosen) for n, chosen in enumerate(parts) if chosen.any()
        ]
    return {"score_bp": round(total / max(count, 1), 4), **pooled(found)}
