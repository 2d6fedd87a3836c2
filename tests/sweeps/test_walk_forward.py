"""Walk-forward: windows of trading days, the best of each on the days behind it, from flat."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

import alphapanda
from alphapanda.errors import UsageError
from alphapanda.sweeps.windows import windows
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, bars

DAYS = [date(2025, 8, 4) + timedelta(days=k) for k in range(10)]


def test_windows_roll_by_the_test_days() -> None:
    """Every test day is tested once, right behind its training days; the last may be short."""
    made = windows(DAYS, "4d/2d")
    assert [w.train for w in made] == [tuple(DAYS[k : k + 4]) for k in (0, 2, 4)]
    assert [day for w in made for day in w.test] == DAYS[4:]
    assert [len(w.test) for w in windows(DAYS, "3d/4d")] == [4, 3]


@pytest.mark.parametrize("text", ["60/20", "0d/5d", "5d/0d", "10d", "ad/bd", ""])
def test_lengths_are_days(text: str) -> None:
    """What is no pair of lengths in days is refused with an example."""
    with pytest.raises(UsageError, match="write 60d/20d"):
        windows(DAYS, text)


def test_too_few_days_are_told() -> None:
    """A window needs its training days and one more."""
    with pytest.raises(UsageError, match="11 trading days are needed, the data have 10"):
        windows(DAYS, "10d/5d")


@pytest.mark.core
def test_training_is_a_backtest_of_its_days() -> None:
    """Each combination on a window's training days equals a backtest from and to those days."""
    result = alphapanda.sweep(
        SMA_CROSS, bars(), grid=GRID, walk_forward="3d/2d", metric="pnl", **WAYS
    )
    first = result.summary["windows_table"][1]
    assert first["train"][0] > result.summary["windows_table"][0]["train"][0]
    for row in result.table.to_pylist()[7:10]:
        assert row["window"] == 1
        alone = alphapanda.backtest(
            SMA_CROSS, bars(), params={name: row[name] for name in GRID},
            from_=first["train"][0], to=first["train"][1], **WAYS,
        )  # fmt: skip
        assert row["pnl"] == Decimal(alone.summary["pnl"])
        assert row["sharpe"] == alone.stats["sharpe"]


@pytest.mark.core
def test_the_test_days_start_flat_and_warm() -> None:
    """The best of training trades the test days alone, its averages warm from the days before.

    A backtest over all days has, on the test days, the same signals; one that is told to trade
    the test days alone begins cold. The windows' P&L add up to the stitched result.
    """
    grid = {"fast": [5], "slow": [30]}
    result = alphapanda.sweep(
        SMA_CROSS, bars(), grid=grid, walk_forward="3d/2d", metric="pnl", **WAYS
    )
    told = result.summary["windows_table"]
    pnl = sum(Decimal(window["out_of_sample"]["pnl"]) for window in told)
    assert Decimal(result.summary["out_of_sample"]["pnl"]) == pnl
    test = told[0]["test"]
    closes = result.summary["out_of_sample"]["closes"]
    assert (closes[0][0], closes[-1][0]) == (test[0], told[-1]["test"][1])
    assert len(closes) == result.summary["out_of_sample"]["days"]
    assert Decimal(closes[-1][1]) == 1_000_000 + pnl
    params = {"fast": 5, "slow": 30}
    through = alphapanda.backtest(
        SMA_CROSS,
        bars(),
        params=params,
        from_=told[0]["train"][0],
        to=test[1],
        no_warm=True,
        **WAYS,
    )
    days = [ts.date() for ts in through.table("fills")["ts"].to_pylist()]
    on_test_days = sum(day >= date.fromisoformat(test[0]) for day in days)
    cold = alphapanda.backtest(
        SMA_CROSS, bars(), params=params, from_=test[0], to=test[1], no_warm=True, **WAYS
    )
    fills = told[0]["out_of_sample"]["fills"]
    assert on_test_days <= fills <= on_test_days + 2, "but for what is bought at the first signal"
    assert fills != cold.summary["fills"]
