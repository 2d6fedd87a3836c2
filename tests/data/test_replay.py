"""The replay source on small files: kinds, names, times, pruning, order, batches."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from alphapanda.data.replay import replay as replay_module
from alphapanda.data.replay.replay import ReplayOptions, open_replay
from alphapanda.errors import UsageError
from tests.data.replaying import DAY_NS, IST, MORNING, MORNING_NS, ZONED, ns, run, seconds, write

NEW_YEAR = date(2025, 1, 1)


def ticks(path: Path, offsets: list[int], **columns: Any) -> Path:
    """Write ticks at these seconds; the price counts up unless given."""
    price = [100.0 + at for at in range(len(offsets))]
    return write(path, {"ts": seconds(*offsets), "price": price, **columns})


def test_kinds_are_told_by_columns(tmp_path: Path) -> None:
    """Open to close is a bar; with a last price and a trade's size, a tick; sides are a quote."""
    prices = {"open": [10.0], "high": [12.0], "low": [9.0], "close": [11.0]}
    bar = write(tmp_path / "A.parquet", {"ts": seconds(0), **prices})
    tick = write(tmp_path / "B.parquet", {"ts": seconds(0), "ltp": [11.5], "ltq": [5], **prices})
    beside = write(tmp_path / "D.parquet", {"ts": seconds(0), "ltp": [11.5], **prices})
    quote = write(tmp_path / "C.parquet", {"ts": seconds(0), "ask": [11.5]})
    replay, rows = run(bar, interval="5m")
    assert replay.kind == "bar"
    assert [rows.open[0], rows.high[0], rows.low[0], rows.last[0]] == [
        100_000, 120_000, 90_000, 110_000,
    ]  # fmt: skip
    assert run(beside, interval="5m")[1].last[0] == 110_000
    replay, rows = run(tick)
    assert (replay.kind, rows.last[0], len(rows.open)) == ("tick", 115_000, 0)
    replay, rows = run(quote)
    assert (replay.kind, rows.last[0], rows.ask[0], len(rows.bid)) == ("quote", 115_000, 115_000, 0)


def test_a_forced_kind_reads_other_columns(tmp_path: Path) -> None:
    """--kind bar reads a file's open to close although it has a last price, and so on."""
    prices = {"open": [10.0], "high": [12.0], "low": [9.0], "close": [11.0]}
    path = write(tmp_path / "A.parquet", {"ts": seconds(0), "ltp": [11.5], "bid": [11.4], **prices})
    assert run(path, kind="bar", interval="1m")[1].last[0] == 110_000
    assert run(path, kind="quote")[1].last[0] == 114_000
    assert run(path, kind="tick")[1].last[0] == 115_000


def test_mapping_names_columns(tmp_path: Path) -> None:
    """--map wins over known spellings and reaches unknown ones."""
    path = write(tmp_path / "A.parquet", {"ts": seconds(0), "price": [1.0], "Kurs": [2.5]})
    assert run(path)[1].last[0] == 10_000
    assert run(path, mapping={"last": "Kurs"})[1].last[0] == 25_000


@pytest.mark.parametrize(
    ("price", "scaled"),
    [
        (2500.05, 25_000_500),
        (0.0001, 1),
        (83.1225, 831_225),
        (1.1, 11_000),
        (99_999.95, 999_999_500),
    ],
)
def test_prices_are_scaled_exactly(tmp_path: Path, price: float, scaled: int) -> None:
    """A price becomes the int nearest to 10,000 times it, as float, decimal or float32."""
    path = write(tmp_path / "A.parquet", {"ts": seconds(0), "price": [price]})
    assert run(path)[1].last[0] == scaled
    decimal = pa.array([f"{price:.4f}"]).cast(pa.decimal128(14, 4))
    path = write(tmp_path / "D.parquet", {"ts": seconds(0), "price": decimal})
    assert run(path)[1].last[0] == scaled
    path = write(tmp_path / "F.parquet", {"ts": seconds(0), "price": [price]}, price=pa.float32())
    assert run(path)[1].last[0] == scaled


def test_integer_prices_and_unsigned_quantities(tmp_path: Path) -> None:
    """Whole rupees and any integer type will do."""
    path = write(
        tmp_path / "A.parquet",
        {"ts": seconds(0), "price": [7], "qty": [9]},
        price=pa.int16(),
        qty=pa.uint32(),
    )
    _, rows = run(path)
    assert (rows.last[0], rows.qty[0]) == (70_000, 9)
    assert run(path, qty_scale=100)[1].qty[0] == 900


def test_whole_quantities_in_floats_need_no_scale(tmp_path: Path) -> None:
    """A float column of whole numbers is read as it is; null is no quantity."""
    path = ticks(tmp_path / "A.parquet", [0, 1], qty=[5.0, None])
    assert run(path)[1].qty.tolist() == [5, 0]


MOMENT = datetime(2025, 1, 1, 9, 15, 0, 123456, tzinfo=IST)
MOMENT_NS = MORNING_NS + 123_456_000


@pytest.mark.parametrize(
    "stamps",
    [
        pa.array([MOMENT_NS + 789], pa.timestamp("ns", tz="UTC")),
        pa.array([MOMENT_NS + 789], pa.timestamp("ns", tz="Asia/Kolkata")),
        pa.array([MOMENT_NS + 789 + 19_800 * 10**9], pa.timestamp("ns")),
        pa.array([MOMENT], pa.timestamp("us", tz="America/New_York")),
        pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("us")),
        pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("ms")),
        pa.array([MORNING_NS // 10**9]),
        pa.array([MOMENT_NS // 10**6]),
        pa.array([MOMENT_NS // 10**3]),
        pa.array([MOMENT_NS + 789]),
        pa.array(["2025-01-01T09:15:00.123456789+05:30"]),
        pa.array(["2025-01-01T03:45:00.123456789Z"]),
        pa.array(["2025-01-01 09:15:00.123456789"]),
    ],
    ids=lambda stamps: f"{stamps.type} {stamps[0]}",
)
def test_times_of_any_type_become_ns_utc(tmp_path: Path, stamps: pa.Array) -> None:
    """Zoned, naive (IST), epoch numbers by magnitude and ISO text are the same moment."""
    path = write(tmp_path / "A.parquet", {"ts": stamps, "price": [1.0]})
    replay, rows = run(path)
    lost = (MOMENT_NS + 789 - int(rows.ts[0])) % 10**9
    assert lost in (0, 789, 456_789, 123_456_789)  # by the resolution of the type
    assert rows.ts[0] + lost == MOMENT_NS + 789
    assert replay.days == (NEW_YEAR,)
    pruned, rows = run(path, first=NEW_YEAR, last=NEW_YEAR)
    assert (pruned.rows, rows.rows) == (1, 1)
    with pytest.raises(UsageError, match="the data covers 2025-01-01 to 2025-01-01"):
        run(path, first=NEW_YEAR + timedelta(days=1))


def test_naive_times_are_said(tmp_path: Path) -> None:
    """Times without a zone are IST, and a note says so."""
    stamps = pa.array([MORNING.replace(tzinfo=None)], pa.timestamp("us"))
    replay, rows = run(write(tmp_path / "A.parquet", {"time": stamps, "price": [1.0]}))
    assert rows.ts[0] == MORNING_NS
    assert any("no zone: taken as IST" in note for note in replay.notes)


def test_names_come_from_symbols_with_an_exchange(tmp_path: Path) -> None:
    """Symbols get the exchange unless they have one; two spellings of a name are one instrument."""
    path = ticks(tmp_path / "x.parquet", [0, 1, 2], Symbol=["TCS", "NFO:X", "NSE:TCS"])
    replay, rows = run(path)
    assert replay.names == ("NFO:X", "NSE:TCS")
    assert rows.row.tolist() == [1, 0, 1]
    assert run(path, exchange="BSE")[0].names == ("BSE:TCS", "NFO:X", "NSE:TCS")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("INFY.parquet", "NSE:INFY"),
        ("INFY_2025-01-01.parquet", "NSE:INFY"),
        ("INFY-minute.parquet", "NSE:INFY"),
        ("BAJAJ-AUTO-5m.parquet", "NSE:BAJAJ-AUTO"),
        ("feed_full_NIFTY25DECFUT_20251229_1340.parquet", "NFO:NIFTY25DECFUT"),
        ("eth_trades.parquet", "NSE:eth_trades"),
        ("symbol=M&M/date=2025-01-01/part-0.parquet", "NSE:M&M"),
        ("TCS/2025-01-01.parquet", "NSE:TCS"),
        ("BSE:SENSEX/date=2025-01-01/data_0.parquet", "BSE:SENSEX"),
    ],
)
def test_without_symbols_the_path_names_the_instrument(
    tmp_path: Path, path: str, name: str
) -> None:
    """A folder symbol=, the file's name without its dates, or its folder; and a note says so."""
    replay, _ = run(ticks(tmp_path / path, [0]))
    assert replay.names == (name,)
    assert any(f"named {name} after the file" in note for note in replay.notes)


def test_a_null_symbol_is_the_files_only_other(tmp_path: Path) -> None:
    """Also where the symbol is named only outside the days asked for."""
    day = 24 * 3600
    path = ticks(tmp_path / "odd.parquet", [0, 1, day], symbol=[None, "", "INFY"])
    assert run(path)[0].names == ("NSE:INFY",)
    replay, rows = run(path, last=NEW_YEAR)
    assert (replay.names, rows.rows) == (("NSE:INFY",), 2)
    assert run(path, instruments=["INFY"])[1].rows == 3


def test_days_are_ist_and_inclusive(tmp_path: Path) -> None:
    """--from and --to are IST dates: 23:59:59.9 belongs to its day, midnight to the next."""
    midnight = ns(date(2025, 1, 2), "00:00:00")
    stamps = [midnight - 100_000_000, midnight, midnight + DAY_NS - 1, midnight + DAY_NS]
    path = write(tmp_path / "A.parquet", {"ts": stamps, "price": [1.0, 2.0, 3.0, 4.0]})
    replay, _ = run(path)
    assert replay.days == (date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 3))
    replay, rows = run(path, first=date(2025, 1, 2), last=date(2025, 1, 2))
    assert replay.days == (date(2025, 1, 2),)
    assert replay.rows == 2
    assert rows.last.tolist() == [20_000, 30_000]


def test_instruments_are_chosen_by_name_symbol_or_glob(tmp_path: Path) -> None:
    """Rows are dense over the chosen; files without any are not even named."""
    one = ticks(tmp_path / "one.parquet", [0, 1, 2], symbol=["TCS", "INFY", "INFRA"])
    two = ticks(tmp_path / "RELIANCE.parquet", [0])
    replay, rows = run([one, two], instruments=["INF*"])
    assert replay.names == ("NSE:INFRA", "NSE:INFY")
    assert rows.row.tolist() == [1, 0]
    assert [Path(info.path).name for info in replay.files] == ["one.parquet"]
    replay, rows = run([one, two], instruments=["NSE:TCS", "RELIANCE"])
    assert replay.names == ("NSE:RELIANCE", "NSE:TCS")
    assert rows.row.tolist() == [0, 1]
    with pytest.raises(UsageError, match="Did you mean NSE:INFY"):
        run([one, two], instruments=["INFI"])


def test_folders_and_globs_are_sorted_and_files_once(tmp_path: Path) -> None:
    """A folder holds its Parquet files at any depth, hidden ones left out."""
    for name in ("b/A.parquet", "a/B.pq", ".c/C.parquet", "d/_D.parquet", "e.txt"):
        ticks(tmp_path / name, [0])
    replay, _ = run(tmp_path)
    assert replay.names == ("NSE:A", "NSE:B")
    assert [Path(info.path).name for info in replay.files] == ["B.pq", "A.parquet"]
    replay, _ = run([tmp_path / "*" / "*.parquet", tmp_path / "b"], instruments=["A"])
    assert len(replay.files) == 1


@pytest.mark.parametrize("text", [False, True], ids=["times", "texts"])
def test_many_of_a_file_that_has_one_instrument_after_the_other(tmp_path: Path, text: bool) -> None:
    """Names and days that leave gaps of every size in a file leave the rest in its order."""
    each, names = 6_750, [f"S{number:02}" for number in range(30)]
    times = seconds(*range(0, each * 60, 60))
    stamps = pa.array(times * len(names), ZONED)
    if text:
        shown = [datetime.fromtimestamp(ns // 10**9, IST).isoformat() for ns in times]
        stamps = pa.array(shown * len(names))
    path = write(
        tmp_path / "x.parquet",
        {"ts": stamps, "symbol": np.repeat(names, each), "last": [100.0] * len(names) * each},
    )
    chosen = [name for name in names if name != "S21"]
    _, whole_file = run(path, instruments=chosen)
    assert whole_file.rows == len(chosen) * each
    _, second_day = run(path, instruments=chosen, first=date(2025, 1, 2), last=date(2025, 1, 2))
    assert second_day.rows == len(chosen) * 1_440
    for rows in (whole_file, second_day):
        assert (np.diff(rows.ts) >= 0).all()
        assert set(rows.row.tolist()) == set(range(len(chosen)))


def test_ties_run_by_instrument_then_file_position(tmp_path: Path) -> None:
    """Of equal times the lower row comes first, then the file's order."""
    first = ticks(tmp_path / "1.parquet", [0, 0, 0, 1], symbol=["B", "A", "A", "B"])
    second = ticks(tmp_path / "2.parquet", [0, 1], symbol=["A", "A"], price=[200.0, 201.0])
    _, rows = run([first, second])
    assert rows.last.tolist() == [1_010_000, 1_020_000, 2_000_000, 1_000_000, 2_010_000, 1_030_000]
    _, rows = run([second, first])
    assert rows.last.tolist() == [2_000_000, 1_010_000, 1_020_000, 1_000_000, 2_010_000, 1_030_000]


def test_a_day_larger_than_a_chunk_is_sorted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorting goes by days, and within a day beyond the budget."""
    monkeypatch.setattr(replay_module, "CHUNK_ROWS", 3)
    day = 24 * 3600
    offsets = [0, 1, day, day + 1, 3 * day, 3 * day + 1]
    path = ticks(tmp_path / "x.parquet", offsets * 2, symbol=["B"] * 6 + ["A"] * 6)
    replay, rows = run(path, batch_rows=2)
    assert len(replay.days) == 3
    assert rows.ts.tolist() == [each for each in seconds(*offsets) for _ in "AB"]
    assert rows.row.tolist() == [0, 1] * 6


def test_many_files_take_few_notes(tmp_path: Path) -> None:
    """A folder of hundreds of files does not drown the summary."""
    for at in range(9):
        ticks(tmp_path / f"S{at}.parquet", [0])
    replay, _ = run(tmp_path)
    assert len(replay.notes) == 6
    assert replay.notes[-1] == "... and 4 more files named in such ways"


def test_files_of_different_columns_run_together(tmp_path: Path) -> None:
    """A column that only one file has is 0 in the other, and a note says so."""
    one = ticks(tmp_path / "INDEX.parquet", [0, 2])
    two = ticks(tmp_path / "FUT.parquet", [1, 3], volume=[5, 6], bid=[99.0, 98.0])
    replay, rows = run([one, two])
    assert replay.columns == {"ts", "instrument", "last", "volume", "bid"}
    assert rows.volume.tolist() == [0, 5, 0, 6]
    assert rows.bid.tolist() == [0, 990_000, 0, 980_000]
    assert any("no column for volume: 0 there" in note for note in replay.notes)


def test_batches_are_never_longer_than_asked(tmp_path: Path) -> None:
    """Not even where one time has more rows than a batch."""
    path = ticks(tmp_path / "x.parquet", [0] * 10 + [1, 2, 3])
    with open_replay(ReplayOptions(paths=[path], batch_rows=4)) as replay:
        sizes = [batch.rows for batch in replay.batches()]
    assert sum(sizes) == 13
    assert max(sizes) == 4


def test_a_replay_may_be_left_early_and_begun_again(tmp_path: Path) -> None:
    """Batches not taken hold nothing back; two streams may run at once."""
    path = ticks(tmp_path / "x.parquet", list(range(100)))
    with open_replay(ReplayOptions(paths=[path], batch_rows=10)) as replay:
        left = replay.batches()
        first = next(left)
        other = replay.batches()
        assert (next(other).ts == first.ts).all()
        left.close()
        assert sum(batch.rows for batch in other) == 90
        assert sum(batch.rows for batch in replay.batches()) == 100


def test_batches_own_their_memory(tmp_path: Path) -> None:
    """Writing to a batch changes no later one."""
    path = ticks(tmp_path / "x.parquet", list(range(10)))
    with open_replay(ReplayOptions(paths=[path], batch_rows=3)) as replay:
        for batch in replay.batches():
            batch.last[:] = -1
        assert min(batch.last.min() for batch in replay.batches()) > 0


def test_intervals_are_told_by_the_usual_step(tmp_path: Path) -> None:
    """Gaps and other instruments do not matter; one bar needs --interval."""
    price = dict.fromkeys(("open", "high", "low", "close"), [1.0] * 6)
    stamps = seconds(0, 300, 600, 3600, 0, 300)
    path = write(tmp_path / "x.parquet", {"date": stamps, "symbol": list("AAAABB"), **price},
                 date=pa.timestamp("ns", tz="UTC"))  # fmt: skip
    replay, rows = run(path)
    assert replay.interval_ns == 300 * 10**9
    assert rows.ts.tolist() == seconds(300, 300, 600, 600, 900, 3900)
    replay, _ = run(path, interval="1m")
    assert replay.interval_ns == 60 * 10**9
    assert "--interval 1m, though bars are 5m apart" in replay.notes


def test_a_single_day_of_day_bars_knows_its_interval(tmp_path: Path) -> None:
    """The rest of the file tells it; MCX bars enter when MCX closes."""
    price = dict.fromkeys(("open", "high", "low", "close"), [1.0] * 3)
    stamps = [ns(date(2025, 1, day), "00:00:00") for day in (1, 2, 3)]
    path = write(tmp_path / "X.parquet", {"ts": stamps, **price})
    replay, rows = run(path, first=date(2025, 1, 2), last=date(2025, 1, 2))
    assert replay.interval_ns == DAY_NS
    assert rows.ts.tolist() == [ns(date(2025, 1, 2), "15:30:00")]
    _, rows = run(path, first=date(2025, 1, 2), last=date(2025, 1, 2), exchange="MCX")
    assert rows.ts.tolist() == [ns(date(2025, 1, 2), "23:55:00")]
    dates = pa.array([date(2025, 1, 2)], pa.date32())
    path = write(tmp_path / "D.parquet", {"date": dates, **{k: [1.0] for k in price}})
    assert run(path)[1].ts.tolist() == [ns(date(2025, 1, 2), "15:30:00")]


def test_repairs_are_counted_by_kind(tmp_path: Path) -> None:
    """Each dropped row counts once; the rest runs."""
    nan, inf = float("nan"), float("inf")
    prices = [1.0, None, nan, inf, 0.0, -1.0, 1e12, 2.0, 2.0, 3.0, 4.0]
    bids = [0.0] * 9 + [-1.0, 0.0]
    path = write(
        tmp_path / "x.parquet",
        {"ts": [*seconds(0, 1, 2, 3, 4, 5, 6, 7, 7, 8), None], "price": prices, "bid": bids},
    )
    replay, rows = run(path, repair=True)
    assert replay.repairs == {"null": 2, "invalid price": 6, "duplicate": 1}
    assert rows.last.tolist() == [10_000, 20_000]


def test_equal_times_with_other_values_are_legal(tmp_path: Path) -> None:
    """Only a row that is equal in all columns is a repeat, next to its like or apart."""
    path = ticks(tmp_path / "x.parquet", [0, 0, 0], price=[1.0, 2.0, 3.0])
    assert run(path)[1].last.tolist() == [10_000, 20_000, 30_000]
    path = ticks(tmp_path / "y.parquet", [0, 0, 0], price=[1.0, 2.0, 1.0])
    with pytest.raises(UsageError, match=r"row 3.*repeats"):
        run(path)
    replay, rows = run(path, repair=True)
    assert replay.repairs == {"duplicate": 1}
    assert rows.last.tolist() == [10_000, 20_000]


def test_files_that_overlap_repeat_each_other(tmp_path: Path) -> None:
    """The same rows in two files are repeats of the second."""
    one = ticks(tmp_path / "INFY_1.parquet", [0, 1, 2])
    two = ticks(tmp_path / "INFY_2.parquet", [1, 2, 3], price=[101.0, 102.0, 103.0])
    with pytest.raises(UsageError, match=r"INFY_2\.parquet, row 1: .*repeats"):
        run([one, two])
    replay, rows = run([one, two], repair=True)
    assert replay.repairs == {"duplicate": 2}
    assert rows.last.tolist() == [1_000_000, 1_010_000, 1_020_000, 1_030_000]


def test_a_late_row_does_not_cost_its_like(tmp_path: Path) -> None:
    """Of a late row and the same row of another file the one on time is kept."""
    one = ticks(tmp_path / "INFY_1.parquet", [0, 5, 1], price=[1.0, 2.0, 3.0])
    two = ticks(tmp_path / "INFY_2.parquet", [1], price=[3.0])
    replay, rows = run([one, two], repair=True)
    assert replay.repairs == {"duplicate": 1}
    assert rows.last.tolist() == [10_000, 30_000, 20_000]


def test_two_bars_of_one_time_are_not_run(tmp_path: Path) -> None:
    """Both are named; with repair the later in file order counts, the other is counted."""
    price = {name: [100.0] * 4 for name in ("open", "low")}
    path = write(tmp_path / "INFY_1m.parquet", {
        "ts": seconds(0, 60, 60, 120), "high": [101.0] * 4, **price,
        "close": [100.0, 100.0, 100.5, 100.0], "volume": [5, 6, 9, 5],
    })  # fmt: skip
    with pytest.raises(UsageError, match=r"row 3: .*close is 100\.5.*second bar.*row 2: .*100\.0"):
        run(path)
    replay, rows = run(path, repair=True)
    assert replay.repairs == {"earlier bar of its time": 1}
    assert rows.volume.tolist() == [5, 9, 5]


def test_a_bar_written_again_later_takes_its_place(tmp_path: Path) -> None:
    """Also where it lies behind others, or in a second file; what is only late is dropped still."""
    bar = {name: [100.0] for name in ("open", "high", "low", "close")}

    def made(name: str, offsets: list[int], volume: list[int]) -> Path:
        columns = {key: value * len(offsets) for key, value in bar.items()}
        return write(tmp_path / name, {"ts": seconds(*offsets), **columns, "volume": volume})

    one = made("INFY_1.parquet", [0, 60, 120, 240, 60, 180], [1, 2, 3, 4, 22, 9])
    two = made("INFY_2.parquet", [240, 300], [44, 5])
    replay, rows = run([one, two], repair=True, interval="1m")
    assert rows.volume.tolist() == [1, 22, 3, 44, 5]
    assert replay.repairs == {"earlier bar of its time": 2, "backward": 1}


def test_an_interval_that_the_rows_speak_against_is_refused(tmp_path: Path) -> None:
    """Rows a minute apart are no days, whatever --interval says."""
    bar = {name: [100.0] * 3 for name in ("open", "high", "low", "close")}
    path = write(tmp_path / "INFY.parquet", {"ts": seconds(0, 60, 120), **bar})
    with pytest.raises(UsageError, match="--interval says bars of 1d, but its rows are 1m apart"):
        run(path, interval="1d")


def test_prices_finer_than_kept_are_not_run(tmp_path: Path) -> None:
    """Where rounding would change them they are refused; --price-scale keeps them."""
    path = ticks(tmp_path / "BTC.parquet", [0, 1], price=[0.00001234, 0.00001235])
    with pytest.raises(UsageError, match=r"price is 1\.23\de-05: finer.*--price-scale"):
        run(path)
    replay, rows = run(path, price_scale=100_000_000)
    assert rows.last.tolist() == [12_340_000, 12_350_000]
    assert any("taken 100000000 times" in note for note in replay.notes)
    replay, _ = run(ticks(tmp_path / "X.parquet", [0], price=[100.123456]))
    assert any(note.startswith("1 prices are finer than 0.0001") for note in replay.notes)


def test_text_says_that_it_is_to_be_imported(tmp_path: Path) -> None:
    """A CSV is not a damaged Parquet file."""
    path = tmp_path / "INFY.csv.gz"
    path.write_bytes(b"date,open")
    with pytest.raises(
        UsageError, match=r"is text, not Parquet: import it: alphapanda data import"
    ):
        run(path)


def test_volume_may_start_again_each_day(tmp_path: Path) -> None:
    """Within an IST day the cumulative volume of an instrument never falls."""
    day = 24 * 3600
    path = ticks(tmp_path / "x.parquet", [0, 1, day, day + 1], volume=[5, 9, 1, 1])
    assert run(path)[1].volume.tolist() == [5, 9, 1, 1]
    path = ticks(tmp_path / "y.parquet", [0, 1, 2, day], volume=[5, 9, 8, 1])
    for batch_rows in (1, 2, 100):
        replay, rows = run(path, repair=True, batch_rows=batch_rows)
        assert replay.repairs == {"backward volume": 1}
        assert rows.volume.tolist() == [5, 9, 1]


def test_columns_beside_the_known_are_ignored(tmp_path: Path) -> None:
    """Lists, nested columns and texts of any name do not disturb."""
    path = ticks(
        tmp_path / "x.parquet", [0], bids=[[1.0]], depth=[{"a": 1}], note=["x"], side=["buy"]
    )
    assert run(path)[0].columns == {"ts", "instrument", "last"}


def test_paths_with_odd_characters(tmp_path: Path) -> None:
    """Quotes, brackets and spaces in a path or a symbol are only characters."""
    path = ticks(tmp_path / "it's [1] of 2.parquet", [0, 1], symbol=["O'NEIL", 'A"B'])
    replay, rows = run(path, instruments=["O'NEIL", 'A"B'])
    assert replay.names == ('NSE:A"B', "NSE:O'NEIL")
    assert rows.row.tolist() == [1, 0]


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing removes the temporary folder, also after an error."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    run(ticks(tmp_path / "x.parquet", [0]))
    with pytest.raises(UsageError):
        run(ticks(tmp_path / "x.parquet", [1, 0]))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_batches_are_the_cores_columns(tmp_path: Path) -> None:
    """Absent columns have no rows, present ones are int64, the row int32."""
    _, rows = run(ticks(tmp_path / "x.parquet", [0, 1]))
    assert rows.ts.dtype == np.int64
    assert rows.row.dtype == np.int32
    assert [len(column) for column in rows] == [2, 2, 2] + [0] * 10
