"""Rows before `--from`: indicators are warm on the first row of the run, and nothing else is."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import alphapanda
from alphapanda import param, sma, strategy, target
from alphapanda.journal.journal import FILE
from alphapanda.runs.verify import verify
from tests.support.harness import cache_dir
from tests.support.running import session

FAST, SLOW = 20, 60
TIE = 1e-6
INDIA = "Asia/Kolkata"


@strategy(compiled=False)
class Plain:
    """Hold while the fast average of minutes is above the slow one."""

    fast = param(FAST, ge=1, doc="bars")
    slow = param(SLOW, ge=1, doc="bars")
    fast_sma = sma("fast", bar="1m")
    slow_sma = sma("slow", bar="1m")

    def on_bar(self, ctx: Any) -> None:
        """Hold 1 or 0."""
        difference = self.fast_sma.value - self.slow_sma.value
        if abs(difference) > TIE:
            target(ctx, 1 if difference > 0 else 0)


@pytest.fixture(scope="module")
def data() -> str:
    """Return minutes of one share on three days."""
    return session(1, 375, days=3, kind="bar")


def days_of(data: str) -> list[date]:
    """Return the days of the rows."""
    return sorted(set(pl.read_parquet(data)["date"].dt.date().to_list()))


def rows_on(data: str, day: date) -> int:
    """Return how many rows a day has."""
    return int((pl.read_parquet(data)["date"].dt.date() == day).sum())


def run(data: str, first: date, **more: Any) -> Any:
    """Return a backtest from a day on."""
    return alphapanda.backtest(
        Plain, data, from_=str(first), limits="wide", cash="10000000", **more
    )


def changes(data: str, first: date) -> list[int]:
    """Return when, from a day on, the averages change their mind: polars' own windows of paise."""
    close = (pl.col("close") * 100).round().cast(pl.Int64)
    fast, slow = (close.rolling_sum(n) / n for n in (FAST, SLOW))
    frame = pl.read_parquet(data).with_columns(
        sign=(fast - slow).sign(), at=pl.col("date").cast(pl.Int64)
    )
    held, found = False, []
    for at, sign in frame.filter(pl.col("date").dt.date() >= first).select("at", "sign").rows():
        if sign != 0 and (sign > 0) != held:
            held = not held
            found.append(at + 60_000_000_000)  # a bar is known at its end
    return found


def test_the_first_row_is_decided_on_with_full_windows(data: str) -> None:
    """Orders are those of averages over all history, from the first bar of `--from` on."""
    first = days_of(data)[1]
    result = run(data, first)
    sent = result.orders["ts"].astype("int64").tolist()
    assert sent == changes(data, first)


def test_no_figure_counts_them(data: str) -> None:
    """Rows, days and hours are those from `--from` on; what came before has a count of its own."""
    first = days_of(data)[1]
    warm, cold = run(data, first), run(data, first, no_warm=True)
    for name in ("ticks", "days", "from", "to"):
        assert warm.summary[name] == cold.summary[name], name
    assert warm.summary["warm_rows"] == rows_on(data, days_of(data)[0])
    assert "warm_rows" not in cold.summary
    assert cold.summary["stats"]["days"] == warm.summary["stats"]["days"]
    assert any("--no-warm" in note for note in warm.summary["notes"])
    assert warm.orders["ts"].iloc[0] < cold.orders["ts"].iloc[0]


def test_without_earlier_rows_it_is_as_before(data: str) -> None:
    """From the first day of the data on there is nothing to warm up with."""
    first = days_of(data)[0]
    assert run(data, first).summary["digest"] == run(data, first, no_warm=True).summary["digest"]


def test_however_rows_are_cut_or_replayed(data: str, tmp_path: Path) -> None:
    """Batches do not matter, and the journal's run is made again from itself."""
    first = days_of(data)[2]
    whole = run(data, first)
    cut = run(data, first, batch=77, journal=True, out=str(tmp_path / "run"))
    assert cut.summary["digest"] == whole.summary["digest"]
    assert verify(tmp_path / "run" / FILE, cache_dir()).identical


@pytest.mark.core
def test_compiled_it_is_the_same(data: str) -> None:
    """sma_cross with its windows says the same compiled and as plain Python."""
    first = str(days_of(data)[1])
    given: Any = {"from_": first, "params": {"fast": FAST, "slow": SLOW}}
    plain = alphapanda.backtest("sma_cross", data, no_jit=True, **given)
    quick = alphapanda.backtest("sma_cross", data, tier="quick", **given)
    assert plain.summary["digest"] == quick.summary["digest"]
    assert plain.summary["warm_rows"] == quick.summary["warm_rows"] > SLOW
