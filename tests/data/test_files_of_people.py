"""Files as people have them: what each make of text becomes, or how it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from alphapanda.data.actions import read_actions
from alphapanda.data.importers.importing import Account, import_files
from alphapanda.data.importers.naming import read_names
from alphapanda.data.importers.source import Wanted
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar
from tests.data.replaying import run
from tests.data.test_quality import checked, kinds
from tests.support.ducks import query

HEAD = "date,open,high,low,close,volume\n"
DAY_OF_MINUTES = 1440


def brought(root: Path, files: dict[str, str | bytes], **said: Any) -> Account:
    """Import files of these texts into the catalogue `root`/c."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_files(root / "c", [root / name for name in files], Wanted(**said))


def rows(root: Path) -> list[tuple[Any, ...]]:
    """All rows of the catalogue: name, time in India, then the values."""
    found = [
        row for path in sorted((root / "c").rglob("rows.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]  # fmt: skip
    return [
        (row.pop("instrument"), str(row.pop("ts"))[:19], *row.values()) for row in found
    ]  # fmt: skip


BARS = "100,101,99,100.5,5"
ROWS = tuple(f"2025-07-01 09:{minute}:00,{BARS}" for minute in (15, 16))
TWO = [
    ("NSE:TCS", "2025-07-01 09:15:00", 100, 101, 99, 100.5, 5),
    ("NSE:TCS", "2025-07-01 09:16:00", 100, 101, 99, 100.5, 5),
]


def lines(*given: str, separator: str = ",") -> str:
    """Return lines of CSV with another separator."""
    return "".join(f"{line}\n" for line in given).replace(",", separator)


GMT = "GMT+0530 (India Standard Time)"
YAHOO = lines(
    "Price,Close,High,Low,Open,Volume", "Ticker,TCS.NS,TCS.NS,TCS.NS,TCS.NS,TCS.NS",
    "Datetime,,,,,", "2025-07-01 03:45:00+00:00,100.5,101,99,100,5",
    "2025-07-01 03:46:00+00:00,100.5,101,99,100,5",
)  # fmt: skip
CANDLES = [[1751341500, 100, 101, 99, 100.5, 5], [1751341560, 100, 101, 99, 100.5, 5]]
DHAN = {
    **dict(zip(("open", "high", "low", "close", "volume"), ([v, v] for v in CANDLES[0][1:]),
               strict=True)),
    "timestamp": [candle[0] for candle in CANDLES], "open_interest": [],
}  # fmt: skip
ANGEL = [[f"2025-07-01T09:{m}:00+05:30", *CANDLES[0][1:]] for m in (15, 16)]
RECORDS = [
    {"date": f"2025-07-01 09:{m}:00", "symbol": "TCS", "open": 100, "high": 101, "low": 99,
     "close": 100.5, "volume": 5} for m in (15, 16)
]  # fmt: skip
METASTOCK = "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
MINUTES: dict[str, tuple[str, str | bytes]] = {
    "NinjaTrader": ("TCS.txt", lines(f"20250701 091500,{BARS}", f"20250701 091600,{BARS}",
                                     separator=";")),
    "no head": ("x.txt", lines(f"TCS,20250701,09:15,{BARS}", f"TCS,20250701,09:16,{BARS}")),
    "three digits": ("x.txt", lines(f"TCS,20250701,915,{BARS}", f"TCS,20250701,916,{BARS}")),
    "epoch": ("TCS.csv", lines(f"1751341500,{BARS}", f"1751341560,{BARS}")),
    "spaces": ("TCS.txt", lines(*ROWS, separator=" ")),
    "MetaStock": ("x.csv", lines(METASTOCK, f"TCS,20250701,091500,{BARS}",
                                 f"TCS,20250701,091600,{BARS}")),
    "MT5": ("TCS_M1.csv", lines("<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
                                f"2025.07.01,09:15:00,{BARS}", f"2025.07.01,09:16:00,{BARS}",
                                separator="\t")),
    "twelve hours": ("TCS.csv", lines("Time,Open,High,Low,Close,Vol", f"01-Jul-25 09:15 AM,{BARS}",
                                      f"01-Jul-25 09:16 AM,{BARS}")),
    "JavaScript": ("TCS.csv", HEAD + lines(f"Tue Jul 01 2025 09:15:00 {GMT},{BARS}",
                                           f"Tue Jul 01 2025 09:16:00 {GMT},{BARS}")),
    "digits": ("TCS.csv", HEAD + lines(f"202507010915,{BARS}", f"202507010916,{BARS}")),
    "one order a file": ("TCS.csv", HEAD + lines(
        f"30/06/2025 09:15,{BARS}", f"01/07/2025 09:15,{BARS}", f"01/07/2025 09:16,{BARS}")),
    "title and zone": ("TCS.csv", f"Minutes of TCS\n\n{HEAD}" + lines(
        ROWS[0], f"2025-07-01 03:46:00Z,{BARS}")),
    "UTF-16": ("TCS.csv", (HEAD + lines(*ROWS)).encode("utf-16")),
    "yfinance": ("TCS.csv", YAHOO),
    "Dhan": ("TCS.json", json.dumps(DHAN)),
    "Fyers": ("TCS.json", json.dumps({"s": "ok", "candles": CANDLES})),
    "Angel": ("TCS.json", json.dumps({"status": True, "data": ANGEL})),
    "records": ("x.json", json.dumps(RECORDS)),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), list(MINUTES.values()), ids=list(MINUTES))
def test_minutes_as_tools_write_them(tmp_path: Path, name: str, text: str | bytes) -> None:
    """Heads, none, times, separators, encodings, brokers' JSON: the same two bars."""
    account = brought(tmp_path, {name: text})
    assert [row for row in rows(tmp_path) if row[1] >= "2025-07-01"] == TWO
    assert (account.became[0].kind, account.became[0].interval) == ("bar", "1m")


DAY = ("2025-07-01 00:00:00", 1505, 1520, 1500, 1510.5)
SITES: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "NSE quote": (
        "Quote-Equity-TCS-EQ-01-07-2025-to-02-07-2025.csv",
        (
            '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","VOLUME "\n'
            '"01-Jul-2025","EQ","1,505.00","1,520.00","1,500.00","1","1,510","1,510.50","1,00,00,000"'
        ),
        ("NSE:TCS", *DAY, 10_000_000),
    ),
    "investing.com": (
        "Tcs Historical Data.csv",
        (
            '"Date","Price","Open","High","Low","Vol.","Change %"\n'
            '"Jul 01, 2025","1,510.50","1,505.00","1,520.00","1,500.00","1.25M","0.60%"'
        ),
        ("NSE:TCS", *DAY, 1_250_000),
    ),
    "decimal comma": (
        "x_day.csv",
        (
            "date;open;high;low;close;volume;symbol\n"
            "01.07.2025;1.505,00;1520,0;1500,00;1510,50;1.000;TCS"
        ),
        ("NSE:TCS", *DAY, 1000),
    ),
    "BSE": (
        "500325.csv",
        (
            "Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares\n"
            "1-July-2025,1505,1520,1500,1510.5,1511,1000"
        ),
        ("BSE:500325", *DAY, 1000),
    ),
    "indices": (
        "ind_close_all_01072025.csv",
        (
            "Index Name,Index Date,Open Index Value,High Index Value,Low Index Value,"
            "Closing Index Value,Volume\nNifty IT,01-07-2025,1505,1520,1500,1510.5,1000"
        ),
        ("NSE:NIFTY IT", *DAY, 1000),
    ),
    "no volume": (
        "TCS_day.csv",
        f"{HEAD}2025-07-01,1505,1520,1500,1510.5,-\n2025-07-02,1505,1520,1500,1510.5,9",
        ("NSE:TCS", *DAY, 0),
    ),
}


@pytest.mark.parametrize(("name", "text", "row"), list(SITES.values()), ids=list(SITES))
def test_days_as_sites_write_them(
    tmp_path: Path, name: str, text: str, row: tuple[Any, ...]
) -> None:
    """Day bars with the close that is one, grouped thousands, and volumes such as 1.25M."""
    brought(tmp_path, {name: text})
    assert rows(tmp_path)[0] == row


OPTIONS = """stock_code,expiry_date,right,strike_price,datetime,open,high,low,close,volume
NIFTY,03-JUL-2025,Call,25500,2025-07-01 09:15:00,120,121,119,120.5,750
NIFTY,03-JUL-2025,Put,25500,2025-07-01 09:15:00,80,81,79,80.5,750
NIFTY,31-JUL-2025,Others,0,2025-07-01 09:15:00,25600,25610,25590,25600,75
NIFTY,03-JUL-2025,Call,25500,2025-07-01 09:16:00,120.5,122,120,121,1500
"""


def test_rows_of_contracts_have_their_names(tmp_path: Path) -> None:
    """Expiry, strike and right tell each row's contract; Parquet of them is not run as one."""
    account = brought(tmp_path, {"NIFTY_options.csv": OPTIONS})
    names = ("NFO:NIFTY2570325500CE", "NFO:NIFTY2570325500PE", "NFO:NIFTY25JULFUT")
    assert account.became[0].instruments == names
    assert account.new == 4
    file = tmp_path / "o.parquet"
    query(f"COPY (FROM '{tmp_path}/NIFTY_options.csv') TO '{file}'")
    with pytest.raises(UsageError, match=r"several contracts.*alphapanda data import"):
        run(file)
    again = import_files(tmp_path / "p", [file], Wanted(instrument="NIFTY"))
    assert again.became[0].instruments == names


def test_a_name_tells_of_what_where_rows_tell_of_which_contracts(tmp_path: Path) -> None:
    """Options of NIFTY by their file's name; of a name of several words it is not known of what."""
    head, *lines_of = OPTIONS.splitlines()
    assert head.startswith("stock_code,")
    text = "\n".join(line.partition(",")[2] for line in (head, *lines_of)) + "\n"
    account = brought(tmp_path, {"NIFTY_options.csv": text})
    assert all(name.startswith("NFO:NIFTY25") for name in account.became[0].instruments)
    with pytest.raises(UsageError, match="neither its rows nor its name"):
        brought(tmp_path / "b", {"my own options.csv": text})


@pytest.mark.parametrize(("text", "message"), [
    ("Date,Strike,Right,Open,High,Low,Close\n2025-07-01,100,CE,1,2,1,2\n", "tells their expiry"),
    ("Date,Expiry,Strike,Right,Open,High,Low,Close\n2025-07-01,2025-07-31,100,X,1,2,1,2\n",
     "row 1.*neither call nor put"),
    (f"{HEAD}7/1/2025,{BARS}\n", "--dates dmy or mdy"),
    (f"{HEAD}1/1/2025,{BARS}\n1/2/2025,{BARS}\n", "--dates dmy or mdy"),
    (f"{HEAD}13/1/2025,{BARS}\n1/13/2025,{BARS}\n", "row 2, 1/13/2025,.*row 1, 13/1/2025"),
    ("date;open;high;low;close\n2025-07-01;12,5;13;12;12.5\n", "decimal comma.*decimal point"),
    (f"{HEAD}soon,{BARS}\n", "no row can be read.*--dates"),
    ("20210101,09:08:01,13996.10,75\n20210101,09:08:02,13996.2,75\n", "no head but values"),
    (HEAD + ROWS[0], "--interval"),
    (f"{HEAD}2025-07-01,0.00001234,0.00002,0.00001,0.00001234,5\n", "--price-scale 10000"),
    ("PK\x03\x04rest", "spreadsheet"),
])  # fmt: skip
def test_what_cannot_be_told_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The message names the row, and the option or column that settles it; nothing is imported."""
    with pytest.raises(UsageError, match=message):
        brought(tmp_path, {"TCS.csv": text})
    assert rows(tmp_path) == []


@pytest.mark.parametrize(("dates", "day"), [("dmy", "2025-01-07"), ("mdy", "2025-07-01")])
def test_dates_says_what_no_row_tells(tmp_path: Path, dates: Any, day: str) -> None:
    """07/01/2025 is what --dates says."""
    brought(tmp_path, {"TCS.csv": f"{HEAD}07/01/2025,{BARS}\n"}, dates=dates)
    assert rows(tmp_path)[0][1][:10] == day


def test_dates_that_rows_speak_against_are_refused(tmp_path: Path) -> None:
    """--dates dmy with a 13th month names the row."""
    with pytest.raises(UsageError, match=r"row 1, 1/13/2025, does not fit --dates dmy"):
        brought(tmp_path, {"TCS.csv": f"{HEAD}1/13/2025,{BARS}\n"}, dates="dmy")


def test_the_rows_prove_one_order_for_all(tmp_path: Path) -> None:
    """Of 1/1 to 1/14 the last say that the month comes first, for every row."""
    text = HEAD + "".join(f"1/{day}/2025,{BARS}\n" for day in (1, 2, 3, 6, 13, 14))
    account = brought(tmp_path, {"TCS.csv": text})
    assert [row[1][:10] for row in rows(tmp_path)] == [
        f"2025-01-{day:02}" for day in (1, 2, 3, 6, 13, 14)
    ]
    assert account.dropped == {}


def test_files_without_a_name_are_asked_for(tmp_path: Path) -> None:
    """Nothing comes in until --instrument or --names says what they are."""
    bar = f"{HEAD}2025-07-01,{BARS}\n"
    with pytest.raises(UsageError, match=r"prices\.csv.*--instrument NSE:INFY"):
        brought(tmp_path, {"prices.csv": bar})
    files: dict[str, str | bytes] = {"HDFC Bank.csv": bar, "HDFC Life.csv": bar, "TCS.csv": bar}
    with pytest.raises(UsageError, match=r"HDFC Bank\.csv.*HDFC Life\.csv.*--names FILE,NAME\.csv"):
        brought(tmp_path, files)
    listed = tmp_path / "names.csv"
    listed.write_text("file,name\nHDFC Bank.csv,NSE:HDFCBANK\nHDFC Life.csv,NSE:HDFCLIFE\n")
    account = brought(tmp_path, files, names=read_names(listed))
    assert [each.instruments for each in account.became] == [
        ("NSE:HDFCBANK",), ("NSE:HDFCLIFE",), ("NSE:TCS",)
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"there is no file gone\.csv"):
        brought(tmp_path, files, names={"gone.csv": "NSE:X"})


@pytest.mark.parametrize(
    ("name", "steps"), [("TCS_day", 1), ("TCS_minute", 5), ("TCS_minute", 1440)]
)
def test_a_label_that_rows_speak_against_is_refused(tmp_path: Path, name: str, steps: int) -> None:
    """Rows a minute apart are no days, rows five minutes or a day apart no minutes."""
    days = [f"2025-07-{1 + n:02} 00:00:00" for n in range(15)]
    minutes = [f"2025-07-01 {9 + (15 + n * steps) // 60:02}:{(15 + n * steps) % 60:02}:00"
               for n in range(15)]  # fmt: skip
    stamps = days if steps == DAY_OF_MINUTES else minutes
    text = HEAD + "".join(f"{stamp},{BARS}\n" for stamp in stamps)
    with pytest.raises(UsageError, match=r"its name says bars of \w+, but its rows are \w+ apart"):
        brought(tmp_path, {f"{name}.csv": text})


def test_the_last_of_two_bars_of_a_time_counts(tmp_path: Path) -> None:
    """A candle is written again as it goes on: the later row is whole, and the other is counted."""
    text = f"{HEAD}2025-07-01 09:15:00,{BARS}\n2025-07-01 09:15:00,100,102,99,101,9\n"
    account = brought(tmp_path, {"TCS_minute.csv": text})
    assert account.dropped == {"a later bar has its time": (1, f"{tmp_path}/TCS_minute.csv, row 1")}
    assert rows(tmp_path)[0][2:] == (100, 102, 99, 101, 9)


def test_repeats_stay_where_they_are_meant(tmp_path: Path) -> None:
    """Trades that are alike stay by --keep-repeats, once each however often imported, and run."""
    text = "time,ltp,ltq\n" + "2025-07-01 09:15:00.123456789,1,2\n" * 3
    assert brought(tmp_path / "a", {"TCS.csv": text}).dropped["duplicate"][0] == 2
    first = brought(tmp_path, {"TCS.csv": text}, keep_repeats=True)
    again = brought(tmp_path, {"TCS.csv": text}, keep_repeats=True)
    assert (first.new, again.new, again.already) == (3, 0, 3)
    _, found = run(tmp_path / "c")
    assert [ts % 10**9 for ts in found.ts.tolist()] == [123456789] * 3


def test_prices_finer_than_kept_are_told(tmp_path: Path) -> None:
    """A little rounding is a note with a count; --price-scale keeps what it would change."""
    account = brought(tmp_path, {"X_day.csv": f"{HEAD}2025-07-01,101.123456,102,100,101.5,5\n"})
    assert any("1 prices are finer than 0.0001" in note for note in account.notes)
    text = f"{HEAD}2025-07-01,0.00001234,0.00002,0.00001,0.00001234,5\n"
    brought(tmp_path / "b", {"X_day.csv": text}, price_scale=10_000)
    assert rows(tmp_path / "b")[0][2:6] == (0.1234, 0.2, 0.1, 0.1234)


FO = """INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP,
FUTIDX,NIFTY,27-Jul-2023,0,XX,19300,19400,19250,19380,19380,2000,9690,500000,1000,03-JUL-2023,
OPTIDX,NIFTY,06-Jul-2023,19300,CE,100,150,90,120,120,2000,100,60000,10,03-JUL-2023,
"""  # noqa: E501
UDIFF = """TradDt,BizDt,Sgmt,Src,FinInstrmTp,TckrSymb,XpryDt,StrkPric,OptnTp,OpnPric,HghPric,LwPric,ClsPric,OpnIntrst,TtlTradgVol,NewBrdLotQty
2025-07-01,2025-07-01,FO,NSE,IDF,NIFTY,2025-07-31,,,25600,25700,25550,25650,15000000,100000,75
2025-07-01,2025-07-01,FO,NSE,STO,SBIN,2025-07-31,800.00,CE,10,12,9,11,750000,100,750
"""  # noqa: E501


def test_bhavcopies_of_contracts(tmp_path: Path) -> None:
    """The old form counts contracts; UDiFF makes shares by its own lot; both say so."""
    old = brought(tmp_path, {"fo03JUL2023bhav.csv": FO})
    assert [row[0] for row in rows(tmp_path)] == ["NFO:NIFTY2370619300CE", "NFO:NIFTY23JULFUT"]
    assert rows(tmp_path)[1][2:] == (19300, 19400, 19250, 19380, 2000, 500000)
    assert any("volume counts contracts" in note for note in old.notes)
    new = brought(tmp_path / "b", {"BhavCopy_NSE_FO_0_0_0_20250701_F_0000.csv": UDIFF})
    found = {row[0]: row[-2] for row in rows(tmp_path / "b")}
    assert found == {"NFO:NIFTY25JULFUT": 7_500_000, "NFO:SBIN25JUL800CE": 75_000}
    assert any("its own lot" in note or "file's own lot" in note for note in new.notes)
    assert len(new.instruments) == 1


def test_rows_of_no_contract_are_counted_or_refused(tmp_path: Path) -> None:
    """The line of totals is told; an option without its right is not taken for the future."""
    total = "TOTAL,,,,,,,,,,4000,,,,,\n"
    account = brought(tmp_path, {"fo03JUL2023bhav.csv": FO + total})
    assert (account.read, account.new) == (3, 2)
    assert account.dropped["no symbol or expiry that can be read"][0] == 1
    with pytest.raises(UsageError, match=r"strike 19300.0, right none: that is no contract"):
        brought(tmp_path / "b", {"fo03JUL2023bhav.csv": FO.replace(",CE,", ",,")})


CHAIN = """CALLS,,PUTS
,OI,CHNG IN OI,VOLUME,IV,LTP,CHNG,BID QTY,BID,ASK,ASK QTY,STRIKE,BID QTY,BID,ASK,ASK QTY,CHNG,LTP,IV,VOLUME,CHNG IN OI,OI,
,"1,234","10","2,000",12.5,"1,234.50","-5","75","1,230.00","1,240.00","150","24,500.00","75","10.00","10.50","225","-","10.20","-","300","-","5",
"""  # noqa: E501


def test_the_sites_option_chain(tmp_path: Path) -> None:
    """Its name says underlying and expiry; when it was, --at has to say."""
    name = "option-chain-ED-NIFTY-29-Aug-2025.csv"
    with pytest.raises(UsageError, match="--at"):
        brought(tmp_path, {name: CHAIN})
    brought(tmp_path, {name: CHAIN}, at_ns=1_751_341_500 * 10**9)
    assert rows(tmp_path) == [
        ("NFO:NIFTY25AUG24500CE", "2025-07-01 09:15:00", 1230, 75, 1240, 150),
        ("NFO:NIFTY25AUG24500PE", "2025-07-01 09:15:00", 10, 75, 10.5, 225),
    ]


def test_a_jump_that_stays_is_a_finding(tmp_path: Path) -> None:
    """As of a split of 1 to 2; a file of actions explains it, and an import adjusts by it."""
    days = [f"2025-07-{n:02}" for n in (1, 2, 3, 4, 7, 8)]
    text = HEAD + "".join(
        f"{day},{100 // (1 + (n > 2))},{110 // (1 + (n > 2))},{40},{100 // (1 + (n > 2))},8\n"
        for n, day in enumerate(days)
    )
    brought(tmp_path, {"TCS_day.csv": text})
    report = checked(tmp_path / "c")
    assert "jump between days" in kinds(report)
    (jump,) = (each for each in report.findings if each.kind == "jump between days")
    assert "100.00 to 50.00" in jump.first
    assert "as if 1 had become 2" in jump.first
    listed = tmp_path / "actions.csv"
    listed.write_text("instrument,ex_date,kind,from,to\nNSE:TCS,2025-07-04,split,10,5\n")
    actions = read_actions(listed)
    assert "jump between days" not in kinds(checked(tmp_path / "c", actions=actions))
    brought(tmp_path / "b", {"TCS_day.csv": text}, actions=actions)
    assert "jump between days" not in kinds(checked(tmp_path / "b" / "c"))
    assert rows(tmp_path / "b")[0][2:] == (50, 55, 20, 50, 16)


@pytest.mark.parametrize(("line", "message"), [
    ("TCS,2025-07-04,split,10", "line 2: 4 fields"), ("TCS,soon,split,10,5", "ex_date 'soon'"),
    ("TCS,2025-07-04,merger,10,5", "kind 'merger'"), ("TCS,2025-07-04,bonus,0,5", "from '0'"),
])  # fmt: skip
def test_actions_that_do_not_fit_say_where(tmp_path: Path, line: str, message: str) -> None:
    """File, line and field."""
    listed = tmp_path / "actions.csv"
    listed.write_text(f"instrument,ex_date,kind,from,to\n{line}\n")
    with pytest.raises(UsageError, match=message):
        read_actions(listed)


@pytest.mark.parametrize(
    ("name", "days", "apart"),
    [
        ("TCS.csv", [f"2025-07-{n:02}" for n in (7, 14, 21, 28)], "7d"),
        ("TCS_day.csv", ["2025-01-01", "2025-02-01", "2025-03-03", "2025-04-01"], "29d"),
        ("TCS_week.csv", [f"2025-07-{n:02}" for n in (7, 14, 21, 28)], "7d"),
    ],
)
def test_weeks_and_months_are_no_days(
    tmp_path: Path, name: str, days: list[str], apart: str
) -> None:
    """Their rows bear their first day and know later prices; what is of its own day is said."""
    text = HEAD + "".join(f"{day},{BARS}\n" for day in days)
    with pytest.raises(UsageError, match=rf"{apart} apart.*--interval 1d"):
        brought(tmp_path, {name: text})
    assert brought(tmp_path, {name: text}, interval_ns=86_400 * 10**9).new == 4
    # With neighbours among them the others are holes.
    text += f"2025-07-15,{BARS}\n2025-07-16,{BARS}\n"
    assert brought(tmp_path / "b", {name: text}).new == 6


def test_an_action_that_changes_nothing_is_told_of(tmp_path: Path) -> None:
    """A name written otherwise, a day before all rows: in an import and in a check."""
    listed = tmp_path / "actions.csv"
    listed.write_text(
        "instrument,ex_date,kind,from,to\nTCSS,2025-07-04,split,1,2\nTCS,2025-06-02,bonus,1,1\n"
        "TCS,2025-07-02,split,1,2\n"
    )
    actions = read_actions(listed)
    text = f"{HEAD}2025-07-01,{BARS}\n2025-07-02,{BARS}\n"
    told = [note for note in brought(tmp_path, {"TCS_day.csv": text}, actions=actions).notes
            if "corporate" in note]  # fmt: skip
    assert told == [
        "--corporate-actions: NSE:TCSS, split of 2025-07-04: no row of these files lies before it",
        "--corporate-actions: NSE:TCS, bonus of 2025-06-02: no row of these files lies before it",
    ]
    (note,) = checked(tmp_path / "c", actions=actions).notes
    assert note == "--corporate-actions: NSE:TCSS, split of 2025-07-04: no row of it was checked"


def test_an_action_twice_is_refused(tmp_path: Path) -> None:
    """It would adjust twice; two dividends of a day that differ are two."""
    listed = tmp_path / "actions.csv"
    head = "instrument,ex_date,kind,from,to\n"
    listed.write_text(f"{head}TCS,2025-07-04,split,10,5\n\nNSE:TCS,2025-07-04,split,1,2\n")
    with pytest.raises(UsageError, match=r"line 4: NSE:TCS, split of 2025-07-04 is on line 2"):
        read_actions(listed)
    listed.write_text(f"{head}TCS,2025-07-04,dividend,,5\nTCS,2025-07-04,dividend,,7\n")
    assert len(read_actions(listed)) == 2


def test_a_row_of_yfinance_without_a_date_is_counted(tmp_path: Path) -> None:
    """It is a row that can't be read, not part of the head."""
    text = "Price,Close,High,Low,Open,Volume\nTicker,X.NS,X.NS,X.NS,X.NS,X.NS\nDate,,,,,\n"
    text += "".join(f"{day},100,101,99,100,5\n" for day in ("2025-07-01", "", "2025-07-03"))
    account = brought(tmp_path, {"yf.csv": text})
    assert (account.read, account.new) == (3, 2)
    assert account.dropped["no time that can be read"][0] == 1


def test_what_each_file_became_is_told(tmp_path: Path) -> None:
    """Rows by fate and file, what was sorted, and every row once."""
    text = f"{HEAD}2025-07-02,{BARS}\n2025-07-01,{BARS}\nTotal,,,,,\n2025-07-03,1,0.5,1,1,5\n"
    account = brought(tmp_path, {"TCS_day.csv": text})
    (one,) = account.became
    assert one.facts() == {
        "file": f"{tmp_path}/TCS_day.csv", "kind": "bar", "interval": "1d", "zone": "IST",
        "instruments": ["NSE:TCS"], "read": 4, "kept": 2, "from": "2025-07-01 00:00:00",
        "to": "2025-07-02 00:00:00", "sorted": 1,
        "dropped": {"inconsistent bar": 1, "no time that can be read": 1},
    }  # fmt: skip
    assert one.kept + sum(one.dropped.values()) == one.read


def test_the_check_skips_the_importers_own_instruments_file(tmp_path: Path) -> None:
    """A catalogue with an instruments file that an import wrote can be checked."""
    brought(tmp_path, {"BhavCopy_NSE_FO_0_0_0_20250701_F_0000.csv": UDIFF})
    assert checked(tmp_path / "c", calendar=Calendar.always()).rows == 2
