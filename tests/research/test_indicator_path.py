"""What indicators stood at through a run: against pandas, for any batches, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import alphapanda
from alphapanda.research import indicator_path
from alphapanda.research.indicator_path import IndicatorPath, Watched
from alphapanda.research.result import NO_INDICATORS
from tests.support.running import session

BANDS = """
from alphapanda import bollinger, legs, lowest, rsi, strategy, universe

@strategy
class Bands:
    bands = bollinger(20, 2.0)
    volume = lowest(3, of="volume")

    def on_bar(self, ctx):
        pass

@strategy
class Both:
    bind = legs("near", "far")
    low = lowest(5, leg="far")

    def on_bar(self, ctx):
        pass

@strategy
class All:
    bind = universe()
    strength = rsi(5)

    def on_bar(self, ctx):
        pass
"""


@pytest.fixture(scope="module")
def strategies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of strategies that declare indicators in each way of binding."""
    file = tmp_path_factory.mktemp("strategies") / "bands.py"
    file.write_text(BANDS)
    return file


def run(strategies: Path, name: str, out: Path | None = None, **options: Any) -> Any:
    """Run one of the strategies over two days of minute bars of two shares."""
    named = ("BAMBOO", "PANDA") if name == "Both" else ()
    data = session(2, 375, days=2, kind="bar")
    return alphapanda.backtest(
        f"{strategies}:{name}", data, out=out, jit=False, instrument=named, **options
    )  # fmt: skip


def values(result: Any, name: str, instrument: str) -> pd.Series:
    """Return what an output stood at by time."""
    table = result.table("indicators", "pandas")
    mine = table[(table["name"] == name) & (table["instrument"] == instrument)]
    return pd.Series(mine["value"].to_numpy(), index=mine["ts"])


def test_they_are_what_pandas_computes(strategies: Path, tmp_path: Path) -> None:
    """A moving average and its bands at every bar, null before they are warm, of each share."""
    result = run(strategies, "Bands", tmp_path / "run")
    bars = pd.read_parquet(session(2, 375, days=2, kind="bar"))
    names = list(result.summary["instruments"])
    assert len(names) == 2
    for name in names:
        mine = bars[bars["symbol"] == name.partition(":")[2]]
        mine = mine.set_index(mine["date"] + pd.Timedelta("1min"))
        close = mine["close"]
        mean, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
        for output, wanted in {
            "bands": mean, "bands.upper": mean + 2 * deviation, "bands.lower": mean - 2 * deviation,
            "volume": mine["volume"].rolling(3).min(),
        }.items():  # fmt: skip
            found = values(result, output, name)
            assert set(mine.index) <= set(found.index)
            stands = wanted.reindex(found.index, method="ffill")
            np.testing.assert_allclose(found, stands, rtol=1e-9)
    table = result.table("indicators")
    drawn = set(zip(table["name"].to_pylist(), table["on_price"].to_pylist(), strict=True))
    assert drawn == {("bands", 1), ("bands.upper", 1), ("bands.lower", 1), ("volume", 0)}


@pytest.mark.parametrize("name", ["Bands", "Both", "All"])
def test_looking_changes_nothing(strategies: Path, tmp_path: Path, name: str) -> None:
    """With and without a folder a run has one digest, and the values do not depend on batches."""
    seen = [run(strategies, name, tmp_path / str(n), batch=n) for n in (1, 97, 10_000)]
    assert {each.digest for each in seen} == {run(strategies, name).digest}
    tables = [each.table("indicators") for each in seen]
    assert tables[0].num_rows > 600
    assert all(table.equals(tables[0]) for table in tables)
    read = alphapanda.load(str(tmp_path / "97")).table("indicators")
    assert read.to_pylist() == tables[0].to_pylist()


def test_each_is_of_its_instrument(strategies: Path, tmp_path: Path) -> None:
    """A leg's indicator is the leg's, not the first instrument's; a universe has all."""
    legs = run(strategies, "Both", tmp_path / "legs").table("indicators")
    names = list(run(strategies, "All").summary["instruments"])
    assert set(legs["instrument"].to_pylist()) == {names[1]}
    every = run(strategies, "All", tmp_path / "all").table("indicators")
    assert set(every["instrument"].to_pylist()) == set(names)


def test_more_than_there_is_room_for_is_said(
    strategies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then none are kept, and the run says how many there were and what makes them fewer."""
    monkeypatch.setattr(indicator_path, "VALUES", 500)
    result = run(strategies, "Bands", tmp_path / "run")
    assert [note for note in result.summary["notes"] if "8 series of values" in note]
    assert not (tmp_path / "run" / "indicators.parquet").exists()
    with pytest.raises(alphapanda.UsageError, match="kept no values of indicators"):
        result.table("indicators")
    assert "with an out" in NO_INDICATORS


def test_a_long_run_has_few_moments() -> None:
    """However many days and series, the moments stay below their bound."""
    one = np.zeros(1)
    series = [Watched(0, "x", True, np.arange(100), one, one.astype(int), one.astype(int))]  # type: ignore[arg-type]
    names: Any = None
    for days in (1, 250, 2_500):
        step = IndicatorPath(series, names, days=days).step
        assert days * max(22_500 * 10**9 // step, 1) <= indicator_path.VALUES // 100


def test_a_page_of_an_older_run_has_none(strategies: Path, tmp_path: Path) -> None:
    """A folder without the table is read, and its page is made again."""
    run(strategies, "Bands", tmp_path / "run")
    (tmp_path / "run" / "indicators.parquet").unlink()
    again = alphapanda.load(str(tmp_path / "run"))
    assert "indicators" not in again.exact
    assert isinstance(again.table("fills"), pa.Table)
