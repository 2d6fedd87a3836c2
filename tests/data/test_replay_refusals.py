"""What the replay source refuses, and that each message names the place and the remedy."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from alphapanda.data.replay.replay import ReplayOptions, open_replay
from alphapanda.errors import UsageError
from tests.data.replaying import run, seconds, write

NAN = float("nan")


def bar(**changed: Any) -> dict[str, Any]:
    """Return the columns of two good bars, changed."""
    prices = {"open": [10.0] * 2, "high": [12.0] * 2, "low": [9.0] * 2, "close": [11.0] * 2}
    return {"ts": seconds(0, 60), **prices, **changed}


def tick(**changed: Any) -> dict[str, Any]:
    """Return the columns of three good ticks, changed."""
    return {"ts": seconds(0, 1, 2), "price": [1.0, 2.0, 3.0], **changed}


ROWS: list[tuple[dict[str, Any], str]] = [
    (tick(price=[1.0, None, 3.0]), r"row 2: price is null: the value is missing"),
    (tick(price=[1.0, 2.0, NAN]), r"row 3: price is nan: it must be above 0"),
    (tick(price=[1.0, 2.0, float("inf")]), r"row 3: price is inf"),
    (tick(price=[0.0, 2.0, 3.0]), r"row 1: price is 0\.0"),
    (tick(price=[1.0, -2.0, 3.0]), r"row 2: price is -2\.0"),
    (tick(price=[1.0, 1e15, 3.0]), r"row 2: price is 1000000000000000\.0"),
    (tick(ts=[*seconds(0), None, *seconds(2)]), r"row 2: ts is null: there is no time"),
    (tick(ts=["2025-01-01 09:15", "soon", "2025-01-01 09:16"]), r"row 2: ts is soon"),
    (tick(ts=seconds(0, 2, 1)), r"row 3: ts is .*steps back behind 2025-01-01 09:15:02"),
    (tick(symbol=["A", "B", None]), r"row 3: symbol is null: there is no instrument"),
    (tick(qty=[1, 2, -3]), r"row 3: qty is -3: a quantity must lie between"),
    (tick(qty=[1, 2, 1 << 60]), r"row 3: qty is 1152921504606846976"),
    (tick(volume=[1, None, 3]), r"row 2: volume is null"),
    (tick(volume=[5, 4, 6]), r"row 2: volume is 4: the day's volume falls below 5"),
    (tick(bid=[0.0, -1.0, 1.0]), r"row 2: bid is -1\.0"),
    (tick(ts=seconds(0, 1, 1), price=[1.0, 2.0, 2.0]), r"row 3: ts is .*repeats an earlier one"),
    (bar(high=[12.0, 8.0]), r"row 2: open is 10\.0, high is 8\.0, low is 9\.0, close is 11\.0"),
    (bar(low=[10.5, 9.0]), r"row 1: open is 10\.0, high is 12\.0, low is 10\.5, close is 11\.0"),
    (bar(close=[None, 11.0]), r"row 1: close is null"),
    (bar(open=[10.0, 0.0]), r"row 2: open is 0\.0"),
    (
        {"ts": seconds(0, 1), "bid": [0.0, 1.0], "ask": [0.0, 2.0]},
        r"row 1: ts is .*: there is neither a bid nor an ask",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "message"), ROWS, ids=[message for _, message in ROWS])
def test_a_defect_stops_the_run(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    """The first defect names file, row, column and value, and --repair; repair drops just it."""
    stamps = columns["ts"]
    types = {"ts": pa.string()} if isinstance(stamps[0], str) else {}
    path = write(tmp_path / "x.parquet", columns, **types)
    with pytest.raises(UsageError, match=r"x\.parquet, " + message + r".*--repair"):
        run(path, interval="1m")
    replay, rows = run(path, interval="1m", repair=True)
    assert sum(replay.repairs.values()) == 1
    assert rows.rows == len(stamps) - 1


def test_a_fraction_is_never_repaired_away(tmp_path: Path) -> None:
    """The remedy is a scale, with or without repair."""
    path = write(tmp_path / "x.parquet", tick(qty=[1.0, 2.5, 3.0]))
    for repair in (False, True):
        with pytest.raises(UsageError, match=r"x\.parquet, row 2: qty is 2\.5.*--qty-scale"):
            run(path, repair=repair)
    assert run(path, qty_scale=10)[1].qty.tolist() == [10, 25, 30]


def test_no_row_left_is_an_error(tmp_path: Path) -> None:
    """A file of nothing but rows without a time has nothing to run."""
    path = write(tmp_path / "x.parquet", {"ts": [None, None], "price": [1.0, 2.0]})
    with pytest.raises(UsageError, match="no row"):
        run(path, repair=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"", r"a\.parquet is empty \(0 bytes\)"),
        ("a.parquet", b"time,price\n1,2\n", r"a\.parquet is not a whole Parquet file"),
        ("a.txt", None, "holds no Parquet file"),
    ],
)
def test_files_that_are_not_parquet(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    """Empty, of another format, or a folder without any."""
    path = tmp_path / name
    path.write_bytes(content or b"")
    with pytest.raises(UsageError, match=message):
        open_replay(ReplayOptions(paths=[path if content is not None else tmp_path]))


def test_a_truncated_file(tmp_path: Path) -> None:
    """Half a file has no footer; its name is in the message, also among good ones."""
    good = write(tmp_path / "good.parquet", tick())
    half = tmp_path / "half.parquet"
    half.write_bytes(good.read_bytes()[:300])
    with pytest.raises(UsageError, match=r"half\.parquet is not a whole Parquet file"):
        open_replay(ReplayOptions(paths=[good, half]))


def test_a_file_damaged_inside(tmp_path: Path) -> None:
    """Garbage where the rows should be is found while reading, by name."""
    path = write(tmp_path / "x.parquet", tick(note=["n" * 5000] * 3))
    whole = bytearray(path.read_bytes())
    whole[4:60] = bytes(56)
    path.write_bytes(whole)
    with pytest.raises(UsageError, match=r"x\.parquet cannot be read \("):
        run(path)


def test_a_file_without_rows(tmp_path: Path) -> None:
    """It is named."""
    path = write(tmp_path / "x.parquet", {"ts": [], "price": pa.array([], pa.float64())})
    with pytest.raises(UsageError, match=r"x\.parquet holds no rows"):
        run(path)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    """A missing file, a glob without matches, no path at all."""
    for path, message in (
        (tmp_path / "no.parquet", r"no\.parquet does not exist"),
        (tmp_path / "*.parquet", "No file matches"),
    ):
        with pytest.raises(UsageError, match=message):
            open_replay(ReplayOptions(paths=[path]))
    with pytest.raises(UsageError, match="No data"):
        open_replay(ReplayOptions(paths=[]))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (tick(price=["1", "2", "3"]), {}, r"x\.parquet: column price \(last\) is VARCHAR, not a n"),
        (tick(ts=[1.5, 2.5, 3.5]), {}, r"column ts \(ts\) is DOUBLE, not a timestamp.*--map ts="),
        (tick(qty=["a", "b", "c"]), {}, r"column qty \(qty\) is VARCHAR"),
        (tick(symbol=[1.5] * 3), {}, r"column symbol \(instrument\) is DOUBLE, not text"),
        ({"ts": seconds(0), "value": [1.0]}, {}, r"x\.parquet has neither .*--kind tick\|bar\|q"),
        ({"price": [1.0]}, {}, r"no column for ts, which a tick needs.*--map ts=COLUMN"),
        (tick(), {"kind": "bar"}, "no column for open, high, low, close, which a bar needs"),
        (tick(), {"kind": "quote"}, "no column for bid, which a quote needs"),
        (tick(), {"mapping": {"prise": "price"}}, r"no canonical column.*Known: ts, instrument"),
        (tick(), {"mapping": {"last": "prise"}}, r"no column prise\. Did you mean price\?"),
        (tick(), {"instruments": ["Y"]}, r"No rows of Y in the data.*There are: NSE:x"),
        (tick(), {"first": date(2026, 1, 1)}, r"the data covers 2025-01-01 to 2025-01-01"),
        (tick(), {"first": date(2026, 1, 2), "last": date(2026, 1, 1)}, "is later than --to"),
        (tick(), {"interval": "soon"}, r"'soon' is not an interval"),
        (tick(), {"qty_scale": 0}, r"--qty-scale 0"),
        (tick(), {"batch_rows": 0}, r"batch_rows is 0"),
        (bar(ts=seconds(0, 0), symbol=["A", "B"]), {}, r"one bar does not tell.*--interval"),
        (bar(ts=seconds(0, 90_000)), {}, r"neither within a day nor whole days"),
        (tick(ts=pa.array([1, 2, 3], pa.date32())), {}, "holds dates without a time of day"),
    ],
)  # fmt: skip
def test_columns_and_options_that_do_not_fit(
    tmp_path: Path, columns: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    """Each names what is wrong and what to write instead."""
    types = {} if isinstance(columns.get("ts", [0])[0], int) else {"ts": None}
    path = write(tmp_path / "x.parquet", columns, **types)
    with pytest.raises(UsageError, match=message):
        run(path, **options)


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    """Other kinds or other intervals are named with both files."""
    one = write(tmp_path / "a.parquet", tick())
    two = write(tmp_path / "b.parquet", bar())
    with pytest.raises(UsageError, match=r"a\.parquet holds ticks, .*b\.parquet bars"):
        run([one, two])
    three = write(tmp_path / "c.parquet", bar(ts=seconds(0, 300)))
    with pytest.raises(UsageError, match=r"b\.parquet holds bars of 1m, .*c\.parquet of 5m"):
        run([two, three])


def test_a_defect_in_a_later_batch_and_file(tmp_path: Path) -> None:
    """The row is counted within its own file, whatever the batches and the order."""
    one = write(tmp_path / "A.parquet", tick())
    two = write(tmp_path / "B.parquet", tick(price=[5.0, 6.0, NAN]))
    for batch_rows in (1, 2, 100):
        with pytest.raises(UsageError, match=r"B\.parquet, row 3: price is nan"):
            run([one, two], batch_rows=batch_rows)


def test_rows_outside_the_days_asked_for_are_not_checked(tmp_path: Path) -> None:
    """What is not run cannot stop the run, and row numbers stay the file's."""
    day = 24 * 3600
    path = write(tmp_path / "x.parquet", tick(ts=seconds(0, day, day + 1), price=[NAN, 2.0, 3.0]))
    assert run(path, first=date(2025, 1, 2))[1].last.tolist() == [20_000, 30_000]
    path = write(tmp_path / "x.parquet", tick(ts=seconds(0, day, day + 1), price=[1.0, 2.0, NAN]))
    with pytest.raises(UsageError, match=r"row 3: price is nan"):
        run(path, first=date(2025, 1, 2))
