"""Made-up sessions: their shape, and that only the seed decides them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alphapanda.data.synth.sessions import BAR_SCHEMA, NAMES, TICK_SCHEMA, synthesize
from alphapanda.errors import OutsideError, UsageError

MONDAY = date(2026, 3, 2)
FRIDAY = date(2026, 3, 6)
ROWS = 2_000
IST_NS = 19_800 * 10**9
DAY_NS = 86_400 * 10**9


def made(folder: Path, **options: Any) -> pa.Table:
    given: dict[str, Any] = {"day": MONDAY, "instruments": 3, "ticks_per_instrument": ROWS}
    return pq.read_table(synthesize(folder / "made.parquet", **(given | options)))


def of(table: pa.Table, symbol: str) -> pa.Table:
    return table.filter(pc.equal(table["symbol"], symbol))


def array(table: pa.Table, name: str) -> Any:
    column = table[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return column.to_numpy()


def seconds(table: pa.Table, name: str = "ts") -> Any:
    return ((array(table, name) + IST_NS) % DAY_NS) / 1e9


def ticks_of(prices: Any) -> Any:
    return np.rint(prices * 20).astype(np.int64)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return made(tmp_path_factory.mktemp("week"), days=5, instruments=4, ticks_per_instrument=20_000)


def test_the_columns_are_canonical(week: pa.Table) -> None:
    """The file has the canonical columns, in order, with times in IST."""
    assert week.schema.remove_metadata().equals(TICK_SCHEMA)
    assert week.num_rows == 4 * 5 * 20_000
    assert all(column.null_count == 0 for column in week.columns)


def test_rows_are_sorted_by_time_and_symbol(week: pa.Table) -> None:
    """Rows are sorted by (ts, symbol), and within a symbol time rises strictly."""
    keys = list(zip(array(week, "ts").tolist(), week["symbol"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    for symbol in NAMES[:4]:
        assert np.all(np.diff(array(of(week, symbol), "ts")) > 0)


def test_each_share_has_its_rows_each_day(week: pa.Table) -> None:
    """A share has exactly the rows asked for on each of the five weekdays."""
    days = (array(week, "ts") + IST_NS) // DAY_NS
    symbols = week["symbol"].combine_chunks().indices.to_numpy()
    _, counts = np.unique(np.stack([days, symbols]), axis=1, return_counts=True)
    assert counts.tolist() == [20_000] * 20


def test_prices_are_on_the_grid_and_near_the_money(week: pa.Table) -> None:
    """Prices are the floats nearest to multiples of 0.05, in the band where that is NSE's tick."""
    for name in ("last", "bid", "ask"):
        prices = array(week, name)
        assert np.array_equal(prices, ticks_of(prices) / 20)
    assert array(week, "last").min() > 250
    assert array(week, "last").max() < 1_000


def test_the_continuous_session_has_quotes(week: pa.Table) -> None:
    """From 09:15 to 15:30 the spread is 1 to 3 ticks, trades are at bid or ask, sizes positive."""
    quoted = week.filter(pc.greater(week["bid"], 0))
    time = seconds(quoted)
    assert time.min() >= 9.25 * 3600
    assert time.max() < 15.5 * 3600
    last, bid, ask = (ticks_of(array(quoted, name)) for name in ("last", "bid", "ask"))
    assert set(np.unique(ask - bid)) == {1, 2, 3}
    assert np.all((last == bid) | (last == ask))
    for name in ("qty", "bid_qty", "ask_qty"):
        assert array(quoted, name).min() >= 1


def test_the_pre_open_ends_with_an_auction(week: pa.Table) -> None:
    """Indicative prices without volume lead to one print between 09:07 and 09:08, unquoted."""
    day = of(week, "PANDA").slice(0, 20_000)
    before = day.filter(pa.array(seconds(day) < 9.25 * 3600))
    time, qty = seconds(before), array(before, "qty")
    assert before.num_rows == 9
    assert time[0] > 9 * 3600
    assert 9 * 3600 + 420 <= time[-1] < 9 * 3600 + 480
    assert np.count_nonzero(qty) == 1
    assert qty[-1] == array(before, "volume")[-1] > 1_000
    for name in ("bid", "ask", "bid_qty", "ask_qty"):
        assert not array(before, name).any()


def test_the_closing_row_repeats_the_last_price(week: pa.Table) -> None:
    """The day's last row is at 15:30:00, without quotes, with the day's volume."""
    day = of(week, "PANDA").slice(0, 20_000)
    assert seconds(day)[-1] == 15.5 * 3600
    assert array(day, "last")[-1] == array(day, "last")[-2]
    assert array(day, "volume")[-1] == array(day, "volume")[-2]
    assert array(day, "qty")[-1] == array(day, "bid")[-1] == 0


def test_volume_is_the_running_total_of_a_day(week: pa.Table) -> None:
    """`volume` adds up `qty` and starts again each day."""
    qty = array(of(week, "BAMBOO"), "qty").reshape(5, 20_000)
    volume = array(of(week, "BAMBOO"), "volume").reshape(5, 20_000)
    assert np.array_equal(volume, np.cumsum(qty, axis=1))


def test_more_happens_at_open_and_close(week: pa.Table) -> None:
    """Volume smiles over the day; swings and spreads are widest after the open."""
    quoted = week.filter(pc.greater(week["bid"], 0))
    quarter = ((seconds(quoted) - 9.25 * 3600) // 900).astype(int)
    volume = np.bincount(quarter, array(quoted, "qty"))
    midday = volume[8:16].mean()
    assert volume[0] > 2 * midday
    assert volume[-1] > 2.5 * midday
    spread = array(quoted, "ask") - array(quoted, "bid")
    mean_spread = np.bincount(quarter, spread) / np.bincount(quarter)
    assert mean_spread[0] > 1.2 * mean_spread[1:].mean()


def test_names_move_together_but_not_much(tmp_path: Path) -> None:
    """Minute returns of different names correlate positively, and far from fully."""
    bars = made(tmp_path, kind="bar", days=20, instruments=6, ticks_per_instrument=5_000)
    returns = []
    for symbol in NAMES[:6]:
        own = of(bars, symbol)
        minute = np.rint((array(own, "date") - array(bars, "date")[0]) / 6e10).astype(int)
        close = dict(zip(minute // 5, np.log(array(own, "close")), strict=True))
        returns.append(close)
    common = sorted(set.intersection(*(set(close) for close in returns)))
    levels = np.array([[close[at] for at in common] for close in returns])
    correlation = np.corrcoef(np.diff(levels))[np.triu_indices(6, 1)]
    assert 0.1 < correlation.mean() < 0.6


def test_trades_bounce(week: pa.Table) -> None:
    """Trade prices bounce between the quotes; the middle of the quotes hardly does."""
    day = of(week, "PANDA").slice(9, 19_990)
    last = np.diff(array(day, "last"))
    middle = np.diff(array(day, "bid") + array(day, "ask"))
    assert -0.5 < np.corrcoef(last[:-1], last[1:])[0, 1] < -0.1
    assert abs(np.corrcoef(middle[:-1], middle[1:])[0, 1]) < 0.15


def test_the_same_seed_makes_the_same_rows(tmp_path: Path) -> None:
    """The seed decides the rows: the same again, others with another."""
    assert made(tmp_path, seed=1).equals(made(tmp_path, seed=1))
    assert not made(tmp_path, seed=1).equals(made(tmp_path, seed=2))


def test_a_share_does_not_depend_on_the_others(tmp_path: Path) -> None:
    """A share's rows are the same alone, by name, and among others."""
    among = of(made(tmp_path, instruments=7), "BAMBOO")
    alone = made(tmp_path, instruments=["BAMBOO"])
    for name in TICK_SCHEMA.names:
        assert among[name].to_pylist() == alone[name].to_pylist()


def test_a_day_does_not_depend_on_the_others(tmp_path: Path) -> None:
    """A day's rows are the same whether it is made first, last or alone."""
    both = made(tmp_path, day=FRIDAY, days=2)
    assert both.slice(0, 3 * ROWS).equals(made(tmp_path, day=FRIDAY))
    assert both.slice(3 * ROWS).equals(made(tmp_path, day=date(2026, 3, 9)))


def test_a_night_changes_the_price_a_little(tmp_path: Path) -> None:
    """A day opens near the close before, and not at it."""
    prices = array(made(tmp_path, days=60, instruments=1), "last").reshape(60, ROWS)
    gaps = np.log(prices[1:, 8] / prices[:-1, -1])
    assert 0.003 < gaps.std() < 0.01
    assert np.count_nonzero(gaps) > 50


def test_weekends_are_skipped(tmp_path: Path) -> None:
    """A file that begins on a Saturday begins on Monday."""
    weekend = made(tmp_path, day=date(2026, 2, 28))
    assert weekend.equals(made(tmp_path, day=MONDAY))


def test_bars_are_the_minutes_of_the_ticks(tmp_path: Path) -> None:
    """Bars agree with a plain recount of the same ticks; the auction is in the first."""
    ticks, bars = made(tmp_path), made(tmp_path, kind="bar")
    assert bars.schema.remove_metadata().equals(BAR_SCHEMA)
    expected: dict[tuple[int, str], list[float]] = {}
    nine_fifteen = array(bars, "date")[0]
    for row in (
        ticks.select(["symbol", "last", "qty"])
        .append_column("ns", pa.array(array(ticks, "ts")))
        .to_pylist()
    ):
        if row["qty"] == 0:
            continue
        minute = max(0, (row["ns"] - nine_fifteen) // 60_000_000_000)
        price = row["last"]
        bar = expected.setdefault((minute, row["symbol"]), [price, price, price, price, 0])
        bar[1:] = [max(bar[1], price), min(bar[2], price), price, bar[4] + row["qty"]]
    got = {
        ((ns - nine_fifteen) // 60_000_000_000, symbol): list(numbers)
        for ns, symbol, *numbers in zip(
            array(bars, "date").tolist(),
            *(bars[name].to_pylist() for name in BAR_SCHEMA.names[1:]),
            strict=True,
        )
    }
    assert got == expected
    assert list(got) == sorted(got)
    assert seconds(bars, "date")[0] == 9.25 * 3600


def test_names_go_on_beyond_the_list(tmp_path: Path) -> None:
    """More shares than the list has names for get names of their own."""
    more = made(tmp_path, instruments=len(NAMES) + 2, ticks_per_instrument=50)
    assert set(more["symbol"].to_pylist()) == {*NAMES, "PANDA2", "BAMBOO2"}


def test_busy_sessions_still_rise_strictly(tmp_path: Path) -> None:
    """A million rows in one session keep strictly rising times before 15:30."""
    day = made(tmp_path, instruments=1, ticks_per_instrument=1_000_000)
    assert np.all(np.diff(array(day, "ts")) > 0)
    assert seconds(day)[-2] < 15.5 * 3600


def test_progress_counts_up(tmp_path: Path) -> None:
    """Progress is told for each share and day, up to all of them."""
    told: list[tuple[int, int]] = []
    made(tmp_path, days=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]


def test_a_run_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """Whatever stops it, the file that was there stays and nothing half-written does."""

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    before = made(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, seed=9, progress=stop)
    assert [file.name for file in tmp_path.iterdir()] == ["made.parquet"]
    assert pq.read_table(tmp_path / "made.parquet").equals(before)


def test_folders_are_made(tmp_path: Path) -> None:
    """Missing folders on the way to the file are made."""
    path = tmp_path / "a" / "b" / "c.parquet"
    assert synthesize(path, day=MONDAY, instruments=1, ticks_per_instrument=50) == path
    assert pq.read_metadata(path).num_rows == 50


def test_an_unwritable_place_is_an_outside_error(tmp_path: Path) -> None:
    """A file in the place of a folder is told by the path that cannot be written."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match=r"made\.parquet"):
        made(tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"instruments": 0}, "instruments"),
        ({"instruments": []}, "empty"),
        ({"instruments": ["A", "A"]}, "twice"),
        ({"instruments": ["A", " "]}, "empty name"),
        ({"instruments": "PANDA"}, "one string"),
        ({"days": 0}, "days"),
        ({"day": date(1989, 12, 29)}, "before 1990-01-01"),
        ({"ticks_per_instrument": 49}, "below 50"),
        ({"kind": "candle"}, "candle"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, options: dict[str, Any], word: str) -> None:
    """An argument out of bounds is refused by its name, before anything is written."""
    with pytest.raises(UsageError, match=word):
        made(tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """The path of a directory is refused."""
    with pytest.raises(UsageError, match="directory"):
        synthesize(tmp_path, day=MONDAY)
