"""Columns as a page carries them, thinned curves, months, the benchmark."""

from __future__ import annotations

import base64
import zlib
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.research import curves
from alphapanda.research.curves import Curve
from alphapanda.research.pack import Pack
from alphapanda.research.trades import Path

numbers = st.lists(st.integers(-(2**52), 2**52), max_size=40)


def unpacked(pack: Pack) -> dict[str, list[int]]:
    """Read a pack as the page's script does."""
    data, at, made = zlib.decompress(base64.b64decode(pack.text())), 0, {}
    for name, (count, width, base, unit) in pack.directory.items():
        steps = max(count - 1, 0)
        block = np.frombuffer(data[at : at + steps * width], np.uint8).reshape(width, steps)
        jumps = np.ascontiguousarray(block.T).view(f"<i{width}").ravel() if steps else []
        values = [base, *(base + int(x) * unit for x in np.cumsum(np.asarray(jumps, np.int64)))]
        made[name] = values[:count]
        at += steps * width
    assert at == len(data)
    return made


@given(numbers, numbers)
def test_columns_come_back(first: list[int], second: list[int]) -> None:
    """What is packed is unpacked: empty, single, negative and huge numbers too."""
    pack = Pack()
    pack.add("first", first)
    pack.add("second", second)
    assert unpacked(pack) == {"first": first, "second": second}


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=300), st.integers(4, 60))
def test_thinning_keeps_the_extremes_and_the_ends(steps: list[int], most: int) -> None:
    """A thinned curve has few points, and its first, last, lowest and highest are the curve's."""
    value = np.cumsum(steps)
    thin = curves.thinned(Curve(np.arange(len(value)), value), most)
    assert len(thin.ts) <= max(2 * most, 8) + 4
    assert np.all(np.diff(thin.ts) > 0)
    assert (thin.value[0], thin.value[-1]) == (value[0], value[-1])
    assert (thin.value.min(), thin.value.max()) == (value.min(), value.max())


def test_months_agree_with_pandas() -> None:
    """Monthly and yearly returns are those of month ends, counted by pandas."""
    index = pd.bdate_range("2020-11-02", "2023-02-10")
    closes = 1e9 * np.cumprod(1 + np.random.default_rng(1).normal(0, 0.01, len(index)))
    days = np.array([(day.date() - date(1970, 1, 1)).days for day in index])
    found = curves.monthly(days, np.append(1e9, closes))
    series = pd.Series(np.append(1e9, closes), index=[index[0] - pd.Timedelta(days=7), *index])
    ends = series.groupby([series.index.year, series.index.month]).last().pct_change().dropna()
    told = {
        (row["year"], month + 1): value
        for row in found
        for month, value in enumerate(row["months"])
        if value is not None
    }
    assert set(told) == set(ends.index)
    assert all(abs(told[key] - ends[key]) < 1e-12 for key in told)
    years = series.groupby(series.index.year).last().pct_change().dropna()
    assert all(abs(row["all"] - years[row["year"]]) < 1e-12 for row in found[1:])


def test_buy_and_hold_is_the_mean_of_growths() -> None:
    """One instrument doubles, one halves, one comes later: cash until then."""

    def path(*pieces: tuple[int, int, int]) -> Path:
        row, ts, last = (np.array(column, np.int64) for column in zip(*pieces, strict=True))
        return Path(row, ts, ts, last, last, last)

    held: Any = path((0, 1, 100), (0, 9, 200), (1, 1, 50), (1, 9, 25), (2, 5, 10), (2, 9, 20))
    found = curves.benchmark(held, np.array([1, 5, 9]), 300)
    assert found.value.tolist() == [300, 300, 100 * 2 + 50 + 200]
