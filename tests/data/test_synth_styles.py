"""Made-up markets to order: jumps, correlation, halts, and a chain of options on a share."""

from __future__ import annotations

import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alphapanda.data.instruments import read_masters
from alphapanda.data.synth.chain import MINUTES, synthesize_chain
from alphapanda.data.synth.sessions import Style, synthesize
from alphapanda.errors import UsageError

MONDAY = date(2026, 3, 2)
PLAIN: dict[str, Any] = {"day": MONDAY, "instruments": 2, "ticks_per_instrument": 4_000}


def made(folder: Path, **options: Any) -> pa.Table:
    return pq.read_table(synthesize(folder / "made.parquet", **{**PLAIN, **options}))


def day_of(table: pa.Table, symbol: str, number: int = 0, rows: int = 4_000) -> Any:
    """Return times in s and prices of one share's day."""
    own = table.filter(pc.equal(table["symbol"], symbol)).slice(number * rows, rows)
    return own["ts"].cast(pa.int64()).to_numpy() / 1e9, own["last"].to_numpy(), own


def returns(table: pa.Table, symbol: str, days: int) -> Any:
    """Return a share's returns over quarters of an hour, within days."""
    found = []
    for number in range(days):
        second, last, _ = day_of(table, symbol, number)
        at = (second[-1] - 22_500) + 900 * np.arange(1, 26)
        found.append(np.diff(np.log(last[np.searchsorted(second, at, side="right") - 1])))
    return np.concatenate(found)


@pytest.mark.parametrize("asked", [0.0, 0.3, 0.6, 0.9])
def test_returns_correlate_as_asked(asked: float, tmp_path: Path) -> None:
    """Over forty days two shares' returns of a quarter of an hour correlate within 0.1."""
    table = made(tmp_path, days=40, style=Style(correlation=asked))
    both = [returns(table, symbol, 40) for symbol in ("PANDA", "BAMBOO")]
    assert abs(np.corrcoef(both)[0, 1] - asked) < 0.1
    assert 0.001 < np.std(both[0]) < 0.01


def test_a_halt_is_a_gap_of_some_minutes(tmp_path: Path) -> None:
    """With --halts 1 every day of a share has one silence of 15 to 45 minutes, and all its rows."""
    table = made(tmp_path, days=5, style=Style(halts=1.0))
    assert table.num_rows == 2 * 5 * 4_000
    for symbol in ("PANDA", "BAMBOO"):
        for number in range(5):
            second, _, own = day_of(table, symbol, number)
            during = second[own["bid"].to_numpy() > 0]
            steps = np.diff(during)
            assert 900 <= steps.max() < 2_760
            assert np.count_nonzero(steps > 600) == 1
            assert np.all(steps > 0)


def test_halts_come_as_often_as_asked(tmp_path: Path) -> None:
    """Half of the days, more or less; a share is halted on days of its own."""
    table = made(tmp_path, days=40, style=Style(halts=0.5))
    halted = {
        symbol: [np.diff(day_of(table, symbol, n)[0][9:]).max() > 800 for n in range(40)]
        for symbol in ("PANDA", "BAMBOO")
    }
    assert 10 <= sum(halted["PANDA"]) <= 30
    assert halted["PANDA"] != halted["BAMBOO"]


def test_jumps_are_large_moves_that_leave_the_close(tmp_path: Path) -> None:
    """More moves of half a percent from trade to trade; each day closes where it would have."""
    calm, wild = (made(tmp_path, days=5, style=Style(jumps=n)) for n in (0, 20))
    large = []
    for table in (calm, wild):
        moves = [np.abs(np.diff(np.log(day_of(table, "PANDA", n)[1][9:]))) for n in range(5)]
        large.append(np.count_nonzero(np.concatenate(moves) > 0.004))
    assert large[1] > large[0] + 30
    closes = [[day_of(table, "PANDA", n)[1][-1] for n in range(5)] for table in (calm, wild)]
    assert np.allclose(*closes, rtol=0.002)


def test_a_style_is_seeded(tmp_path: Path) -> None:
    """The same seed and style give the same bytes, and no style those of before."""
    style = Style(jumps=3, correlation=0.5, halts=0.5)
    bytes_of = [
        synthesize(tmp_path / f"{n}.parquet", **PLAIN, style=style).read_bytes() for n in (1, 2)
    ]
    assert bytes_of[0] == bytes_of[1]
    assert made(tmp_path).equals(made(tmp_path, style=Style()))


@pytest.mark.parametrize(
    ("style", "word"),
    [
        (Style(-1), "jumps"),
        (Style(correlation=0.99), "correlation"),
        (Style(halts=2), "halts"),
    ],
)
def test_what_no_market_is_like_is_refused(style: Style, word: str, tmp_path: Path) -> None:
    """A style out of bounds is named, and nothing is written."""
    with pytest.raises(UsageError, match=word):
        made(tmp_path, style=style)
    assert not list(tmp_path.iterdir())


def chain(folder: Path, **options: Any) -> tuple[Path, Path]:
    given: dict[str, Any] = {"shares": ["PANDA", "BAMBOO"], "day": MONDAY, "days": 3, "strikes": 5,
                             "ticks": 4_000, "seed": 7}  # fmt: skip
    files = folder / "chain.parquet", folder / "chain.csv"
    synthesize_chain(*files, **{**given, **options})
    return files


def test_calls_less_puts_are_the_share_less_the_strike(tmp_path: Path) -> None:
    """Put-call parity holds within a tick and a half at every minute, strike and expiry."""
    path, csv = chain(tmp_path)
    contracts = {c.name: c for c in read_masters([csv]).at(MONDAY)}
    table = pq.read_table(path)
    middle: dict[Any, dict[str, float]] = {}
    for row in table.to_pylist():
        contract = contracts[row["symbol"]]
        key = row["ts"], contract.strike, contract.expiry
        if row["bid"] > 0:
            middle.setdefault(key, {})[row["symbol"][-2:]] = (row["bid"] + row["ask"]) / 2
    second, _, own = day_of(made(tmp_path), "PANDA")
    spot = (own["bid"].to_numpy() + own["ask"].to_numpy()) / 2
    quoted = own["bid"].to_numpy() > 0
    pairs = [(key, sides) for key, sides in middle.items() if len(sides) == 2]
    today = [(key, sides) for key, sides in pairs if key[0].date() == MONDAY]
    assert len(today) > 3_000
    for (moment, strike, _), sides in today:
        now = spot[quoted][np.searchsorted(second[quoted], moment.timestamp(), side="right") - 1]
        assert abs(sides["CE"] - sides["PE"] - (now - strike / 10_000)) < 0.075


def test_the_instruments_file_is_kites(tmp_path: Path) -> None:
    """It has every contract of the quotes with strike, expiry and lot, and the shares."""
    path, csv = chain(tmp_path)
    master = read_masters([csv]).at(MONDAY)
    symbols = set(pq.read_table(path)["symbol"].to_pylist())
    assert symbols == {c.name for c in master if c.name.startswith("NFO:")}
    assert {"NSE:PANDA", "NSE:BAMBOO"} <= {c.name for c in master}
    contract = master.get(min(symbols))
    assert contract.expiry == date(2026, 3, 3)
    assert contract.lot_size == 500
    assert contract.spot == "PANDA"


def test_a_chain_is_seeded_and_written_by_day(tmp_path: Path) -> None:
    """The same bytes again; each day is a row group of its own, in order of time."""
    first = [file.read_bytes() for file in chain(tmp_path)]
    assert [file.read_bytes() for file in chain(tmp_path)] == first
    parquet = pq.ParquetFile(tmp_path / "chain.parquet")
    assert parquet.num_row_groups == 3
    assert parquet.metadata.row_group(0).num_rows == MINUTES * 2 * 2 * 11
    ts = parquet.read()["ts"].cast(pa.int64()).to_numpy()
    assert np.all(np.diff(ts) >= 0)


def test_many_days_take_no_more_memory_than_few(tmp_path: Path) -> None:
    """Thirty days of a chain peak where three do."""
    peaks = []
    for days in (3, 30):
        tracemalloc.start()
        chain(tmp_path, days=days, ticks=500)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize("strikes", [0, 51])
def test_a_chain_without_bounds_is_refused(strikes: int, tmp_path: Path) -> None:
    """No strikes, or too many, are refused before anything is written."""
    with pytest.raises(UsageError, match="strikes a side"):
        chain(tmp_path, strikes=strikes)
    assert not list(tmp_path.iterdir())
