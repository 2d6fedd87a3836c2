"""NSE's and BSE's bhavcopies, a day's summary of every share or contract, as day bars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from alphapanda.data.importers.contracts import Key, register_names, symbol_of
from alphapanda.data.importers.numbers import number_sql
from alphapanda.data.importers.source import Contract, Source, Wanted
from alphapanda.data.importers.stamps import read_stamps
from alphapanda.data.importers.text import TextTable
from alphapanda.data.replay.layouts import describe
from alphapanda.data.replay.parquet import identifier, literal, scan
from alphapanda.data.schema import Layout, normal
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST

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
UDIFF_SEGMENTS = {("NSE", "FO"): "NFO", ("BSE", "FO"): "BFO", ("NSE", "CD"): "CDS",
                  ("BSE", "CD"): "BCD", ("MCX", "CO"): "MCX"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Spelling:
    # How one make of F&O bhavcopy spells what is read of it; `lot` is a column with the lot.
    symbol: str
    expiry: str
    strike: str
    right: str
    day: str
    prices: tuple[str, str, str, str]
    volume: str
    oi: str
    contracts: str = ""
    lot: str = ""

    @property
    def marks(self) -> set[str]:
        return {self.symbol, self.expiry, self.volume, self.oi, *self.prices}


DERIVATIVES = (
    _Spelling("symbol", "exp_date", "str_price", "opt_type", "trade_date",
              ("open_price", "hi_price", "lo_price", "close_price"), "trd_qty", "open_int",
              contracts="no_of_cont"),
    _Spelling("symbol", "expiry_dt", "strike_pr", "option_typ", "timestamp",
              ("open", "high", "low", "close"), "contracts", "open_int"),
    _Spelling("tckrsymb", "xprydt", "strkpric", "optntp", "traddt",
              ("opnpric", "hghpric", "lwpric", "clspric"), "ttltradgvol", "opnintrst",
              lot="newbrdlotqty"),
)  # fmt: skip
"""NSE's fo and op files of a day, its F&O bhavcopy before July 2024, and UDiFF since."""

NO_RIGHT = ("", "XX", "FF", "FUT", "-")


def is_equity(names: set[str]) -> bool:
    """Tell whether these columns, in normal spelling, are an equity bhavcopy's."""
    return any(names >= set(spelling.values()) for spelling in EQUITY)


def is_derivatives(names: set[str]) -> bool:
    """Tell whether these columns, in normal spelling, are an F&O bhavcopy's."""
    return any(names >= spelling.marks for spelling in DERIVATIVES)


@dataclass(frozen=True, slots=True)
class _File:
    # A bhavcopy in Parquet or text: every column by its normal name.
    path: str
    columns: Mapping[str, str]
    rows: str
    text: bool
    con: duckdb.DuckDBPyConnection
    wanted: Wanted

    def number(self, name: str) -> str:
        column = self.columns[name]
        return number_sql(f"rtrim({column}, '*')") if self.text else f"{column}::DOUBLE"

    def word(self, name: str) -> str:
        return f"upper(trim({self.columns[name]}::VARCHAR))"

    def day(self, name: str) -> str:
        column = self.columns[name]
        if not self.text:
            return f"{column}::DATE"
        stamps = read_stamps(
            self.con, self.rows, column.strip('"'), path=self.path, dates=self.wanted.dates
        )
        return f"make_timestamp(({stamps.ns(column)} + {IST}) // 1000)::DATE"


def bhavcopy_source(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted, *, table: TextTable | None
) -> Source:
    """Return a bhavcopy as day bars; of contracts with their instruments.

    Raises: UsageError for another kind than bars, or a file without a trade date.
    """
    if wanted.kind not in (None, "bar"):
        raise UsageError(f"{path} is a bhavcopy: it makes day bars, not --kind {wanted.kind}.")
    file = _opened(con, path, wanted, table)
    if "sgmt" in file.columns:
        segment, exchange = _segment(file)
        return _equity(file) if segment == "CM" else _derivatives(file, exchange)
    return _equity(file) if is_equity(set(file.columns)) else _derivatives(file, "NFO")


def _opened(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted, table: TextTable | None
) -> _File:
    if table is not None:
        columns = {normal(name): identifier(name) for name in table.columns}
        return _File(path, columns, table.rows, text=True, con=con, wanted=wanted)
    columns = {normal(name): identifier(name) for name in describe(con, path)}
    rows = f"(SELECT *, file_row_number FROM {scan([path])})"
    return _File(path, columns, rows, text=False, con=con, wanted=wanted)


# UDiFF has one layout for every segment of every exchange.
def _segment(file: _File) -> tuple[str, str]:
    source = file.word("src") if "src" in file.columns else "'NSE'"
    segment = file.word("sgmt")
    query = f"SELECT DISTINCT {source}, {segment} FROM {file.rows} WHERE {segment} <> ''"
    found = file.con.sql(query).fetchall()
    if len(found) != 1 or (found[0][1] != "CM" and found[0] not in UDIFF_SEGMENTS):
        told = ", ".join(f"{segment} of {of}" for of, segment in found)
        known = ", ".join(f"{segment} of {of}" for of, segment in UDIFF_SEGMENTS)
        raise UsageError(
            f"{file.path}: a UDiFF bhavcopy of segment {told or 'none'}; one file is read of one "
            f"segment: CM, {known}."
        )
    return found[0][1], UDIFF_SEGMENTS.get(found[0], "")


def _equity(file: _File) -> Source:
    spelt = next(each for each in EQUITY if file.columns.keys() >= set(each.values()))
    symbol, series = file.columns[spelt["symbol"]], file.columns[spelt["series"]]
    exchange, plain = "'NSE'", "'EQ'"
    if spelt["symbol"] == "tckrsymb":
        exchange = file.columns["src"]
        plain = f"CASE WHEN {exchange} = 'BSE' THEN {series} ELSE 'EQ' END"  # BSE has no suffixes
    name = f"CASE WHEN {series} = {plain} THEN {symbol} ELSE {symbol} || '-' || {series} END"
    fields = {each: file.number(spelt[each]) for each in PRICED}
    return _bars(file, f"{exchange} || ':' || {name}", file.day(spelt["day"]), fields)


def _derivatives(file: _File, exchange: str) -> Source:
    spelt = next((each for each in DERIVATIVES if file.columns.keys() >= each.marks), None)
    if spelt is None:
        lacks = ", ".join(sorted(DERIVATIVES[-1].marks - file.columns.keys()))
        raise UsageError(f"{file.path}: a UDiFF bhavcopy of contracts without {lacks}: add them.")
    day, notes = _trade_day(file, spelt)
    key = _key(file, spelt)
    # The line of totals is of no contract: it is counted as what cannot be read.
    sound = f"(SELECT * FROM {file.rows} WHERE {key[1]} IS NOT NULL AND {key[0]} <> '')"
    contracts, listed_on, borrowed = _contracts(file, spelt, key, rows=sound, day=day)
    known = register_names(file.con, file.path, contracts)
    on = " AND ".join(f"{mine} = {its}" for mine, its in zip(key, "sekr", strict=True))
    named = f"(SELECT * FROM {file.rows} file LEFT JOIN {known} ON {on})"
    volume, counted = _volume(file, spelt)
    fields = {
        **{name: file.number(column) for name, column in zip(PRICED, spelt.prices, strict=False)},
        "volume": volume, "oi": file.number(spelt.oi),
    }  # fmt: skip
    made = _File(file.path, file.columns, named, text=file.text, con=file.con, wanted=file.wanted)
    listed = tuple(c for c in contracts.values() if c.lot_size)
    if borrowed:
        notes.append(
            f"{file.path}: {borrowed} contracts did not trade: their lot is that of another expiry "
            "of the same underlying"
        )
    left = len(contracts) - len(listed)
    if left:
        notes.append(
            f"{file.path}: {left} contracts without an instrument: nothing tells their lot"
        )
    return _bars(made, f"'{exchange}:' || contract", day, fields, contracts=listed,
                 listed=listed_on, notes=(*notes, *counted), exchange=exchange,
                 lacks="no symbol or expiry that can be read")  # fmt: skip


# The fo and op files of a day have it in their name alone: fo14112025.csv.
def _trade_day(file: _File, spelt: _Spelling) -> tuple[str, list[str]]:
    if spelt.day in file.columns:
        return file.day(spelt.day), []
    day = _day_in(Path(file.path).name)
    if day is None:
        raise UsageError(
            f"{file.path}: add a column TRADE_DATE, or name the file fo14112025.csv: the rows do "
            "not say their day."
        )
    return f"DATE {literal(str(day))}", [f"{file.path}: its name says its day, {day}"]


def _day_in(name: str) -> date | None:
    digits = re.search(r"(?:fo|op)(\d\d)(\d\d)(\d{4})", name, re.IGNORECASE)
    try:
        return None if digits is None else date(int(digits[3]), int(digits[2]), int(digits[1]))
    except ValueError:
        return None


def _volume(file: _File, spelt: _Spelling) -> tuple[str, tuple[str, ...]]:
    volume = file.number(spelt.volume)
    told = "open interest is in shares"
    if spelt.lot:
        lot = file.number(spelt.lot)
        note = f"volume counts contracts: made shares by the file's own lot ({spelt.lot}); {told}"
        return f"({volume} * {lot})", (f"{file.path}: {note}",)
    if not spelt.contracts:
        note = f"volume counts contracts, as the file does not say their lot; {told}"
        return volume, (f"{file.path}: {note}",)
    return volume, ()


def _key(file: _File, spelt: _Spelling) -> tuple[str, str, str, str]:
    expiry = file.day(spelt.expiry)
    if spelt.right not in file.columns:
        return file.word(spelt.symbol), expiry, "0.0", "'FUT'"
    right = file.word(spelt.right)
    none = ", ".join(map(literal, NO_RIGHT))
    price = file.number(spelt.strike)
    side = (
        f"CASE WHEN coalesce({right}, '') IN ({none}) AND coalesce({price}, 0) <= 0 THEN 'FUT' "
        f"WHEN {right} IN ('CE', 'CA') THEN 'CE' WHEN {right} IN ('PE', 'PA') THEN 'PE' "
        f"ELSE coalesce({right}, '') END"
    )
    strike = f"CASE WHEN ({side}) = 'FUT' THEN 0.0 ELSE {price} END"
    return file.word(spelt.symbol), expiry, strike, side


def _contracts(
    file: _File, spelt: _Spelling, key: tuple[str, str, str, str], *, rows: str, day: str
) -> tuple[dict[Key, Contract], date, int]:
    lot = "NULL"
    if spelt.lot:
        lot = f"max({file.number(spelt.lot)})"
    elif spelt.contracts:
        number = file.number(spelt.contracts)
        lot = f"max(CASE WHEN {number} > 0 THEN {file.number(spelt.volume)} / {number} END)"
    query = f"SELECT {', '.join(key)}, {lot}, max({day}) FROM {rows} GROUP BY ALL ORDER BY ALL"
    found = file.con.sql(query).fetchall()
    if not found:
        raise UsageError(f"{file.path} holds no rows: leave it out.")
    listed: dict[str, set[date]] = {}
    lots: dict[tuple[str, date] | str, int] = {}
    for symbol, expiry, _, _, size, _ in found:
        listed.setdefault(symbol, set()).add(expiry)
        if size:
            lots[symbol, expiry] = lots[symbol] = round(size)
    last = max((on for *_, on in found if on is not None), default=None)
    if last is None:
        raise UsageError(f"{file.path}: no row has a day that can be read: correct its days.")
    made = {}
    for symbol, expiry, strike, right, _, on in found:
        if right not in ("CE", "PE", "FUT") or strike is None:
            raise UsageError(
                f"{file.path}: {symbol}, expiry {expiry}, strike {strike}, right "
                f"{right or 'none'}: that is no contract. Correct the row."
            )
        name = symbol_of(symbol, expiry, strike, right, listed=listed[symbol], day=on or last)
        size = lots.get((symbol, expiry), lots.get(symbol, 0))
        made[symbol, expiry, strike, right] = Contract(name, symbol, expiry, strike, right, size)
    own = {key for key in lots if isinstance(key, tuple)}
    borrowed = sum(bool(c.lot_size) and key[:2] not in own for key, c in made.items())
    return made, last, borrowed


def _bars(
    file: _File, name: str, day: str, fields: dict[str, str],
    *, contracts: tuple[Contract, ...] = (), notes: tuple[str, ...] = (),
    listed: date | None = None, exchange: str = "NFO", lacks: str = "no instrument",
) -> Source:  # fmt: skip
    columns = ", ".join(f"{value} AS {name}" for name, value in fields.items())
    rows = (
        f"(SELECT {name} AS instrument, {day} AS ts, {columns}, file_row_number FROM {file.rows})"
    )
    types = {"ts": "DATE", "instrument": "VARCHAR", **dict.fromkeys(fields, "DOUBLE")}
    return Source(
        file.path, rows, Layout("bar", {each: each for each in types}, types),
        reject=f"CASE WHEN instrument IS NULL THEN '{lacks}' "
        "WHEN open = 0 AND high = 0 AND low = 0 THEN 'not traded' END",
        interval_ns=DAY, contracts=contracts, notes=notes, day=listed, exchange=exchange,
    )  # fmt: skip
