"""NSE's wide option chain (one row a strike, CALLS_* and PUTS_*) as one row a contract."""

from __future__ import annotations

import math
from datetime import date

import duckdb

from alphapanda.data.importers.contracts import Key, register_names, stem, strike_text
from alphapanda.data.importers.source import Contract, Source, Wanted
from alphapanda.data.replay.layouts import describe
from alphapanda.data.replay.parquet import identifier, literal, scan
from alphapanda.data.schema import ZONED, Kind, Layout, normal
from alphapanda.errors import UsageError

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
    return {"calls_ltp", "puts_ltp", *NEEDED} <= names


def chain_source(con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted) -> Source:
    """Return an option chain in Parquet as a source; quotes unless ticks are asked for.

    Raises: UsageError for a chain whose columns or lot cannot be told.
    """
    described = describe(con, path)
    names = {normal(name): name for name in described}
    kind: Kind = wanted.kind or "quote"
    if kind == "bar":
        raise UsageError(
            f"{path} is an option chain: --kind quote (bid and ask) or tick (LTP too)."
        )
    time = next((names[each] for each in TIMES if each in names), None)
    if time is None or described[time] not in ZONED:
        raise UsageError(
            f"{path}: an option chain without a time ({' or '.join(TIMES)}) with zone."
        )
    lot = wanted.lot_size or _lot(con, path, names)
    contracts = _contracts(con, path, names, lot=lot)
    known = register_names(con, path, contracts)
    rows = _rows(path, names, known=known, kind=kind, time=time, lot=lot)
    fields = FIELDS[kind]
    types = {"ts": described[time], "instrument": "VARCHAR", **dict.fromkeys(fields, "DOUBLE")}
    layout = Layout(kind, {name: name for name in types}, types)
    query = f"SELECT min(timezone('Asia/Kolkata', {identifier(time)})::DATE) FROM {scan([path])}"
    ((day,),) = con.sql(query).fetchall()
    never = "last = 0 OR last IS NULL" if kind == "tick" else "false"
    return Source(
        path, rows, layout, contracts=tuple(contracts.values()), day=day,
        reject=f"CASE WHEN {never} THEN 'not traded' WHEN coalesce(bid, 0) = 0 AND "
        f"coalesce(ask, 0) = 0 AND {kind == 'quote'} THEN 'no quote' END",
        notes=(f"{path}: lot size {lot}" + ("" if wanted.lot_size else
               ", the greatest that all quantities are multiples of (--lot-size says another)"),),
    )  # fmt: skip


def _lot(con: duckdb.DuckDBPyConnection, path: str, names: dict[str, str]) -> int:
    columns = [names[f"{side}_{q}"] for _, side in SIDES for q in ("bid_qty", "ask_qty")]
    queries = [
        f"SELECT DISTINCT {identifier(name)}::BIGINT FROM {scan([path])}" for name in columns
    ]
    lot = math.gcd(*(n for (n,) in con.sql(" UNION ".join(queries)).fetchall() if n))
    if lot == 0:
        raise UsageError(f"{path}: no quantity tells the lot: say --lot-size N.")
    return lot


def _contracts(
    con: duckdb.DuckDBPyConnection, path: str, names: dict[str, str], *, lot: int
) -> dict[Key, Contract]:
    columns = ", ".join(identifier(names[each]) for each in NEEDED)
    found = con.sql(f"SELECT DISTINCT {columns} FROM {scan([path])} ORDER BY ALL").fetchall()
    listed: dict[str, set[date]] = {}
    for symbol, expiry, _ in found:
        listed.setdefault(symbol, set()).add(expiry)
    made = {}
    for symbol, expiry, strike in found:
        start = f"{stem(symbol, expiry, listed[symbol])}{strike_text(float(strike))}"
        for right, _ in SIDES:
            contract = Contract(f"{start}{right}", symbol, expiry, float(strike), right, lot)
            made[symbol, expiry, strike, right] = contract
    return made


def _rows(path: str, names: dict[str, str], *, known: str, kind: Kind, time: str, lot: int) -> str:
    symbol, expiry, strike = (identifier(names[each]) for each in NEEDED)
    halves = []
    for right, side in SIDES:
        fields = []
        for name, column in FIELDS[kind].items():
            value = identifier(names[f"{side}_{column}"])
            scaled = f"round({value} * {lot})" if name in IN_CONTRACTS else value
            fields.append(f"{scaled}::DOUBLE AS {name}")
        halves.append(
            f"SELECT {identifier(time)} AS ts, {symbol} AS s, {expiry} AS e, {strike}::DOUBLE AS "
            "k, "
            f"{literal(right)} AS r, {', '.join(fields)}, file_row_number FROM {scan([path])}"
        )
    return (
        f"(SELECT wide.*, 'NFO:' || contract AS instrument FROM ({' UNION ALL '.join(halves)}) "
        "wide "
        f"JOIN {known} USING (s, e, k, r))"
    )
