"""A check from a later day on: rows before it warm up as in a backtest, and are no look-ahead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import alphapanda
from alphapanda import config, param, sma, strategy, target
from alphapanda.runs.options import make
from alphapanda.validation.check import check
from alphapanda.validation.lab import open_lab
from alphapanda.validation.lookahead import cuts
from alphapanda.validation.stress import stress
from alphapanda.validation.warmup import starts
from tests.support.running import session

WAYS: dict[str, Any] = {"limits": "wide", "cash": "10000000"}
PEEK = """
import pandas as pd
from alphapanda import sma, strategy, target


@strategy(compiled=False)
class Peek:
    average = sma(40)

    def start(self):
        table = pd.read_parquet(DATA)
        self.times = table["date"].astype("int64").to_numpy()
        self.closes = table["close"].to_numpy()

    def on_bar(self, ctx):
        here = self.times.searchsorted(ctx.now, side="right") - 1
        if here + 3 < len(self.closes):
            target(ctx, 1 if self.closes[here + 3] > self.closes[here] else 0)
"""


@strategy(compiled=False)
class Honest:
    """Long above an average of 70 bars: of more than one day of the data."""

    slow = param(70, ge=1, doc="bars")
    average = sma("slow")

    def on_bar(self, ctx: Any) -> None:
        """Hold 1 or 0."""
        target(ctx, 1 if ctx.close / 10_000 > self.average.value else 0)


@pytest.fixture(scope="module")
def data() -> str:
    """Return four days of minutes of one share."""
    return session(1, 90, days=4, kind="bar")


def last_days(data: str) -> str:
    """Return the third of the days."""
    return str(sorted(set(pl.read_parquet(data)["date"].dt.date()))[2])


def test_an_honest_strategy_passes_warm(data: str) -> None:
    """No finding; the rows of the check are those of the backtest, warm ones apart."""
    found = check(Honest, data, from_=last_days(data), **WAYS)
    run = alphapanda.backtest(Honest, data, from_=last_days(data), **WAYS).summary
    assert found.findings == []
    assert found.summary["decisions"] > 0
    assert found.summary["rows"] == run["ticks"]
    assert found.summary["warm_rows"] == run["warm_rows"] > 0
    assert found.summary["from"] == run["from"]


def test_nothing_is_cut_in_what_warms_up(data: str) -> None:
    """Cuts and later starts lie behind the first row of the run."""
    chosen = make({"strategy": Honest, "data": data, "from": last_days(data), **WAYS})
    lab = open_lab(chosen, config.load())
    assert 0 < lab.begin < lab.rows
    assert min(cuts(lab, 50)) > lab.begin
    assert min(starts(lab, 3)) > lab.begin
    given: Any = {"strategy": Honest, "data": data, "from": last_days(data), **WAYS}
    assert open_lab(make({**given, "no_warm": True}), config.load()).begin == 0


def test_look_ahead_is_found_behind_it(data: str, tmp_path: Path) -> None:
    """A strategy that reads the later closes is caught, at a row of the run itself."""
    path = tmp_path / "peek.py"
    path.write_text(PEEK.replace("DATA", repr(data)))
    found = check(str(path), data, from_=last_days(data), **WAYS)
    assert "look-ahead" in [finding["kind"] for finding in found.findings]
    assert all(finding["cut_row"] > found.summary["warm_rows"]
               for finding in found.findings if "cut_row" in finding)  # fmt: skip


def test_stress_begins_cold_and_says_so(data: str) -> None:
    """Its first case is the backtest with `no_warm`."""
    found = stress(Honest, data, from_=last_days(data), **WAYS)
    cold = alphapanda.backtest(Honest, data, from_=last_days(data), no_warm=True, **WAYS)
    assert found.cases[0]["pnl"] == cold.summary["pnl"]
    assert any("before --from" in note for note in found.summary["notes"])
