"""Of each kind of file: rows read are rows used and rows dropped with a reason."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphapanda.data.importers.importing import Account, import_files
from alphapanda.data.importers.source import Wanted
from alphapanda.errors import UsageError

JUNK = ("", "-", "abc", "0", "-5", "1e400", "nan", "12,5x", "1.2M", "99999999999999999999",
        "2025-13-45", " ", "100", "2025-07-01 09:15:00", "NULL", "7.5", "1_000")  # fmt: skip
ROWS = 9


def minute(n: int) -> str:
    return f"2025-07-01 09:{15 + n}:00"


def priced(n: int) -> list[str]:
    return [str(100 + n), str(103 + n), str(99 + n), str(101 + n)]


def csv(head: str, row: Callable[[int], list[str]]) -> tuple[list[list[str]], Any]:
    """Return the cells of rows, and what writes them."""

    def write(path: Path, cells: list[list[str]]) -> None:
        path.write_text("\n".join([head, *(",".join(map(quoted, each)) for each in cells)]) + "\n")

    return [row(n) for n in range(ROWS)], write


def quoted(cell: str) -> str:
    return f'"{cell}"' if "," in cell else cell


def frame(cells: list[list[str]]) -> pd.DataFrame:
    names = ("date", "open", "high", "low", "close", "volume")
    made = pd.DataFrame(cells, columns=list(names), dtype=object)
    made["date"] = pd.to_datetime(made["date"], errors="coerce").dt.tz_localize("Asia/Kolkata")
    for name in names[1:]:
        made[name] = pd.to_numeric(made[name], errors="coerce").astype(float)
    return made


def candles(path: Path, cells: list[list[str]]) -> None:
    rows = [[each[0].replace(" ", "T") + "+0530", *map(number, each[1:])] for each in cells]
    path.write_text(json.dumps({"status": "success", "data": {"candles": rows}}))


def number(text: str) -> Any:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


BARS = [[minute(n), *priced(n), str(10 * n)] for n in range(ROWS)]
FO = "INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,"
UDIFF = ("TradDt,BizDt,Sgmt,Src,FinInstrmTp,TckrSymb,XpryDt,StrkPric,OptnTp,OpnPric,HghPric,LwPric,"
         "ClsPric,OpnIntrst,TtlTradgVol,NewBrdLotQty")  # fmt: skip
FORMS: dict[str, tuple[str, tuple[list[list[str]], Any]]] = {
    "bars": ("TCS_minute.csv", csv("date,open,high,low,close,volume", lambda n: BARS[n])),
    "ticks": ("TCS.csv", csv("time,last_price,last_quantity", lambda n: [minute(n), "100", "5"])),
    "quotes": ("TCS.csv", csv("time,bid,bid_qty,ask,ask_qty",
                              lambda n: [minute(n), str(100 + n), "5", str(101 + n), "7"])),
    "Parquet": ("TCS_minute.parquet",
                (BARS, lambda path, cells: frame(cells).to_parquet(path))),
    "candles": ("TCS_minute.json", (BARS, candles)),
    "equity": ("cm01JUL2025bhav.csv", csv(
        "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP",
        lambda n: [f"S{n}", "EQ", *priced(n), "100", "99", "500", "1", "01-JUL-2025"])),
    "contracts": ("fo03JUL2023bhav.csv", csv(
        f"{FO}VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP",
        lambda n: ["OPTIDX", "NIFTY", "27-Jul-2023", str(19_000 + 100 * n), "CE", *priced(n),
                   "100", "50", "1", "5", "1", "03-JUL-2023"])),
    "UDiFF": ("BhavCopy_NSE_FO_0_0_0_20250701_F_0000.csv", csv(
        UDIFF, lambda n: ["2025-07-01", "2025-07-01", "FO", "NSE", "IDO", "NIFTY", "2025-07-31",
                          str(25_000 + 100 * n), "PE", *priced(n), "750", "10", "75"])),
    "options": ("NIFTY_options.csv", csv(
        "stock_code,expiry_date,right,strike_price,datetime,open,high,low,close,volume",
        lambda n: ["NIFTY", "03-JUL-2025", "Call", "25500", minute(n), *priced(n), "75"])),
}  # fmt: skip


def imported(path: Path) -> Account | None:
    """Return what an import did; None where the whole file was refused, by its name."""
    try:
        return import_files(path.parent / "c", [path], Wanted())
    except UsageError as error:
        if path.name not in str(error):
            raise
        return None


BAD = st.lists(
    st.tuples(st.integers(0, ROWS - 1), st.integers(0, 20), st.sampled_from(JUNK)),
    min_size=1, max_size=4,
)  # fmt: skip
TWICE = st.lists(st.integers(0, ROWS - 1), max_size=2)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=4, deadline=None, derandomize=True,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(bad=BAD, twice=TWICE)
def test_rows_read_are_rows_used_and_rows_told_of(
    form: str, bad: list[tuple[int, int, str]], twice: list[int]
) -> None:
    """Cells that are none, rows twice: each row is in the catalogue, or counted by a reason."""
    name, (clean, write) = FORMS[form]
    cells = [list(each) for each in clean]
    for row, column, junk in bad:
        cells[row][column % len(cells[row])] = junk
    cells += [list(cells[row]) for row in twice]
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(path, cells)
        account = imported(path)
        if account is None:
            assert not list(Path(folder).rglob("rows.parquet"))
            return
        kept = sum(pq.read_metadata(p).num_rows for p in Path(folder, "c").rglob("rows.parquet"))
    blank = sum(not "".join(each).strip() for each in cells)
    assert account.read == len(cells) - blank
    assert account.new + sum(count for count, _ in account.dropped.values()) == account.read
    assert kept == account.new
    assert all(first for _, first in account.dropped.values())
