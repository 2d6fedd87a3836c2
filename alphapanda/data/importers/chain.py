"""NSE's wide option chain (one row a strike, CALLS_* and PUTS_*) as one row a contract.

The site's own download has neither symbol, expiry nor time: its name says the first two.
"""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import duckdb

from alphapanda.data.filenames import CHAIN, ENDINGS
from alphapanda.data.importers.contracts import Key, register_names, symbol_of
from alphapanda.data.importers.numbers import number_sql
from alphapanda.data.importers.source import Contract, Source, Wanted
from alphapanda.data.importers.stamps import read_stamps
from alphapanda.data.importers.text import TextTable
from alphapanda.data.replay.layouts import describe
from alphapanda.data.replay.parquet import identifier, literal, scan
from alphapanda.data.schema import ZONED, Kind, Layout, normal
from alphapanda.errors import UsageError
from alphapanda.model.calendar import IST

SIDES = (("CE", "calls"), ("PE", "puts"))
TIMES = ("collection_timestamp", "fetch_time", "timestamp", "time")
"""When it was known comes before when the exchange made it."""

NEEDED = ("symbol", "expiry_date", "strike_price")
FIELDS: dict[Kind, dict[str, str]] = {
    "quote": {"bid": "bid_price", "bid_qty": "bid_qty", "ask": "ask_price", "ask_qty": "ask_qty"},
    "tick": {"last": "ltp", "volume": "volume", "bid": "bid_price", "bid_qty": "bid_qty",
             "ask": "ask_price", "ask_qty": "ask_qty", "oi": "oi"},
}  # fmt: skip
IN_CONTRACTS = ("volume", "oi")
"""Columns that count contracts: the lot makes shares of them."""


def is_chain(names: set[str]) -> bool:
    """Tell whether these columns, in normal spelling, are an option chain's."""
    return {"calls_ltp", "puts_ltp", "strike_price"} <= names


def chain_source(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted, *, table: TextTable | None = None
) -> Source:
    """Return an option chain as a source; quotes unless ticks are asked for.

    Raises: UsageError for a chain whose columns, time or lot cannot be told.
    """
    kind: Kind = wanted.kind or "quote"
    if kind == "bar":
        raise UsageError(
            f"{path} is an option chain: --kind quote (bid and ask) or tick (LTP too)."
        )
    rows, names, zoned, notes = _wide(con, path, wanted, table)
    lot = wanted.lot_size or _lot(con, path, rows, names)
    contracts = _contracts(con, path, rows, names, lot=lot)
    known = register_names(con, path, contracts)
    fields = FIELDS[kind]
    types = {"ts": zoned, "instrument": "VARCHAR", **dict.fromkeys(fields, "DOUBLE")}
    layout = Layout(kind, {name: name for name in types}, types)
    query = f"SELECT min({_day(names['time'], zoned)}) FROM {rows}"
    ((day,),) = con.sql(query).fetchall()
    never = "last = 0 OR last IS NULL" if kind == "tick" else "false"
    lot_note = (
        ""
        if wanted.lot_size
        else (", the greatest that all quantities are multiples of (--lot-size says another)")
    )
    return Source(
        path, _rows(rows, names, known=known, kind=kind, lot=lot), layout,
        contracts=tuple(contracts.values()), day=day,
        reject=f"CASE WHEN {never} THEN 'not traded' WHEN coalesce(bid, 0) = 0 AND "
        f"coalesce(ask, 0) = 0 AND {kind == 'quote'} THEN 'no quote' END",
        notes=(f"{path}: lot size {lot}{lot_note}", *notes),
    )  # fmt: skip


# The wide rows with every column in its type, its names by normal spelling, the type of its time.
def _wide(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted, table: TextTable | None
) -> tuple[str, dict[str, str], str, tuple[str, ...]]:
    described = dict.fromkeys(table.columns, "VARCHAR") if table else describe(con, path)
    names = {normal(name): name for name in described}
    time = next((names[each] for each in TIMES if each in names), None)
    if table is None:
        if time is None or described[time] not in ZONED:
            raise UsageError(
                f"{path}: an option chain without a time ({' or '.join(TIMES)}) with zone."
            )
        missing = [each for each in NEEDED if each not in names]
        if missing:
            raise UsageError(f"{path}: an option chain without {' and '.join(missing)}.")
        rows = f"(SELECT *, file_row_number FROM {scan([path])})"
        return rows, {**names, "time": time}, described[time], ()
    return _text(con, path, wanted, table, names, time)


def _text(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted, table: TextTable,
    names: dict[str, str], time: str | None,
) -> tuple[str, dict[str, str], str, tuple[str, ...]]:  # fmt: skip
    notes: tuple[str, ...] = ()
    said = CHAIN.fullmatch(ENDINGS.sub("", Path(path).name))
    made = {}
    if time is not None:
        made["time"] = read_stamps(
            con, table.rows, time, path=path, dates=wanted.dates).ns(identifier(time))  # fmt: skip
    elif wanted.at_ns is not None:
        made["time"] = f"{wanted.at_ns}::BIGINT"
        notes = (f"{path}: has no time: --at says it",)
    else:
        raise UsageError(
            f"{path}: an option chain without a time: say with --at '2025-07-01 10:15' when it was "
            "downloaded."
        )
    if "symbol" in names:
        made["symbol"] = identifier(names["symbol"])
    elif said or wanted.instrument:
        made["symbol"] = literal((wanted.instrument or said["symbol"]).rpartition(":")[2].upper())  # type: ignore[index]
    if "expiry_date" in names:
        stamps = read_stamps(con, table.rows, names["expiry_date"], path=path, dates=wanted.dates)
        made["expiry_date"] = _date_of(stamps.ns(identifier(names["expiry_date"])))
    elif said:
        made["expiry_date"] = f"strptime({literal(said['expiry'])}, '%d-%b-%Y')::DATE"
    missing = [each for each in ("symbol", "expiry_date") if each not in made]
    if missing:
        raise UsageError(
            f"{path}: an option chain without {' and '.join(missing)}: keep the name that the site "
            "gave it, option-chain-ED-NIFTY-29-Aug-2025.csv."
        )
    for name in ("strike_price", *(each for each in names if each.startswith(("calls_", "puts_")))):
        made[name] = number_sql(identifier(names[name]))
    columns = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in made.items())
    typed = f"SELECT {columns}, file_row_number FROM {table.rows}"
    rows = f"(SELECT * FROM ({typed}) WHERE strike_price > 0)"  # without a line of totals
    return rows, {name: name for name in made}, "BIGINT", (*table.notes, *notes)


def _date_of(ns: str) -> str:
    return f"make_timestamp(({ns} + {IST}) // 1000)::DATE"


def _day(time: str, dtype: str) -> str:
    column = identifier(time)
    return _date_of(column) if dtype == "BIGINT" else f"timezone('Asia/Kolkata', {column})::DATE"


def _lot(con: duckdb.DuckDBPyConnection, path: str, rows: str, names: dict[str, str]) -> int:
    columns = [names[f"{side}_{q}"] for _, side in SIDES for q in ("bid_qty", "ask_qty")]
    queries = [f"SELECT DISTINCT {identifier(name)}::BIGINT FROM {rows}" for name in columns]
    lot = math.gcd(*(n for (n,) in con.sql(" UNION ".join(queries)).fetchall() if n))
    if lot == 0:
        raise UsageError(f"{path}: no quantity tells the lot: say --lot-size N.")
    return lot


def _contracts(
    con: duckdb.DuckDBPyConnection, path: str, rows: str, names: dict[str, str], *, lot: int
) -> dict[Key, Contract]:
    columns = ", ".join(identifier(names[each]) for each in NEEDED)
    found = con.sql(f"SELECT DISTINCT {columns} FROM {rows} ORDER BY ALL").fetchall()
    if not found or None in found[-1]:
        raise UsageError(f"{path}: a row without symbol, expiry or strike: leave it out.")
    listed: dict[str, set[date]] = {}
    for symbol, expiry, _ in found:
        listed.setdefault(symbol, set()).add(expiry)
    made = {}
    for symbol, expiry, strike in found:
        for right, _ in SIDES:
            name = symbol_of(symbol, expiry, float(strike), right, listed=listed[symbol])
            contract = Contract(name, symbol, expiry, float(strike), right, lot)
            made[symbol, expiry, strike, right] = contract
    return made


def _rows(rows: str, names: dict[str, str], *, known: str, kind: Kind, lot: int) -> str:
    symbol, expiry, strike = (identifier(names[each]) for each in NEEDED)
    halves = []
    for right, side in SIDES:
        fields = []
        for name, column in FIELDS[kind].items():
            value = identifier(names[f"{side}_{column}"])
            scaled = f"round({value} * {lot})" if name in IN_CONTRACTS else value
            fields.append(f"{scaled}::DOUBLE AS {name}")
        halves.append(
            f"SELECT {identifier(names['time'])} AS ts, {symbol} AS s, {expiry} AS e, "
            f"{strike}::DOUBLE AS k, "
            f"{literal(right)} AS r, {', '.join(fields)}, file_row_number FROM {rows}"
        )
    return (
        f"(SELECT wide.*, 'NFO:' || contract AS instrument FROM ({' UNION ALL '.join(halves)}) "
        "wide "
        f"JOIN {known} USING (s, e, k, r))"
    )
