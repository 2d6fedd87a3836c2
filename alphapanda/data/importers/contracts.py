"""Symbols of futures and options as Kite writes them, and instruments files of its form."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from alphapanda.data.importers.source import Contract
from alphapanda.data.instruments import COLUMNS
from alphapanda.model.calendar import Calendar, SessionGroup

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
TICK_SIZE = 0.05
WEEKLY_DAYS = 62
"""Weekly contracts are listed no longer before their expiry."""

WEEKLY = frozenset({
    "NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "SENSEX", "BANKEX", "SENSEX50", "USDINR",
    "GBPINR", "EURINR", "JPYINR",
})  # fmt: skip
"""Underlyings whose options have, or had, weeks; those of shares never had."""

FIRST_WEEKLY = date(2016, 5, 27)
"""NSE's first weekly options, those on BANKNIFTY, began then."""

WEEK, SATURDAY = timedelta(days=7), 6

Key = tuple[str, date, float, str]
"""Underlying, expiry, strike, and CE, PE or FUT."""


def monthly(
    expiry: date, listed: Iterable[date], *, underlying: str = "NIFTY", day: date | None = None
) -> bool:
    """Tell whether an expiry of options is its month's last.

    Only some underlyings have weeks, and none had before 2016. Of those with weeks it is the last
    where no other expiry of the month that is listed comes after it, and none can: a week after
    the weekday that it was to be on, before a holiday moved it, another month has begun. Months
    ahead, weekly contracts are not listed yet. `day` is one on which the contract was listed.
    """
    if underlying.upper() not in WEEKLY or expiry < FIRST_WEEKLY:
        return True
    known = set(listed) | {expiry} | ({day} if day else set())
    if any((e.year, e.month) == (expiry.year, expiry.month) and e > expiry for e in listed):
        return False
    ahead = (expiry - min(known)).days > WEEKLY_DAYS
    return ahead or any((each + WEEK).month != expiry.month for each in _meant(expiry))


# The days on which an expiry may have been meant to be: itself, and the holidays right behind it.
def _meant(expiry: date) -> Iterator[date]:
    yield expiry
    each = expiry + timedelta(days=1)
    while not _trades(each) and each - expiry < WEEK:
        if each.isoweekday() < SATURDAY:
            yield each
        each += timedelta(days=1)


@lru_cache(maxsize=4096)
def _trades(day: date) -> bool:
    return _calendar().session(day, SessionGroup.EQUITY) is not None


@lru_cache(maxsize=1)
def _calendar() -> Calendar:
    return Calendar.nse()


def stem(
    underlying: str, expiry: date, listed: Iterable[date],
    *, future: bool = False, day: date | None = None,
) -> str:  # fmt: skip
    """Return a symbol's start: NIFTY25SEP of futures and a month's last expiry, else NIFTY25902."""
    year = f"{expiry:%y}"
    if future or monthly(expiry, listed, underlying=underlying, day=day):
        return f"{underlying}{year}{MONTHS[expiry.month - 1]}"
    return f"{underlying}{year}{'123456789OND'[expiry.month - 1]}{expiry:%d}"


def symbol_of(
    underlying: str, expiry: date, strike: float, right: str,
    *, listed: Iterable[date], day: date | None = None,
) -> str:  # fmt: skip
    """Return a contract's symbol as Kite writes it; `right` is CE, PE or FUT."""
    if right == "FUT":
        return f"{stem(underlying, expiry, listed, future=True)}FUT"
    return f"{stem(underlying, expiry, listed, day=day)}{strike_text(strike)}{right}"


def strike_text(strike: float) -> str:
    """Return a strike as a symbol has it: 24500, 52.5."""
    return f"{strike:g}" if strike < 1e5 else f"{strike:.2f}".rstrip("0").rstrip(".")


def register_names(
    con: duckdb.DuckDBPyConnection, path: str, contracts: Mapping[Key, Contract]
) -> str:
    """Make contracts a relation (s, e, k, r, contract) and return its name."""
    name = f"contracts_{hashlib.blake2b(path.encode(), digest_size=8).hexdigest()}"
    columns: list[Any] = list(zip(*contracts, strict=True))
    con.register(name, pa.table({
        "s": pa.array(columns[0], pa.string()), "e": pa.array(columns[1], pa.date32()),
        "k": pa.array(map(float, columns[2]), pa.float64()), "r": pa.array(columns[3], pa.string()),
        "contract": pa.array([each.symbol for each in contracts.values()], pa.string()),
    }))  # fmt: skip
    return name


def instruments_csv(contracts: Iterable[Contract], before: Path, exchange: str = "NFO") -> str:
    """Return a Kite-style instruments file; the tokens are made up from the symbols.

    What the file `before` has of other symbols is kept.
    """
    rows = _rows(before)
    for each in contracts:
        kind = "FUT" if each.option_type == "FUT" else "OPT"
        rows[each.symbol] = [
            "", "", each.symbol, each.underlying, "0.0", str(each.expiry), str(each.strike),
            str(TICK_SIZE), str(each.lot_size), each.option_type, f"{exchange}-{kind}", exchange,
        ]  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    taken: set[int] = set()
    for symbol in sorted(rows):
        token = _token(symbol, taken)
        writer.writerow([token, token >> 8, *rows[symbol][2:]])
    return text.getvalue()


def _rows(path: Path) -> dict[str, list[str]]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row[2]: row for row in list(csv.reader(file))[1:]}


def _token(symbol: str, taken: set[int]) -> int:
    token = int.from_bytes(hashlib.blake2b(symbol.encode(), digest_size=4).digest(), "little")
    token = max(1, token & 0x7FFFFFFF)
    while token in taken:
        token += 1
    taken.add(token)
    return token
