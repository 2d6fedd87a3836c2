"""Kite's instruments files."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from alphapanda.data.instruments import COLUMNS, day_of, read_master, read_masters
from alphapanda.errors import UsageError
from alphapanda.model.instruments import Exchange, Instrument, OptionType, Segment
from tests.support.shared import shared

HEADER = ",".join(COLUMNS)
INFY = "408065,1594,INFY,INFOSYS,0.0,,0.0,0.1,1,EQ,NSE,NSE"
NIFTY = "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE"
PUT = "11000834,42972,NIFTY25SEP25050.5PE,NIFTY,0.0,2025-09-30,25050.5,0.05,75,PE,NFO-OPT,NFO"
FUT = "13568258,53001,NIFTY25SEPFUT,NIFTY,0.0,2025-09-30,0.0,0.1,75,FUT,NFO-FUT,NFO"
ABROAD = "291849,1140,GIFT NIFTY,GIFT NIFTY,0.0,,0.0,0.0,0,EQ,INDICES,NSEIX"


def written(folder: Path, *rows: str, name: str = "instruments_20250924.csv") -> Path:
    """Return a file with the header and these rows."""
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_rows_become_instruments(tmp_path: Path) -> None:
    """Scaled prices, dates, an index of lot 1 and no tick, options with strike and type."""
    master = read_master(written(tmp_path, INFY, NIFTY, PUT, FUT, ABROAD))
    assert list(master) == [
        Instrument("NSE:INFY", Exchange.NSE, Segment.EQUITY, 1_000, 1, 408065),
        Instrument("NSE:NIFTY 50", Exchange.NSE, Segment.INDEX, 0, 1, 256265),
        Instrument(
            "NFO:NIFTY25SEP25050.5PE", Exchange.NFO, Segment.OPTIONS, 500, 75, 11000834, 1800,
            date(2025, 9, 30), 250_505_000, OptionType.PUT, "NIFTY",
        ),
        Instrument(
            "NFO:NIFTY25SEPFUT", Exchange.NFO, Segment.FUTURES, 1_000, 75, 13568258, 1800,
            date(2025, 9, 30), underlying="NIFTY",
        ),
    ]  # fmt: skip
    assert master.as_of == date(2025, 9, 24)
    assert master.source.endswith("instruments_20250924.csv")


@pytest.mark.parametrize(
    ("symbol", "underlying"),
    [
        ("BANKNIFTY18JAN23500CE", "BANKNIFTY"),
        ("ADANIPORTS17DEC490PE", "ADANIPORTS"),
        ("360ONE25SEPFUT", "360ONE"),
        ("NIFTY2371317900PE", "NIFTY"),
        ("NIFTY25O0725050.5CE", "NIFTY"),
        ("M&M25SEPFUT", "M&M"),
    ],
)
def test_an_empty_name_is_told_by_the_symbol(tmp_path: Path, symbol: str, underlying: str) -> None:
    """Files of older years leave the underlying's name out."""
    kind = "FUT" if symbol.endswith("FUT") else symbol[-2:]
    row = f"1000,1,{symbol},,0.0,2025-09-30,1.0,0.05,75,{kind},NFO-OPT,NFO"
    assert read_master(written(tmp_path, row)).get(f"NFO:{symbol}").underlying == underlying


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (INFY.replace("408065", "x"), "line 3, column instrument_token: 'x' does not fit"),
        (INFY.replace("408065", "0"), "column instrument_token: '0'"),
        (INFY.replace(",INFY,", ",,"), "column tradingsymbol: '' does not fit"),
        (PUT.replace("2025-09-30", "30-09-2025"), "column expiry: '30-09-2025'"),
        (PUT.replace(",25050.5,", ",many,"), "column strike: 'many'"),
        (PUT.replace(",25050.5,", ",-1,"), "column strike: '-1' does not fit .out of bounds"),
        (PUT.replace(",25050.5,", ",nan,"), "column strike: 'nan'"),
        (PUT.replace(",25050.5,", ",1e30,"), "column strike: '1e30'"),
        (
            INFY.replace(",0.1,", ",0.00001,"),
            "column tick_size: '0.00001' does not fit .finer than 0.0001",
        ),
        (INFY.replace(",1,EQ", ",0,EQ"), "column lot_size: '0' does not fit .out of bounds"),
        (INFY.replace(",1,EQ", ",1.5,EQ"), "column lot_size: '1.5'"),
        (INFY.replace(",EQ,", ",XX,"), "column instrument_type: 'XX'"),
        (INFY.replace("NSE,NSE", "NSE,NYSE"), "column exchange: 'NYSE'"),
        (PUT.replace(",25050.5,", ",-0.01,"), "column strike: '-0.01'"),
    ],
)
def test_an_odd_row_is_left_out_and_told(tmp_path: Path, row: str, said: str) -> None:
    """The second row is at fault, on line 3; alone it leaves nothing, and is refused."""
    path = written(tmp_path, NIFTY, row)
    for master in (read_master(path), read_masters([path]).at(date(2025, 9, 24))):
        assert [each.name for each in master] == ["NSE:NIFTY 50"]
        (note,) = master.notes
        assert note.startswith("1 rows of the instruments file do not fit and are left out: ")
        assert re.search(rf"instruments_20250924\.csv, .*{said}", note)
    with pytest.raises(UsageError, match=said.replace("line 3", "line 2")):
        read_master(written(tmp_path, row))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (INFY + ",1", "line 3: 13 columns instead of 12"),
        ("1,2", "line 3: 2 columns instead of 12"),
        (INFY.replace("INFOSYS", '"INFO"SYS'), "line 3: not valid CSV"),
    ],
)
def test_a_row_of_no_csv_is_named_by_its_line(tmp_path: Path, row: str, said: str) -> None:
    """Such a file was cut or is another's."""
    path = written(tmp_path, NIFTY, row)
    with pytest.raises(UsageError, match=rf"instruments_20250924\.csv, .*{said}"):
        read_master(path)


def test_a_name_that_comes_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    """Which of the two would be meant?"""
    with pytest.raises(UsageError, match="line 4, column tradingsymbol: NSE:INFY was on line 2"):
        read_master(written(tmp_path, INFY, NIFTY, INFY))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        (HEADER + "\n", "no instrument in it"),
        (HEADER + "\n" + ABROAD + "\n", "no instrument in it"),
        ("symbol,token\n", "line 1: 2 columns instead of Kite's 12"),
        (HEADER.replace("strike", "stroke") + "\n", "column 7 is 'stroke', not 'strike'"),
    ],
)
def test_a_file_that_is_not_kites_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Empty files and other headers say what they are."""
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=rf"other\.csv.*{said}"):
        read_master(path)


def test_gzip_is_read_and_broken_gzip_is_named(tmp_path: Path) -> None:
    """Gzipped under any name; a .gz that is none or cut short is refused."""
    plain = written(tmp_path, INFY).read_bytes()
    packed = gzip.compress(plain)
    for name in ("a.csv.gz", "b.csv"):
        (tmp_path / name).write_bytes(packed)
        assert "NSE:INFY" in read_master(tmp_path / name)
    for name, data in (("c.csv.gz", plain), ("d.csv.gz", packed[:-20]), ("e.csv.gz", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=name.replace(".", r"\.")):
            read_master(tmp_path / name)


def test_other_bytes_and_missing_files_are_named(tmp_path: Path) -> None:
    """Neither is a crash."""
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        read_master(tmp_path / "latin.csv")
    with pytest.raises(UsageError, match="No such file"):
        read_master(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match="directory"):
        read_master(tmp_path)


def test_the_day_is_in_the_file_name_or_given(tmp_path: Path) -> None:
    """A given day wins; digits that are no day are refused."""
    assert day_of(Path("kite_instruments_NSE_20250714.csv.gz")) == date(2025, 7, 14)
    assert day_of(Path("20250714.csv")) is None
    assert day_of(Path("x_202507145.csv")) is None
    assert read_master(written(tmp_path, INFY), date(2020, 1, 1)).as_of == date(2020, 1, 1)
    with pytest.raises(UsageError, match="20251332 in the file name is no day"):
        day_of(Path("x_20251332.csv"))


def test_a_folder_holds_masters_of_several_days(tmp_path: Path) -> None:
    """Every CSV of it, packed or not; other files are left alone."""
    written(tmp_path, INFY, name="a_20250801.csv")
    (tmp_path / "b_20250901.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n{NIFTY}\n".encode()))
    (tmp_path / "notes.txt").write_text("no instruments")
    masters = read_masters([tmp_path])
    assert "NSE:INFY" in masters.at(date(2025, 8, 31))
    assert "NSE:NIFTY 50" in masters.at(date(2025, 9, 1))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no instrument master"):
        read_masters([tmp_path / "empty"])


def test_all_contracts_of_a_day_are_read() -> None:
    """32,504 rows, by kinds as the file's own description counts them."""
    master = read_master(shared("data", "instruments", "kite_instruments_NFO_20250924.csv.gz"))
    kinds = Counter((of.segment, of.option_type) for of in master)
    assert kinds == {
        (Segment.FUTURES, OptionType.NONE): 640,
        (Segment.OPTIONS, OptionType.CALL): 15_892,
        (Segment.OPTIONS, OptionType.PUT): 15_972,
    }
    assert master.as_of == date(2025, 9, 24)


@pytest.mark.parametrize("day", ["20250714", "20250813", "20250829"])
def test_every_row_of_a_real_file_is_kept_exactly(day: str) -> None:
    """Names, tokens, lots and ticks equal the text of the file."""
    path = shared("data", "instruments", f"kite_instruments_NSE_{day}.csv.gz")
    master = read_master(path)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(master)
    for row in rows:
        found = master.get(f"{row['exchange']}:{row['tradingsymbol']}")
        assert found.token == int(row["instrument_token"])
        assert found.tick_size / 10_000 == float(row["tick_size"])
        assert found.lot_size == max(int(row["lot_size"]), 1)
        assert (found.segment == Segment.INDEX) == (row["segment"] == "INDICES")


def test_shares_with_futures_are_told_across_real_files() -> None:
    """The newest files of both exchanges: INFY has futures, an index has none on itself."""
    masters = read_masters([shared("data", "instruments")])
    master = masters.at(date(2025, 9, 24))
    assert master.notes == ()
    assert master.get("NSE:INFY").has_derivatives
    assert not master.get("NSE:NIFTY 50").has_derivatives
    futures = {of.underlying for of in master if of.segment == Segment.FUTURES}
    shares = {of.symbol for of in master if of.has_derivatives}
    assert shares <= futures
    assert len(futures - shares) == 5, "the five indices"


@pytest.mark.parametrize(
    ("name", "count"), [("instruments_all.csv", 99), ("instruments_nse.csv", 99)]
)
def test_kites_own_samples_are_read(name: str, count: int) -> None:
    """They are of 2018 and undated."""
    master = read_master(shared("kite-mocks", name))
    assert len(master) == count
    assert master.as_of is None
    assert all(of.underlying for of in master if of.segment > Segment.INDEX)
