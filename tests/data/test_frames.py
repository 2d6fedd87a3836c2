"""Frames of pandas, polars and Arrow as data: the rows of a file of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from alphapanda.data.frames import with_files
from alphapanda.errors import UsageError
from tests.data.replaying import run

BARS = {"open": [1.0, 2.0], "high": [2.0, 3.0], "low": [1.0, 2.0], "close": [2.0, 2.5],
        "volume": [5, 6]}  # fmt: skip
TIMES = pd.DatetimeIndex(["2025-07-01 09:15", "2025-07-01 09:16"], tz="Asia/Kolkata", name="date")
PANDAS = pd.DataFrame(BARS, index=TIMES)
ARROW = pa.table({"date": pa.array(TIMES.to_pydatetime(), pa.timestamp("ns", "UTC")), **BARS})


@pytest.mark.parametrize("frame", [
    PANDAS, PANDAS.rename_axis(index=None), PANDAS.reset_index(), PANDAS.reset_index()[::-1][::-1],
    pl.from_arrow(ARROW), ARROW, ARROW.to_batches()[0],
], ids=["index", "no name", "column", "reversed twice", "polars", "Arrow", "batch"])  # fmt: skip
def test_any_frame_is_the_same_rows(tmp_path: Path, frame: Any) -> None:
    """Named by --instrument, else DATA; the same frame is the same file."""
    (path,) = with_files(frame, tmp_path, instruments=["NSE:INFY"])
    assert with_files([frame], tmp_path, instruments=["NSE:INFY"]) == [path]
    replay, rows = run([path])
    assert (replay.names, rows.volume.tolist()) == (("NSE:INFY",), [5, 6])
    assert rows.last.tolist() == [20_000, 25_000]
    assert run(with_files(frame, tmp_path))[0].names == ("NSE:DATA",)


def test_a_dict_names_its_frames(tmp_path: Path) -> None:
    """Each is its own instrument."""
    paths = with_files({"NSE:INFY": PANDAS, "TCS": ARROW}, tmp_path)
    assert run(paths)[0].names == ("NSE:INFY", "NSE:TCS")


def test_columns_of_two_levels_are_rows_of_symbols(tmp_path: Path) -> None:
    """As yfinance makes them of several tickers."""
    wide = pd.concat({"INFY.NS": PANDAS, "TCS.BO": PANDAS * 2}, axis=1).swaplevel(axis=1)
    wide.columns = wide.columns.set_names(["Price", "Ticker"])
    replay, rows = run(with_files(wide, tmp_path))
    assert replay.names == ("BSE:TCS", "NSE:INFY")
    assert rows.volume.tolist() == [10, 5, 12, 6]


@pytest.mark.parametrize(("frame", "message"), [
    (PANDAS[:0], "no rows"), (pl.LazyFrame(BARS), r"collect\(\) it first"),
    ({"a/b": PANDAS}, "name the instrument"), ({"INFY": [1, 2]}, "no frame"),
])  # fmt: skip
def test_frames_that_cannot_be_read_say_why(tmp_path: Path, frame: Any, message: str) -> None:
    """No rows yet, none at all, no name."""
    with pytest.raises(UsageError, match=message):
        with_files(frame, tmp_path)


def test_paths_stay_paths(tmp_path: Path) -> None:
    """What is no frame is none of its business."""
    assert with_files("a.parquet", tmp_path) == "a.parquet"
    assert with_files(["a", "b"], tmp_path) == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (PANDAS["close"], "a Series is one column"),
        ({"NSE:INFY": PANDAS["close"]}, "NSE:INFY: a Series is one column"),
        (pl.Series([1.0]), "a Series is one column"),
        (PANDAS[["close"]], "closes alone: a bar needs open, high and low too"),
        (PANDAS[["open", "low"]].set_axis(["INFY", "TCS"], axis=1), "but date, INFY, TCS: say"),
    ],
    ids=["series", "named series", "polars series", "closes", "a column for each share"],
)
def test_prices_that_are_no_rows_are_refused_with_the_way(
    tmp_path: Path, data: Any, match: str
) -> None:
    """What other libraries take as prices is refused in words that say what to give."""
    with pytest.raises(UsageError, match=match):
        run(with_files(data, tmp_path))
