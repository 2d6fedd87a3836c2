"""The check catches planted offenders and passes what is honest."""

# ruff: noqa: ANN001, ANN202 (strategies are written as traders write them)
from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import alphapanda
from alphapanda import config, strategy, target
from alphapanda.data.synth.sessions import synthesize
from alphapanda.errors import UsageError
from alphapanda.runs.options import make
from alphapanda.validation.check import FORGET, check
from alphapanda.validation.lab import open_lab
from tests.support.running import ROOT, command, scratch, session

HEAD = "from alphapanda import ema, param, state, strategy, target\n"
PEEK = """
import pandas as pd

@strategy(compiled=False)
class Offender:
    def start(self):
        table = pd.read_parquet(DATA)
        self.times = table["ts"].astype("int64").to_numpy()
        self.prices = table["last"].to_numpy()

    def on_tick(self, ctx):
        here = self.times.searchsorted(ctx.now, side="right") - 1
        if here + 1 < len(self.prices):
            target(ctx, 1 if self.prices[here + 1] > self.prices[here] else 0)
"""
NORMALISED = """
import polars as pl

PRICES = pl.read_parquet(DATA)["last"]
MEAN, SPREAD = PRICES.mean(), PRICES.std()

@strategy(compiled=False)
class Offender:
    def on_tick(self, ctx):
        self.score = (ctx.last / 10_000 - MEAN) / SPREAD
        target(ctx, 1 if self.score < 0.0 else 0)
"""
QUERIED = """
import duckdb

((MEAN,),) = duckdb.sql(f"SELECT avg(last) FROM '{DATA}'").fetchall()

@strategy
class Offender:
    def on_tick(self, ctx):
        if ctx.last / 10000.0 < MEAN:
            target(ctx, 1)
        else:
            target(ctx, 0)
"""
EAGER = """
from collections import deque
from statistics import fmean

@strategy(compiled=False)
class Offender:
    def start(self):
        self.prices = deque(maxlen=100)

    def on_tick(self, ctx):
        self.prices.append(ctx.last)
        target(ctx, 1 if ctx.last > fmean(self.prices) else 0)
"""
SENSITIVE = """
@strategy(compiled=False)
class Offender:
    quick = ema(3)

    def start(self):
        self.slow = 0.0

    def on_tick(self, ctx):
        self.slow += (self.quick.value - self.slow) * (0.005 if self.slow else 1.0)
        target(ctx, 1 if self.quick.value > self.slow else 0)
"""
DICE = """
import random

@strategy(compiled=False)
class Offender:
    def on_tick(self, ctx):
        if random.random() < 0.05:
            target(ctx, 1 - ctx.position)
"""
CLOCK = """
from datetime import datetime

@strategy(compiled=False)
class Offender:
    def on_tick(self, ctx):
        target(ctx, 1 if ctx.now // 10**9 % 7 > datetime.now().weekday() else 0)
"""
LEFTOVER = """
SEEN = []

@strategy(compiled=False)
class Offender:
    def on_tick(self, ctx):
        SEEN.append(ctx.last)
        target(ctx, len(SEEN) // 37 % 2)
"""
HONEST = """
from collections import deque
from statistics import fmean

@strategy(compiled=False)
class Honest:
    def start(self):
        self.prices = deque(maxlen=100)

    def on_tick(self, ctx):
        self.prices.append(ctx.last)
        if len(self.prices) == 100:
            target(ctx, 1 if ctx.last > fmean(self.prices) else 0)
"""


def one_share() -> str:
    """Return a made-up day of one share."""
    return session(1, 2_000)


def written(folder: Path, text: str, data: str) -> str:
    """Return the path of a strategy file that knows where the data lie."""
    file = folder / "offender.py"
    file.write_text(f"{HEAD}DATA = {data!r}\n{text}")
    return str(file)


def findings(folder: Path, text: str, **options: Any) -> list[dict[str, Any]]:
    """Return what a check with two cuts finds in a strategy."""
    data = one_share()
    return check(written(folder, text, data), data, jit=False, cuts=2, **options).findings


@pytest.mark.parametrize("text", [PEEK, NORMALISED, QUERIED], ids=["index", "normalised", "sql"])
def test_a_strategy_that_reads_the_future_is_caught(tmp_path: Path, text: str) -> None:
    """The finding names the row before the cut, both decisions, and the file that was read.

    A whole-series score differs at the row, and the finding shows both its values.
    """
    (found,) = findings(tmp_path, text)
    assert found["kind"] == "look-ahead"
    assert found["row"] < found["cut_row"]
    assert found["with"] != found["without"]
    assert found["instrument"] == "NSE:PANDA"
    assert found["reads"] == [one_share()]
    if text == NORMALISED:
        assert found["value"] == "score"
        assert found["value_with"] != found["value_without"]


@pytest.mark.parametrize("how", ["array", "frame"])
def test_a_series_held_from_another_cell_is_shown_cut_too(how: str) -> None:
    """A class that looks into a global table of the notebook is caught, and gets it back."""
    data = one_share()
    chosen = make({"strategies": str(ROOT / "strategies/ema_cross.py"), "data": data})
    lab = open_lab(chosen, config.load())
    held: Any = lab.columns.last.astype(float)
    if how == "frame":
        held = pq.read_table(data).to_pandas().set_index("ts")["last"]
    globals()["SERIES"] = held

    @strategy(compiled=False)
    class HoldsSeries:
        """Trades around the mean of all there is."""

        def on_tick(self, ctx):
            scale = 1 if how == "array" else 10_000
            target(ctx, 1 if ctx.last / scale < SERIES.mean() else 0)

    (found,) = check(HoldsSeries, data, jit=False, cuts=2).findings
    assert found["kind"] == "look-ahead"
    assert SERIES is held


SERIES: Any = np.zeros(0)


@pytest.mark.parametrize("text", [EAGER, SENSITIVE], ids=["window", "ema"])
def test_too_short_a_warm_up_is_caught(tmp_path: Path, text: str) -> None:
    """Started later, it trades at once and otherwise than with a long history."""
    (found,) = findings(tmp_path, text)
    assert found["kind"] == "warm-up"
    assert found["settled"] > FORGET * max(found["declared"], found["first"])
    assert found["rows_since_start"] <= found["settled"]


@pytest.mark.parametrize(
    ("text", "how"), [(DICE, "chance"), (CLOCK, "clock"), (LEFTOVER, "leftover")]
)
def test_chance_is_caught(tmp_path: Path, text: str, how: str) -> None:
    """Random numbers, the machine's clock, and what an earlier run left are told apart."""
    (found,) = findings(tmp_path, text)
    assert (found["kind"], found["how"]) == ("nondeterminism", how)


def test_an_honest_strategy_in_plain_python_passes(tmp_path: Path) -> None:
    """A full window and nothing from outside: nothing is found, and decisions were compared."""
    data = one_share()
    made = check(written(tmp_path, HONEST, data), data, jit=False)
    assert made.findings == []
    assert made.summary["decisions"] > 0
    assert made.summary["warm_up"][0]["compared"] > 0


def test_what_cannot_be_cut_is_said(tmp_path: Path) -> None:
    """A model from a pickle may hold the future: the check names the file it cannot cut."""
    model = tmp_path / "model.pkl"
    model.write_bytes(b"80")
    reads = f"def start(self):\n        with open({str(model)!r}) as file:\n            file.read()"
    text = HONEST.replace("def start(self):", reads)
    data = one_share()
    made = check(written(tmp_path, text, data), data, jit=False)
    assert any(str(model) in note for note in made.summary["notes"])


@cache
def quotes() -> str:
    """Return made-up days of two shares."""
    path = scratch() / "two.parquet"
    synthesize(path, day=date(2025, 8, 4), days=2, instruments=2, ticks_per_instrument=800)
    return str(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ema_cross", {}),
        ("market_maker", {"limits": "wide"}),
        ("momentum", {"params": {"window": 20, "hold": 1}}),
        ("spread", {"params": {"entry": 1.0}, "instrument": ["PANDA", "BAMBOO"]}),
    ],
)
def test_shipped_strategies_pass(name: str, options: dict[str, Any]) -> None:
    """None of the examples decides on the future, on chance or too early."""
    file = str(ROOT / "strategies" / f"{name}.py")
    made = check(file, quotes(), jit=False, cuts=2, **options)
    assert made.findings == []


def test_quiet_reversal_passes_on_whole_seconds(tmp_path: Path) -> None:
    """It looks each half minute only, so ticks of whole seconds give it something to decide."""
    frame = pd.read_parquet(quotes())
    step = 30_000_000_000 if frame["ts"].dtype.kind == "i" else "30s"
    ts = frame["ts"] // step * step if frame["ts"].dtype.kind == "i" else frame["ts"].dt.floor(step)
    kept = frame.assign(ts=ts).drop_duplicates(["ts", "symbol"])
    kept.to_parquet(tmp_path / "seconds.parquet")
    file, params = str(ROOT / "strategies/quiet_reversal.py"), {"window": 10, "depth": 0.5}
    data = str(tmp_path / "seconds.parquet")
    made = check(file, data, jit=False, cuts=2, params=params, repair=True)
    assert [found for found in made.findings if found["kind"] != "warm-up"] == []
    assert made.summary["decisions"] > 0


def test_sma_cross_passes_on_bars() -> None:
    """An exact window agrees with a longer history from its first warm row on."""
    data = session(2, 400, days=3, kind="bar")
    made = check(str(ROOT / "strategies/sma_cross.py"), data, jit=False, cuts=2)
    assert made.findings == []
    (warm,) = made.summary["warm_up"]
    assert warm["compared"] > 0
    assert warm["changed"] == 0
    assert max(warm["off"].values()) == 0.0


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding is exit status 1, one JSON object, and a table that says what to do."""
    data = one_share()
    file = written(tmp_path, NORMALISED, data)
    told = command(
        "check", file, "--data", data, "--no-jit", "--cuts", "1", "--json", capsys=capsys
    )
    assert told.status == 1
    assert len(json.loads(told.out)["findings"]) == 1
    table = command("check", file, "--data", data, "--no-jit", "--cuts", "1", capsys=capsys)
    assert table.status == 1
    assert "look-ahead" in table.out
    assert "rolling" in table.out


def test_bad_options_are_refused() -> None:
    """A number of cuts and a tolerance that mean nothing are named."""
    file, data = str(ROOT / "strategies/ema_cross.py"), one_share()
    with pytest.raises(UsageError, match="--cuts none"):
        alphapanda.check(file, data, cuts="none")
    with pytest.raises(UsageError, match="--tolerance much"):
        alphapanda.check(file, data, tolerance="much")
    with pytest.raises(UsageError, match="Did you mean ema_cross"):
        alphapanda.check("ema_cros", data)
