"""Importers: each make of file becomes the rows it says, and every dropped row is accounted for."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alphapanda.data.importers import mappings
from alphapanda.data.importers.choosing import interval_in
from alphapanda.data.importers.contracts import monthly, stem, strike_text
from alphapanda.data.importers.importing import Account, import_files
from alphapanda.data.importers.source import Wanted
from alphapanda.data.instruments import read_master
from alphapanda.errors import UsageError
from tests.data.replaying import ns, run
from tests.support.shared import shared

CANDLES = """date,open,high,low,close,volume
2025-08-04 09:15:00+05:30,100,101,99.5,100.5,1000
2025-08-04 09:16:00+05:30,100.5,100.9,100.1,100.2,"1,200"
2025-08-04 09:17:00+05:30,100.2,100.2,100,100.05,800
"""


def brought(root: Path, *paths: Path, **said: Any) -> Account:
    return import_files(root, list(paths), Wanted(**said))


def rows(root: Path) -> list[dict[str, Any]]:
    """All rows of a catalogue, times as IST text."""
    found = [
        row
        for path in sorted(root.rglob("rows.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    return [{**row, "ts": row["ts"].strftime("%Y-%m-%d %H:%M:%S")} for row in found]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_kite_candles_in_csv_are_named_by_the_file(tmp_path: Path) -> None:
    """Symbol and interval come from the name; a bar is replayed at its end."""
    source = written(tmp_path / "RELIANCE_minute.csv", CANDLES)
    account = brought(tmp_path / "c", source)
    assert (account.read, account.new) == (3, 3)
    assert [str(part.place) for part in account.parts] == [
        "kind=bar/interval=1m/date=2025-08/rows.parquet"
    ]
    replay, found = run(tmp_path / "c")
    assert replay.names == ("NSE:RELIANCE",)
    assert found.ts.tolist()[0] == ns(date(2025, 8, 4), "09:16:00")
    assert found.last.tolist() == [1_005_000, 1_002_000, 1_000_500]
    assert found.volume.tolist() == [1000, 1200, 800]


def test_bars_stamped_at_their_end_are_shifted_back(tmp_path: Path) -> None:
    """Both ways of stamping the same minutes give the same catalogue."""
    source = written(tmp_path / "X.csv", CANDLES)
    ends = CANDLES.replace("09:17", "09:18").replace("09:16", "09:17").replace("09:15", "09:16")
    other = written(tmp_path / "Y.csv", ends)
    brought(tmp_path / "a", source, instrument="NSE:X")
    brought(tmp_path / "b", other, instrument="NSE:X", stamped_at_end=True)
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


@pytest.mark.parametrize(("stamp", "text"), [
    ("2025-08-04T09:15:00+0530", "2025-08-04 09:15:00"),
    ("04-08-2025 09:15", "2025-08-04 09:15:00"),
    ("2025-08-04 09:15:00", "2025-08-04 09:15:00"), ("04-Aug-2025 09:15:00", "2025-08-04 09:15:00"),
    ("2025-08-04 03:45:00Z", "2025-08-04 09:15:00"), ("1754279100", "2025-08-04 09:15:00"),
    ("1754279100000", "2025-08-04 09:15:00"), ("20250804 091500", "2025-08-04 09:15:00"),
    ("20250804091500", "2025-08-04 09:15:00"), ("04-AUG-2025 9:15:00 am", "2025-08-04 09:15:00"),
])  # fmt: skip
def test_times_as_files_write_them(tmp_path: Path, stamp: str, text: str) -> None:
    """ISO with or without zone, day before month, epochs: one time in IST."""
    source = written(tmp_path / "t.csv", f"time,symbol,ltp,ltq\n{stamp},INFY,1500.5,10\n")
    brought(tmp_path / "c", source)
    assert [row["ts"] for row in rows(tmp_path / "c")] == [text]


def test_date_and_time_in_two_columns(tmp_path: Path) -> None:
    """`Date` and `Time` make one stamp."""
    lines = [f"INFY,04-08-2025,09:{minute},1,2,1,2\n" for minute in (15, 16)]
    text = "Ticker,Date,Time,Open,High,Low,Close\n" + "".join(lines)
    brought(tmp_path / "c", written(tmp_path / "t.csv", text))
    assert [row["ts"][11:] for row in rows(tmp_path / "c")] == ["09:15:00", "09:16:00"]


def test_every_dropped_row_is_accounted_for(tmp_path: Path) -> None:
    """Bad rows are counted by reason, with the first of each, and the good ones come in."""
    text = (
        "time,symbol,price,volume,bid\n"
        "2025-08-04 09:15:00,INFY,1500,10,1499\n"
        "2025-08-04 09:15:01,INFY,oops,20,1499\n"
        "2025-08-04 09:15:02,INFY,-3,30,1499\n"
        "never,INFY,1500,40,1499\n"
        "2025-08-04 09:15:04,INFY,1501,50,1499\n"
        "2025-08-04 09:15:04,INFY,1501,50,1499\n"
        "2025-08-04 09:15:05,INFY,1502,45,1499\n"
        "2025-08-04 09:15:03,INFY,1503,45,\n"
        "2025-08-04 09:15:06,INFY,0,60,1499\n"
    )
    source = written(tmp_path / "t.csv", text)
    account = brought(tmp_path / "c", source)
    assert account.dropped == {
        "no last that can be read": (1, f"{source}, row 2"),
        "invalid price": (2, f"{source}, row 3"),
        "no time that can be read": (1, f"{source}, row 4"),
        "duplicate": (1, f"{source}, row 6"),
        "volume falls": (1, f"{source}, row 7"),
    }
    assert account.new + sum(count for count, _ in account.dropped.values()) == account.read == 9
    assert [row["last"] for row in rows(tmp_path / "c")] == [1500, 1503, 1501]


def test_descending_files_are_turned(tmp_path: Path) -> None:
    """Rows that lie newest first come out in order of time."""
    lines = CANDLES.strip().split("\n")
    turned = "\n".join([lines[0], *reversed(lines[1:])])
    brought(tmp_path / "c", written(tmp_path / "INFY-1m.csv", turned))
    _, found = run(tmp_path / "c")
    assert found.volume.tolist() == [1000, 1200, 800]


def test_gzip_and_folders(tmp_path: Path) -> None:
    """A folder of files, some gzipped, is one import."""
    (tmp_path / "in").mkdir()
    written(tmp_path / "in" / "A_minute.csv", CANDLES)
    with gzip.open(tmp_path / "in" / "B_minute.csv.gz", "wt") as file:
        file.write(CANDLES)
    account = brought(tmp_path / "c", tmp_path / "in")
    assert account.new == 6
    assert {row["instrument"] for row in rows(tmp_path / "c")} == {"NSE:A", "NSE:B"}


def test_fractions_need_a_scale(tmp_path: Path) -> None:
    """A quantity of 0.5 is refused with the option that admits it."""
    text = "time,symbol,price,qty\n2025-08-04 09:15:00,ETH,3000,0.5\n"
    source = written(tmp_path / "t.csv", text)
    with pytest.raises(UsageError, match=r"t\.csv, row 1: a quantity is not whole.*--qty-scale"):
        brought(tmp_path / "c", source)
    brought(tmp_path / "c", source, qty_scale=10)
    assert [row["qty"] for row in rows(tmp_path / "c")] == [5]


@pytest.mark.parametrize(("name", "text", "message"), [
    ("a.json", "{", "not JSON"), ("a.json", '{"data": {}}', "no answer of a broker with candles"),
    ("a.json", '{"data": {"candles": []}}', "no candles"),
    ("a.json", '{"data": {"candles": [["2025-08-04T09:15:00+0530", 1, 2, 1]]}}', "candle 1"),
    ("a.csv", "", "is empty"), ("a.csv", "time,ltp\n", "holds no rows"),
    ("a.csv", "date,open,high,low,close\n", "holds no rows"),
    ("a.csv", "x,y\n1,2\n", "--map last=COLUMN"), ("a.doc", "x", "its name must end in"),
    ("a.csv", "date,open,high,low,close\n2025-08-04 09:15:00,1,2,1,2\n", "--interval"),
    ("a.parquet", "nothing", "cannot be read"),
])  # fmt: skip
def test_files_that_do_not_fit_say_why(tmp_path: Path, name: str, text: str, message: str) -> None:
    """One message names the file and what to do."""
    source = written(tmp_path / name, text)
    with pytest.raises(UsageError, match=message) as error:
        brought(tmp_path / "c", source)
    assert str(source) in str(error.value)


def test_parquet_bars_without_rows_say_so(tmp_path: Path) -> None:
    """Not that they tell no interval."""
    none = dict.fromkeys(("open", "high", "low", "close"), pa.array([], type=pa.float64()))
    times = pa.array([], type=pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"date": times, **none}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"a\.parquet holds no rows"):
        brought(tmp_path / "c", tmp_path / "a.parquet")


def test_mappings_are_kept_by_name(tmp_path: Path) -> None:
    """What was saved comes back; another name says which there are."""
    said = {"map": {"last": "Px", "ts": 'a "quoted" name'}, "kind": "tick", "exchange": "BSE"}
    mappings.save(tmp_path, "broker", said)
    assert mappings.load(tmp_path, "broker") == said
    with pytest.raises(UsageError, match="Did you mean broker"):
        mappings.load(tmp_path, "brokr")
    with pytest.raises(UsageError, match="letters, digits"):
        mappings.save(tmp_path, "../x", said)


def test_intervals_in_names() -> None:
    """Kite's words and ours, and no number of days of history."""
    names = ("INFY_minute", "infy-5m", "X_60minute_400d", "A_day_2000d", "nse_1min_x", "RELIANCE")
    assert [interval_in(f"{name}.csv") for name in names] == [
        60 * 10**9, 300 * 10**9, 3600 * 10**9, 86_400 * 10**9, 60 * 10**9, None,
    ]  # fmt: skip


# --- real files -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def master() -> dict[str, dict[str, str]]:
    """Kite's own contracts of 2025-09-24 by symbol."""
    path = shared("data", "instruments", "kite_instruments_NFO_20250924.csv.gz")
    with gzip.open(path, "rt") as file:
        return {row["tradingsymbol"]: row for row in csv.DictReader(file)}


def test_contract_symbols_are_kites(master: dict[str, dict[str, str]]) -> None:
    """Every option and future of Kite's file has the symbol that we make of its terms."""
    listed: dict[str, set[date]] = {}
    for row in master.values():
        listed.setdefault(row["name"], set()).add(date.fromisoformat(row["expiry"]))
    wrong = []
    for symbol, row in master.items():
        start = stem(row["name"], date.fromisoformat(row["expiry"]), listed[row["name"]])
        strike = "" if row["instrument_type"] == "FUT" else strike_text(float(row["strike"]))
        if start + strike + row["instrument_type"] != symbol:
            wrong.append(symbol)
    assert len(master) > 30_000
    assert wrong == []
    assert not monthly(date(2025, 9, 2), [date(2025, 9, 2)])


def test_the_option_chain_becomes_contracts(
    tmp_path: Path, master: dict[str, dict[str, str]]
) -> None:
    """Both halves of every row are there with their quotes, and the instruments can be read."""
    path = shared("data", "options", "nse_option_chain_NIFTY_20250829.parquet")
    account = brought(tmp_path, path)
    table = pq.read_table(
        path, columns=["CALLS_Bid_Price", "CALLS_Ask_Price", "PUTS_Bid_Price", "PUTS_Ask_Price"]
    )
    quoted = sum(
        bool(row[f"{side}_Bid_Price"]) or bool(row[f"{side}_Ask_Price"])
        for row in table.to_pylist() for side in ("CALLS", "PUTS")
    )  # fmt: skip
    assert account.new == quoted
    assert account.new + account.dropped["no quote"][0] == account.read == 2 * table.num_rows
    instruments = read_master(Path(account.instruments[0]))
    assert len(instruments) == 1528
    one = instruments.get("NFO:NIFTY2590224500CE")
    assert (one.lot_size, one.strike, one.expiry, one.underlying) == (
        75, 245_000_000, date(2025, 9, 2), "NIFTY",
    )  # fmt: skip
    shared_names = [each for each in instruments if each.symbol in master]
    assert len(shared_names) > 800
    assert all(str(each.expiry) == master[each.symbol]["expiry"] for each in shared_names)
    again = brought(tmp_path, path)
    assert (again.new, again.already) == (0, account.new)


def test_chain_as_ticks_counts_shares(tmp_path: Path) -> None:
    """As ticks it has last price, volume and open interest in shares: multiples of the lot."""
    path = shared("data", "options", "nse_option_chain_NIFTY_20250829.parquet")
    small = tmp_path / "chain.parquet"
    pq.write_table(pq.read_table(path).slice(0, 763), small)
    account = brought(tmp_path / "c", small, kind="tick", lot_size=75)
    found = rows(tmp_path / "c")
    assert account.dropped.keys() == {"not traded"}
    assert all(row["volume"] % 75 == 0 and row["last"] > 0 for row in found)
    assert max(row["oi"] for row in found) > 1_000_000


def test_bhavcopies_become_day_bars(tmp_path: Path) -> None:
    """Shares by series, contracts by Kite's symbol, with lots; all in one instruments file."""
    futures = shared("data", "options", "nse_fo_bhavcopy_fo_20251114.parquet")
    options = shared("data", "options", "nse_fo_bhavcopy_op_20251114.parquet")
    equity = shared("data", "bars", "nse_cm_bhavcopy_full_20220808.parquet")
    brought(tmp_path, futures)
    account = brought(tmp_path, options)
    brought(tmp_path, equity)
    instruments = read_master(Path(account.instruments[0]))
    assert instruments.get("NFO:BANKNIFTY25NOVFUT").lot_size == 35
    assert instruments.get("NFO:BANKNIFTY25NOV46500PE").lot_size == 35
    by_name = {row["instrument"]: row for row in rows(tmp_path)}
    future = by_name["NFO:BANKNIFTY25NOVFUT"]
    assert (future["open"], future["close"], future["oi"]) == (58384.0, 58644.4, 1713110)
    assert by_name["NSE:20MICRONS"]["volume"] == 1687369
    assert any(name.endswith("-BE") for name in by_name)
    replay, _ = run(tmp_path, instruments=["BANKNIFTY25NOVFUT"])
    assert replay.interval_ns == 86_400 * 10**9


UDIFF = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,OpnPric,HghPric,"
    "LwPric,ClsPric,LastPric,PrvsClsgPric,TtlTradgVol,TtlTrfVal,NewBrdLotQty\n"
)


def udiff(segment: str, source: str, symbol: str, series: str) -> str:
    """Return one row of a UDiFF bhavcopy."""
    return (
        f"2024-07-08,2024-07-08,{segment},{source},STK,16921,INE144J01027,{symbol},{series},,"
        "109.45,115.45,108.70,111.15,110.85,108.10,1687369,189162000.00,1\n"
    )


@pytest.mark.parametrize(("head", "lines", "names", "day"), [
    (UDIFF, [udiff("CM", "NSE", "INFY", "EQ"), udiff("CM", "NSE", "XYZ", "BE")],
     {"NSE:INFY", "NSE:XYZ-BE"}, "2024-07-08"),
    (UDIFF, [udiff("CM", "BSE", "INFY", "A")], {"BSE:INFY"}, "2024-07-08"),
    ("SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,ISIN,\n",
     ["INFY,EQ,109.45,115.45,108.7,111.15,110.85,108.1,1687369,189162000,08-AUG-2022,INE1,\n"],
     {"NSE:INFY"}, "2022-08-08"),
], ids=["UDiFF", "UDiFF of BSE", "before July 2024"])  # fmt: skip
def test_equity_bhavcopies_as_the_exchanges_serve_them(
    tmp_path: Path, head: str, lines: list[str], names: set[str], day: str
) -> None:
    """Each layout gives the same bar of the day, NSE's series but EQ in the name."""
    path = tmp_path / "bhavcopy.csv"
    path.write_text(head + "".join(lines))
    account = brought(tmp_path / "c", path)
    found = rows(tmp_path / "c")
    assert (account.new, {row["instrument"] for row in found}) == (len(lines), names)
    for row in found:
        assert row["ts"].startswith(day)
        assert [row[name] for name in ("open", "high", "low", "close", "volume")] == [
            109.45, 115.45, 108.7, 111.15, 1687369,
        ]  # fmt: skip


def test_a_udiff_of_contracts_without_their_columns_is_refused(tmp_path: Path) -> None:
    """The message names what it lacks."""
    path = tmp_path / "fo.csv"
    path.write_text(UDIFF + udiff("FO", "NSE", "INFY", ""))
    with pytest.raises(UsageError, match="UDiFF bhavcopy of contracts without opnintrst"):
        brought(tmp_path / "c", path)


@pytest.mark.parametrize("name", ["historical_minute", "historical_oi"])
def test_kites_json_candles(tmp_path: Path, name: str) -> None:
    """Every candle of a REST answer comes in as it stands."""
    path = shared("kite-mocks", f"{name}.json")
    candles = json.loads(path.read_text())["data"]["candles"]
    account = brought(tmp_path, path, instrument="NFO:NIFTY19DECFUT")
    assert account.new == len(candles)
    for row, (stamp, *values) in zip(rows(tmp_path), candles, strict=True):
        assert row["ts"] == stamp[:19].replace("T", " ")
        fields = ("open", "high", "low", "close", "volume", "oi")
        assert [row.get(field) for field in fields[: len(values)]] == values


def recordings() -> Iterator[tuple[str, str]]:
    """Recordings that the replay can run, and the exchange that it is to be told."""
    yield "kite_full_NIFTY25DECFUT_20251229", "NFO"
    yield "kite_derived_NIFTY25DECFUT_20251229_am", "NFO"
    yield "breeze_stock_futures_20251117", "NSE"
    yield "dhan_full_NIFTY25DECFUT_20251229", "NFO"


@pytest.mark.parametrize(("name", "exchange"), list(recordings()))
def test_recordings_replay_the_same_from_the_catalogue(
    tmp_path: Path, name: str, exchange: str
) -> None:
    """What the replay makes of a recording with repair, it makes of the catalogue without."""
    path = shared("data", "ticks", f"{name}.parquet")
    account = brought(tmp_path, path)
    wanted, columns = run(path, repair=True, exchange=exchange)
    replay, found = run(tmp_path)
    assert replay.names == wanted.names
    assert account.new == replay.rows == len(columns.ts)
    for column in ("ts", "row", "last", "volume", "bid", "ask", "oi"):
        assert getattr(found, column).tolist() == getattr(columns, column).tolist(), column
