"""A file's columns as canonical columns: which is which, and the SQL that makes them int64.

The SQL never yields null. Where a value is missing or cannot be an int64 it yields a mark below
any legal value (`NULL`, `OFF`, `FRACTION`), so that batches are plain arrays and one comparison
finds what `checks` has to look at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from alphapanda.data.replay.parquet import identifier
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import IST, day_start_ns
from alphapanda.model.money import SCALE

Kind = Literal["tick", "bar", "quote"]

NULL = -(1 << 62)
"""Mark of a missing value."""

OFF = -(1 << 61)
"""Mark of a value that no int64 can hold: NaN, infinite, too large."""

FRACTION = -(1 << 60)
"""Mark of a quantity that is not whole."""

SECOND_NS = 1_000_000_000

SPELLINGS = {
    "ts": (
        "ts", "timestamp", "datetime", "date_time", "time", "recv_time", "ts_recv", "ts_event",
        "exchange_timestamp", "exchange_time", "date", "event_time", "trade_time",
        "last_trade_time", "dtyyyymmdd", "index_date", "trade_date", "trading_date",
        "historicaldate", "start_time", "gmt_time", "local_time",
    ),
    "instrument": (
        "instrument", "symbol", "tradingsymbol", "trading_symbol", "ticker", "scrip", "contract",
        "index_name", "indexname", "scrip_code", "sc_code", "scripcode",
    ),
    "last": (
        "last", "last_price", "ltp", "price", "last_traded_price", "lastprice", "trade_price",
    ),
    "qty": (
        "qty", "quantity", "last_traded_quantity", "ltq", "last_quantity", "last_qty",
        "last_traded_qty", "size", "last_size", "trade_qty", "trade_size",
    ),
    "volume": (
        "volume", "volume_traded", "total_volume", "cumulative_volume", "day_volume",
        "traded_volume", "vol", "shares_traded", "no_of_shares", "no_of_shrs",
        "total_traded_quantity", "ttl_trd_qnty", "tickvol", "traded_qty",
    ),
    "bid": ("bid", "bid_price", "bid_price_1", "best_bid", "best_bid_price", "bid1", "bidprice"),
    "bid_qty": (
        "bid_qty", "bid_size", "bid_qty_1", "best_bid_qty", "best_bid_size", "bid_quantity",
        "bid_quantity_1", "bid_size_1", "bidqty", "bidsize",
    ),
    "ask": (
        "ask", "ask_price", "ask_price_1", "best_ask", "best_ask_price", "ask1", "askprice",
        "offer", "offer_price",
    ),
    "ask_qty": (
        "ask_qty", "ask_size", "ask_qty_1", "best_ask_qty", "best_ask_size", "ask_quantity",
        "ask_quantity_1", "ask_size_1", "askqty", "asksize", "offer_qty",
    ),
    "open": ("open", "open_price", "open_index_value"),
    "high": ("high", "high_price", "high_index_value"),
    "low": ("low", "low_price", "low_index_value"),
    "close": ("close", "close_price", "closing_index_value"),
    "oi": ("oi", "open_interest", "openint", "openinterest", "open_int"),
}  # fmt: skip
"""Canonical columns and the spellings known of each, best first; case and spaces do not count."""

PRICES = frozenset({"last", "bid", "ask", "open", "high", "low", "close"})
QUANTITIES = frozenset({"qty", "volume", "bid_qty", "ask_qty", "oi"})
BAR_PRICES = ("open", "high", "low", "close")
MAY_BE_NULL = frozenset({"qty", "bid", "bid_qty", "ask", "ask_qty", "oi"})
"""Columns in which null reads as 0: no trade, no quote."""

NEEDED: dict[Kind, tuple[str, ...]] = {"tick": ("last",), "bar": BAR_PRICES, "quote": ()}
"""Values without which a row is none of its kind."""

FIELDS: dict[Kind, tuple[str, ...]] = {
    "tick": ("last", "qty", "volume", "bid", "bid_qty", "ask", "ask_qty", "oi"),
    "bar": (*BAR_PRICES, "volume", "oi"),
    "quote": ("bid", "bid_qty", "ask", "ask_qty"),
}
"""What is read of each kind, besides `ts` and `instrument`."""

BHAVCOPY = "an NSE bhavcopy (a day's summary, not a recording)"
CHAIN = "an option chain (many contracts a row)"
LIST = "a list of instruments"
MASTER: tuple[set[str], ...] = (
    {"instrument_token", "lot_size", "tick_size"}, {"sem_trading_symbol", "sem_lot_units"},
    {"exch_seg", "lotsize", "token"},
)  # fmt: skip
"""Lists of instruments: Kite's, Dhan's, Angel's."""

NOT_RUN: dict[str, tuple[set[str], ...]] = {
    BHAVCOPY: (
        {"series", "ttl_trd_qnty"}, {"series", "tottrdqty"}, {"fininstrmtp", "tckrsymb"},
        {"exp_date", "open_int"}, {"expiry_dt", "open_int"},
    ),
    CHAIN: ({"calls_ltp", "puts_ltp"},),
    LIST: MASTER,
    "a depth ladder (one row a level)": (
        {"side", "price", "level"}, {"msg", "side", "price", "kind"}, {"first_update_id", "side"},
    ),
}  # fmt: skip
"""Files that look like market data and are not run, by columns that only they have."""

CONTRACT_TERMS: dict[str, tuple[str, ...]] = {
    "underlying": ("stock_code", "underlying", "underlying_symbol", "symbol", "name", "ticker",
                   "instrument"),
    "expiry": ("expiry_date", "expiry", "exp_date", "expirydate", "expiry_dt", "xprydt"),
    "strike": ("strike_price", "strike", "str_price", "strike_pr", "strikeprice"),
    "right": ("right", "option_type", "opt_type", "optiontype", "option_typ", "call_put", "cp_type",
              "instrument_type"),
}  # fmt: skip
"""How files spell the terms of a contract."""

LADDER_SIDES = frozenset({"bid", "bids", "ask", "asks", "a", "offer"})
"""Values of a column `side` that mean sides of a book; trades say buy and sell."""

INTEGERS = frozenset(
    f"{sign}{name}"
    for sign in ("", "U")
    for name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)
ZONED = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE"})
NAIVE = frozenset({"TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "DATE"})

UNITS = ((10**11, SECOND_NS), (10**14, 1_000_000), (10**17, 1_000))
"""An epoch number below the first counts units of the second, in ns; above all, it is ns."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the canonical columns of a file are, and how each is read."""

    kind: Kind
    columns: dict[str, str]
    types: dict[str, str]
    unit_ns: int = 1
    """Of an epoch number in the time column."""
    float32: frozenset[str] = frozenset()
    """Price columns whose values went through a float32."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The canonical value columns the file has, in canonical order."""
        return tuple(name for name in FIELDS[self.kind] if name in self.columns)

    def column(self, name: str) -> str:
        """Return a canonical column's name in the file, as an SQL identifier."""
        return identifier(self.columns[name])

    def time_sql(self) -> str:
        """Return the stamp in ns UTC, as SQL that may be null."""
        column, dtype = self.column("ts"), self.types["ts"]
        if dtype in INTEGERS:
            return f"(TRY_CAST({column} AS BIGINT) * {self.unit_ns})"
        if dtype == "VARCHAR":
            return f"epoch_ns(TRY_CAST({column} AS TIMESTAMPTZ_NS))"
        if dtype in ZONED:
            return _epoch_ns(column, dtype)
        return f"({_epoch_ns(column, dtype)} - {IST})"

    def field_sql(self, name: str, *, qty_scale: int, price_scale: int = 1) -> str:
        """Return a price or quantity as an int64 or a mark, as SQL."""
        column = self.column(name)
        missing = 0 if name in MAY_BE_NULL else NULL
        if name in PRICES:
            made = _price_sql(column, float32=name in self.float32, scale=price_scale)
        else:
            made = _quantity_sql(column, self.types[name], qty_scale)
        otherwise = f"CASE WHEN {column} IS NULL THEN {missing} ELSE {OFF} END"
        return f"coalesce({made}, {otherwise})::BIGINT"

    def day_filter(self, first: date | None, last: date | None) -> list[str]:
        """Return SQL conditions that keep the rows of these IST days, both inclusive."""
        conditions = []
        if first is not None:
            conditions.append(f"{self._bound(first)[0]} >= {self._bound(first)[1]}")
        if last is not None:
            column, bound = self._bound(last + timedelta(days=1))
            conditions.append(f"{column} < {bound}")
        return conditions

    # A column of a time type is compared as it is, so that DuckDB skips row groups by their
    # statistics; anything else is compared as ns.
    def _bound(self, day: date) -> tuple[str, str]:
        dtype = self.types["ts"]
        start_ns = day_start_ns(day)
        if dtype in INTEGERS:
            return self.column("ts"), str(start_ns // self.unit_ns)
        if dtype in ZONED:
            return self.column("ts"), f"CAST('{day} 00:00:00+05:30' AS {dtype})"
        if dtype in NAIVE:
            return self.column("ts"), f"CAST('{day}' AS {dtype})"
        return self.time_sql(), str(start_ns)


def recognise(
    described: Mapping[str, str], file: str, *, kind: Kind | None, mapping: Mapping[str, str]
) -> Layout:
    """Return the layout of a file with these columns (name: DuckDB type).

    Raises: UsageError for a file that cannot be run, or whose kind or columns cannot be told.
    """
    refuse_other_files(described, file)
    columns = _find_columns(described, file, mapping)
    days_only = "ts" in columns and described[columns["ts"]] == "DATE"
    told = kind or _told_kind(columns, file, described, days_only=days_only)
    ranged = {"open", "high", "low"} <= columns.keys()
    if told == "bar" and ranged and "close" not in columns and "last" in columns:
        columns["close"] = columns["last"]
    _need(columns, told, file, described)
    columns = {
        name: columns[name] for name in ("ts", "instrument", *FIELDS[told]) if name in columns
    }
    types = {name: described[column] for name, column in columns.items()}
    for name in columns:
        _check_type(name, columns[name], types[name], file=file)
    if told != "bar" and types["ts"] == "DATE":
        raise UsageError(
            f"{file}: column {columns['ts']} (ts) holds dates without a time of day; a {told} "
            "needs one: name another with --map ts=COLUMN."
        )
    return Layout(told, columns, types)


def refuse_other_files(described: Mapping[str, str], file: str) -> None:
    """Raise a UsageError for a bhavcopy, an option chain, a ladder: known, and not run."""
    present = {normal(name) for name in described}
    for what, marks in NOT_RUN.items():
        if any(mark <= present for mark in marks):
            todo = "Give trades, quotes or bars instead."
            if what == LIST:
                todo = "Say it as --instruments."
            if what in (BHAVCOPY, CHAIN):
                todo = f"Import it: alphapanda data import {file}"
            raise UsageError(f"{file} is {what}; it cannot be run. {todo}")


def epoch_unit_ns(number: int) -> int:
    """Return the unit of an epoch number, told by its magnitude."""
    return next((unit for below, unit in UNITS if abs(number) < below), 1)


def normal(name: str) -> str:
    """Return a column's name as spellings are compared: <OPEN>, Open and OPEN* are open."""
    return re.sub(r"[\s\-.]+", "_", name.strip().strip("<>*").strip(" .").lower())


def _find_columns(
    described: Mapping[str, str], file: str, mapping: Mapping[str, str]
) -> dict[str, str]:
    by_normal: dict[str, str] = {}
    for name in described:
        by_normal.setdefault(normal(name), name)
    columns = {}
    for canonical, spellings in SPELLINGS.items():
        found = next((by_normal[name] for name in spellings if name in by_normal), None)
        if found is not None:
            columns[canonical] = found
    for canonical, wanted in mapping.items():
        if canonical not in SPELLINGS:
            raise UsageError(
                f"--map {canonical}={wanted}: {canonical} is no canonical column."
                f"{did_you_mean(canonical, SPELLINGS)} Known: {', '.join(SPELLINGS)}."
            )
        if wanted not in described:
            raise UsageError(
                f"--map {canonical}={wanted}: {file} has no column {wanted}."
                f"{did_you_mean(wanted, described)}"
            )
        columns[canonical] = wanted
    return columns


def listed(described: Mapping[str, str], most: int = 8) -> str:
    """Return the names of a file's columns, the rest counted."""
    more = len(described) - most
    return ", ".join(list(described)[:most]) + (f" and {more} more" if more > 0 else "")


# Files of bars have a last price beside open, high and low, or for the close; feeds of ticks have
# the day's open, high and low beside what only they know: the size of the trade, bid and ask.
def _told_kind(
    columns: Mapping[str, str], file: str, described: Mapping[str, str], *, days_only: bool
) -> Kind:
    ranged = {"open", "high", "low"} <= columns.keys() and {"close", "last"} & columns.keys()
    if ranged and (days_only or not {"qty", "bid", "ask"} & columns.keys()):
        return "bar"
    if "last" in columns:
        return "tick"
    if all(name in columns for name in BAR_PRICES):
        return "bar"
    if "bid" in columns or "ask" in columns:
        return "quote"
    if "close" in columns:
        raise UsageError(
            f"{file} has closes alone: a bar needs open, high and low too, as orders fill within "
            "it. Of prices that are known once an interval, make all four the same; or name the "
            "column of trades with --map last=COLUMN."
        )
    raise UsageError(
        f"{file} has neither a last price, nor open, high, low and close, nor a bid or ask, but "
        f"{listed(described)}: say what it is with --kind tick|bar|quote and name its columns "
        "with --map (for instance --map last=COLUMN). A column for each instrument must be rows: "
        "a file or frame for each, or a column symbol."
    )


def _need(columns: Mapping[str, str], kind: Kind, file: str, described: Mapping[str, str]) -> None:
    missing = [name for name in ("ts", *NEEDED[kind]) if name not in columns]
    if kind == "quote" and not {"bid", "ask"} & columns.keys():
        missing.append("bid")
    if missing:
        raise UsageError(
            f"{file} has no column for {', '.join(missing)}, which a {kind} needs: name it with "
            f"--map {missing[0]}=COLUMN. Its columns are {', '.join(described)}."
        )


def _check_type(name: str, column: str, dtype: str, *, file: str) -> None:
    if name == "instrument":
        fits, wanted = dtype == "VARCHAR" or dtype in INTEGERS or dtype.startswith("ENUM"), "text"
    elif name == "ts":
        fits = dtype in ZONED | NAIVE | INTEGERS | {"VARCHAR"}
        wanted = "a timestamp, an epoch number or ISO text"
    else:
        fits = dtype in INTEGERS | {"DOUBLE", "FLOAT"} or dtype.startswith("DECIMAL")
        wanted = "a number"
    if not fits:
        raise UsageError(
            f"{file}: column {column} ({name}) is {dtype}, not {wanted}: "
            f"convert it, or name another with --map {name}=COLUMN."
        )


def _epoch_ns(column: str, dtype: str) -> str:
    if "_NS" in dtype:
        return f"epoch_ns({column})"
    return f"(epoch_us({column}) * 1000)"


def _price_sql(column: str, *, float32: bool, scale: int) -> str:
    rupees = f"{column}::DOUBLE" if scale == 1 else f"({column}::DOUBLE * {scale})"
    exact = f"TRY_CAST(round({rupees} * {SCALE}) AS BIGINT)"
    if not float32 or scale != 1:
        return exact
    # 25974.900390625 is how a float32 holds 25974.90: of the paise that give the same float32,
    # there is one.
    paise = f"round({rupees} * 100)"
    same = f"({paise} / 100)::FLOAT = {column}::FLOAT"
    return f"CASE WHEN {same} THEN TRY_CAST({paise} * {SCALE // 100} AS BIGINT) ELSE {exact} END"


def _quantity_sql(column: str, dtype: str, scale: int) -> str:
    if dtype in INTEGERS:
        return f"TRY_CAST({column}{'' if scale == 1 else f'::HUGEINT * {scale}'} AS BIGINT)"
    number = f"{column}::DOUBLE"
    if scale != 1:
        return f"TRY_CAST(round({number} * {scale}) AS BIGINT)"
    whole = f"TRY_CAST({number} AS BIGINT)"
    return f"CASE WHEN {number} <> trunc({number}) THEN {FRACTION} ELSE {whole} END"
