"""NSE's bhavcopies, a day's summary of every share or contract, as day bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from alphapanda.data.importers.contracts import Key, register_names, stem, strike_text
from alphapanda.data.importers.source import Contract, Source, Wanted
from alphapanda.data.importers.table import TextTable, number_sql, time_sql
from alphapanda.data.replay.layouts import describe
from alphapanda.data.replay.parquet import identifier, scan
from alphapanda.data.schema import Layout, normal
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY

EQUITY: tuple[dict[str, str], ...] = (
    {"symbol": "symbol", "series": "series", "day": "date1", "open": "open_price",
     "high": "high_price", "low": "low_price", "close": "close_price", "volume": "ttl_trd_qnty"},
    {"symbol": "tckrsymb", "series": "sctysrs", "day": "traddt", "open": "opnpric",
     "high": "hghpric", "low": "lwpric", "close": "clspric", "volume": "ttltradgvol"},
    {"symbol": "symbol", "series": "series", "day": "timestamp", "open": "open",
     "high": "high", "low": "low", "close": "close", "volume": "tottrdqty"},
)  # fmt: skip
"""How equity bhavcopies spell what is read of them: the full one (sec_bhavdata_full), UDiFF (since
July 2024, NSE's and BSE's), and the one before."""
PRICED = ("open", "high", "low", "close", "volume")
DERIVATIVES = frozenset({"symbol", "exp_date", "open_int", "trd_qty", "no_of_cont"})


def is_equity(names: set[str]) -> bool:
    """Tell whether these columns, in normal spelling, are an equity bhavcopy's."""
    return any(names >= set(spelling.values()) for spelling in EQUITY)


def is_derivatives(names: set[str]) -> bool:
    """Tell whether these columns, in normal spelling, are an F&O bhavcopy's."""
    return names >= DERIVATIVES


@dataclass(frozen=True, slots=True)
class _File:
    # A bhavcopy in Parquet or CSV: every column by its normal name.
    path: str
    columns: dict[str, str]
    rows: str
    text: bool

    def number(self, name: str) -> str:
        column = self.columns[name]
        return number_sql(column) if self.text else f"{column}::DOUBLE"

    def day(self, name: str) -> str:
        column = self.columns[name]
        return f"{time_sql(column)}::DATE" if self.text else f"{column}::DATE"


def bhavcopy_source(con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted) -> Source:
    """Return a bhavcopy as day bars; of contracts with their instruments.

    Raises: UsageError for another kind than bars, or a file without a trade date.
    """
    if wanted.kind not in (None, "bar"):
        raise UsageError(f"{path} is a bhavcopy: it makes day bars, not --kind {wanted.kind}.")
    file = _opened(con, path)
    return _equity(con, file) if is_equity(set(file.columns)) else _derivatives(con, file)


def _opened(con: duckdb.DuckDBPyConnection, path: str) -> _File:
    if path.lower().endswith((".csv", ".csv.gz")):
        table = TextTable(con, path)
        columns = {normal(name): identifier(name) for name in table.columns}
        return _File(path, columns, table.rows, text=True)
    columns = {normal(name): identifier(name) for name in describe(con, path)}
    rows = f"(SELECT *, file_row_number FROM {scan([path])})"
    return _File(path, columns, rows, text=False)


def _equity(con: duckdb.DuckDBPyConnection, file: _File) -> Source:
    spelt = next(each for each in EQUITY if file.columns.keys() >= set(each.values()))
    symbol, series = file.columns[spelt["symbol"]], file.columns[spelt["series"]]
    exchange, plain = "'NSE'", "'EQ'"
    if spelt["symbol"] == "tckrsymb":
        _shares_only(con, file)
        exchange = file.columns["src"]
        plain = f"CASE WHEN {exchange} = 'BSE' THEN {series} ELSE 'EQ' END"  # BSE has no suffixes
    name = f"CASE WHEN {series} = {plain} THEN {symbol} ELSE {symbol} || '-' || {series} END"
    fields = {each: spelt[each] for each in PRICED}
    return _bars(file, f"{exchange} || ':' || {name}", file.day(spelt["day"]), fields)


def _shares_only(con: duckdb.DuckDBPyConnection, file: _File) -> None:
    # UDiFF has one layout for every segment, and of contracts it does not say what a unit is.
    segment = file.columns["sgmt"]
    query = f"SELECT {segment} FROM {file.rows} WHERE {segment} <> 'CM' LIMIT 1"
    for (other,) in con.sql(query).fetchall():
        raise UsageError(
            f"{file.path}: a UDiFF bhavcopy of segment {other}; only shares (CM) are read of "
            "these. For contracts take NSE's fo and op files of the day."
        )


def _derivatives(con: duckdb.DuckDBPyConnection, file: _File) -> Source:
    if "trade_date" not in file.columns:
        raise UsageError(f"{file.path}: add a column TRADE_DATE: the rows do not say their day.")
    contracts, day = _contracts(con, file)
    known = register_names(con, file.path, contracts)
    on = " AND ".join(f"{mine} = {its}" for mine, its in zip(_key(file), "sekr", strict=True))
    named = f"(SELECT * FROM {file.rows} file JOIN {known} ON {on})"
    fields = {
        "open": "open_price", "high": "hi_price", "low": "lo_price", "close": "close_price",
        "volume": "trd_qty", "oi": "open_int",
    }  # fmt: skip
    made = _File(file.path, file.columns, named, text=file.text)
    listed = tuple(c for c in contracts.values() if c.lot_size)
    left = len(contracts) - len(listed)
    notes = (f"{file.path}: {left} contracts without an instrument: nothing tells their lot",)
    return _bars(made, "'NFO:' || contract", file.day("trade_date"), fields,
                 contracts=listed, listed=day, notes=notes if left else ())  # fmt: skip


def _key(file: _File) -> tuple[str, str, str, str]:
    options = "opt_type" in file.columns
    strike = file.number("str_price") if options else "0.0"
    right = file.columns["opt_type"] if options else "'FUT'"
    return file.columns["symbol"], file.day("exp_date"), strike, right


def _contracts(
    con: duckdb.DuckDBPyConnection, file: _File
) -> tuple[dict[Key, Contract], date | None]:
    number = file.number("no_of_cont")
    lot = f"max(CASE WHEN {number} > 0 THEN {file.number('trd_qty')} / {number} END)"
    query = (
        f"SELECT {', '.join(_key(file))}, {lot}, max({file.day('trade_date')}) FROM {file.rows} "
        "GROUP BY ALL ORDER BY ALL"
    )
    found = con.sql(query).fetchall()
    if not found:
        raise UsageError(f"{file.path} holds no rows: leave it out.")
    listed: dict[str, set[date]] = {}
    lots: dict[tuple[str, date] | str, int] = {}
    for symbol, expiry, _, _, size, _ in found:
        listed.setdefault(symbol, set()).add(expiry)
        if size:
            lots[symbol, expiry] = lots[symbol] = round(size)
    made = {}
    for symbol, expiry, strike, right, _, _ in found:
        ending = "FUT" if right == "FUT" else f"{strike_text(strike)}{right}"
        name = f"{stem(symbol, expiry, listed[symbol])}{ending}"
        size = lots.get((symbol, expiry), lots.get(symbol, 0))
        made[symbol, expiry, strike, right] = Contract(name, symbol, expiry, strike, right, size)
    return made, found[0][-1]


def _bars(
    file: _File, name: str, day: str, fields: dict[str, str],
    *, contracts: tuple[Contract, ...] = (), notes: tuple[str, ...] = (),
    listed: date | None = None,
) -> Source:  # fmt: skip
    columns = ", ".join(f"{file.number(column)} AS {n}" for n, column in fields.items())
    rows = (
        f"(SELECT {name} AS instrument, {day} AS ts, {columns}, file_row_number FROM {file.rows})"
    )
    types = {"ts": "DATE", "instrument": "VARCHAR", **dict.fromkeys(fields, "DOUBLE")}
    return Source(
        file.path, rows, Layout("bar", {each: each for each in types}, types),
        reject="CASE WHEN open = 0 AND high = 0 AND low = 0 THEN 'not traded' END",
        interval_ns=DAY, contracts=contracts, notes=notes, day=listed,
    )  # fmt: skip
