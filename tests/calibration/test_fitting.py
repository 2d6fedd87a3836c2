"""Planted latency, slippage and share of volume are found; what the data do not tell is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from alphapanda.calibration import calibrate as calibration
from alphapanda.calibration.bench import Bench
from alphapanda.calibration.calibrate import Matched, calibrate, folds_of, sessions_of
from alphapanda.calibration.fill_errors import compared, errors_as_json, hour_of
from alphapanda.calibration.fitting import GRIDS, Fit, Terms, fit, scores
from alphapanda.calibration.sent import Act, Filled, LiveRun, Verb
from alphapanda.engine.setup import Paper
from alphapanda.errors import UsageError
from alphapanda.model.rows import Kind
from tests.calibration.planted import MS, TICK, Market, Truth, Venue, by_market, with_limits
from tests.support.harness import cache_dir

TRUTH = Truth(latency_ms=55, slippage_bp=Fraction(3), share=Fraction(1, 4))


@pytest.fixture(scope="module")
def run() -> LiveRun:
    """Return a live run with market and limit orders."""
    return with_limits(Market(1, 420), TRUTH, count=12).run()


def paper(latency_ms: float = 0, slippage: int = 0, share: int = 10_000_000) -> Paper:
    """Return paper settings."""
    return Paper(latency_ns=round(latency_ms * MS), slippage=slippage, volume_share=share)


def test_paper_with_the_planted_settings_is_the_planted_exchange(run: LiveRun) -> None:
    """The core's matching and the exchange's own few lines agree, order by order."""
    found = compared(Bench(run, cache_dir(), jit=False), paper(55, 3_000, 2_500_000))
    assert found.both.sum() > 20
    assert not found.only_live.any()
    assert not found.only_paper.any()
    assert np.nanmax(np.abs(found.ticks())) <= 1  # a rate is rounded before it is ticks
    assert np.nanmax(np.abs(found.late())) < 2 * MS
    assert np.abs(run.filled.qty - found.paper.qty).max() <= 30  # of 8,000: a share is rounded


def test_planted_values_are_found(run: LiveRun) -> None:
    """Latency within 5 ms, slippage within 0.2 bp, the share within one in a hundred."""
    matched = Matched([run], cache_dir(), jit=False)
    everything = [np.ones(len(run.orders), bool)]
    found = fit(lambda terms: matched.score(everything, terms), tuple(GRIDS))
    assert abs(found.terms.latency - 55 * MS) <= 5 * MS
    assert abs(found.terms.slippage - 3_000) <= 200
    assert abs(found.terms.volume_share - 2_500_000) <= 100_000
    assert found.silent == ()
    for name, (low, high) in found.ranges.items():
        assert low <= getattr(found.terms, name) <= high
    default = matched.score(everything, Terms())
    assert found.score < 0.05 * default


def test_what_the_data_do_not_tell_keeps_its_default() -> None:
    """Without limit orders the share is not fitted; rows a second apart do not tell 50 ms."""
    market = Market(2, 300, wide=2)
    columns = market.columns
    slow = columns._replace(ts=columns.ts[0] + np.arange(columns.rows, dtype=np.int64) * 1_000 * MS)
    market.columns = slow
    run = by_market(market, replace(TRUTH, slippage_bp=Fraction(6)), count=24).run()
    found = calibrate([run], cache_dir(), jit=False)
    assert found.fit.terms.latency == 0
    low, high = found.fit.ranges["latency"]
    assert low == 0
    assert 500 * MS <= high <= 1_000 * MS
    assert found.fit.terms.volume_share == Terms().volume_share
    assert "0 limit orders" in found.kept["volume_share"]
    assert abs(found.fit.terms.slippage - 6_000) <= 300
    assert found.in_sample["score_bp"] < 0.1 * found.default["score_bp"]
    assert found.out_of_sample["orders"] == 12
    assert "one session" in found.how


def test_silence_is_not_a_fit() -> None:
    """A setting whose every value scores the same keeps its default, and is named."""
    found = fit(lambda terms: abs(terms.latency - 30 * MS) / MS, ("latency", "slippage"))
    assert abs(found.terms.latency - 30 * MS) <= MS
    assert (found.terms.slippage, found.silent) == (0, ("slippage",))
    assert "slippage" not in found.ranges


def test_a_plateau_gives_its_middle_in_few_digits() -> None:
    """Of values that fit equally well the middle is taken, unless the default is among them."""

    def away(value: int, low: int, high: int) -> float:
        return float(max(low - value, value - high, 0))

    found = fit(lambda t: away(t.latency, 40 * MS, 62 * MS), ("latency",))
    assert found.terms.latency == 50 * MS
    low, high = found.ranges["latency"]
    assert 40 * MS <= low <= 42 * MS
    assert 60 * MS <= high <= 62 * MS
    assert fit(lambda t: away(t.latency, 0, 62 * MS), ("latency",)).terms.latency == 0


def test_each_session_is_left_out_once() -> None:
    """Each order is judged once, by a fit that did not see its day; one day is split by time."""
    days = [date(2025, 8, 4), date(2025, 8, 5)]
    runs = [
        by_market(Market(n, 200, day, wide=2), TRUTH, count=10).run(f"day{n}")
        for n, day in enumerate(days)
    ]
    folds, how = folds_of(runs, sessions_of(runs))
    assert "2 sessions" in how
    for (_, learned, tested), own in zip(folds, (0, 1), strict=True):
        assert [part.all() for part in tested] == [n == own for n in (0, 1)]
        assert all((a ^ b).all() for a, b in zip(learned, tested, strict=True))
    ((label, learned, tested),), how = folds_of(runs[:1], sessions_of(runs[:1]))
    assert "later half" in label
    assert tested[0].tolist() == [False] * 5 + [True] * 5
    assert "later half" in how


def test_too_few_orders_are_refused(run: LiveRun) -> None:
    """A sentence says how many there are and how many it takes."""
    few = by_market(Market(4, 160, wide=2), TRUTH, count=5).run("few")
    with pytest.raises(UsageError, match=r"at least 20 orders .* of the 5 of these runs 5 were"):
        calibrate([few], cache_dir(), jit=False)
    with pytest.raises(UsageError, match="named twice"):
        calibrate([run, run], cache_dir(), jit=False)
    other = by_market(Market(5, 700, wide=2), TRUTH, count=30).run("other", limit_fill="touch")
    with pytest.raises(UsageError, match="different --limit-fill"):
        calibrate([run, other], cache_dir(), jit=False)


def test_settings_that_fill_nothing_are_no_candidates(run: LiveRun) -> None:
    """Were no order filled on paper, there would be no error: such settings never win."""
    matched = Matched([run], cache_dir(), jit=False)
    nothing = replace(
        matched.compared(0, Terms()), paper=Filled(*(0 * each for each in run.filled))
    )
    matched._known[0, Terms(latency=1)] = nothing
    matched._scores[0, Terms(latency=1)] = scores(nothing)
    parts = [np.ones(len(run.orders), bool)]
    assert np.isinf(matched.score(parts, Terms(latency=1)))
    assert not np.isinf(matched.score(parts, Terms()))
    assert calibration.LEAST_ORDERS >= 2 * calibration.LEAST_OF_KIND


def test_errors_are_of_the_right_side_and_hour() -> None:
    """Above 0 live was worse, on either side; ticks, rupees, type and hour are the order's."""
    market = Market(6, 120, wide=2)
    exchange = by_market(market, Truth(), count=4)
    exchange.fills = [
        (n, q, p + (TICK if n % 2 else -TICK) * 3, t) for n, q, p, t in exchange.fills
    ]
    run = exchange.run()
    errors = errors_as_json(compared(Bench(run, cache_dir(), jit=False), paper()))
    every = errors["all"]
    assert (every["ticks_p50"], every["ticks_p95"], every["bias_ticks"]) == (3.0, 3.0, 3.0)
    assert (every["rupees_p50"], every["bias_rupees"]) == ("1.50", "1.50")  # 3 x 0.05 x 10
    assert set(errors["by_type"]) == {"MARKET"}
    assert errors["by_time"].keys() == {"09:00"}
    assert hour_of(run.orders[0].ts + 3_600_000 * MS) == "10:00"


def test_orders_in_one_only_are_named() -> None:
    """An order that only paper fills, and one that only live filled, are told by number."""
    market = Market(7, 200, wide=2)
    exchange = by_market(market, Truth(), count=6)
    exchange.fills = [fill for fill in exchange.fills if fill[0] != 2]
    far = int(market.columns.last[50]) - 400 * TICK
    exchange.send(50, Kind.LIMIT, 10, price=far, until=80)
    exchange.fills.append((6, 10, far, int(market.columns.ts[60])))
    run = exchange.run()
    errors = errors_as_json(compared(Bench(run, cache_dir(), jit=False), paper()))
    assert (errors["only_live_orders"], errors["only_paper_orders"]) == ([7], [3])
    assert (errors["only_live"], errors["only_paper"], errors["filled_in_both"]) == (1, 1, 5)


def test_a_change_and_an_end_reach_paper() -> None:
    """A changed price fills where the first did not; an order that ends at the exchange ends."""

    def bench(*more: Act) -> Any:
        market = Market(8, 120, wide=50)
        exchange = Venue(market, Truth())
        far = int(market.columns.last[10]) - 90 * TICK
        exchange.send(10, Kind.LIMIT, 10, price=far, until=100)
        exchange.acts[1:1] = more
        run = exchange.run()
        return Bench(run, cache_dir(), jit=False).replay(paper()).qty.tolist()

    at = 20
    near = 15_000_000 + 400 * TICK
    change = Act(at, 0, 0, Verb.MODIFY, 0, qty=6, price=near)
    end = Act(at, 0, 0, Verb.END, 0)
    assert bench() == [0]
    assert bench(change) == [6]
    assert bench(end, change) == [0]


def test_a_fit_is_the_same_each_time() -> None:
    """The search has no chance in it."""
    calls: list[Terms] = []

    def score(terms: Terms) -> float:
        calls.append(terms)
        return abs(terms.latency - 7 * MS) + abs(terms.slippage - 123) * 1e4

    first = fit(score, ("latency", "slippage"))
    asked, calls[:] = list(calls), []
    assert fit(score, ("latency", "slippage")) == first == Fit(*vars(first).values())
    assert calls == asked
