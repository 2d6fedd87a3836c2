"""Which instruments a set of files holds, and what each is called.

A row's instrument is its symbol; where that is null, the one other symbol of its file; where a
file has no symbols at all, the name in its path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

import numpy as np

from alphapanda.data.filenames import path_symbol
from alphapanda.data.instruments import UNDERLYING
from alphapanda.data.replay.parquet import literal
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.columns import Int32
from alphapanda.model.instruments import ALSO_SHARES, CONTINUOUS, ROOTS, Exchange

NOT_SELECTED = -2
"""Instrument row of a row that the user did not ask for: passed over without a word."""

SHOWN = 10
"""Names listed in a message."""

YAHOO = {".NS": "NSE", ".BO": "BSE"}
"""How Yahoo ends the symbols of exchanges."""

BSE_CODE = re.compile(r"[5-9]\d{5}")
"""A scrip code of BSE: NSE's symbols are no numbers."""


@dataclass(frozen=True, slots=True)
class FileSymbols:
    """The rows of one file by symbol; None counts the rows without one."""

    path: str
    rows: Mapping[str | None, int]
    exchange: str | None
    symbol: str = ""
    """What the path says of rows without a symbol."""

    @property
    def unnamed(self) -> bool:
        """Whether no row has a symbol."""
        return not any(symbol is not None for symbol in self.rows)

    @property
    def fallback(self) -> str | None:
        """The full name of the rows without a symbol; None if it can't be told."""
        known = [symbol for symbol in self.rows if symbol is not None]
        if not known:
            return full_name(self.symbol or path_symbol(self.path), self.exchange)
        return full_name(known[0], self.exchange) if len(known) == 1 else None

    def names(self) -> Counter[str | None]:
        """Return the number of rows by full name; None counts those whose name can't be told."""
        counts = Counter[str | None]()
        for symbol, count in self.rows.items():
            counts[self.fallback if symbol is None else full_name(symbol, self.exchange)] += count
        return counts


@dataclass(frozen=True, slots=True)
class Instruments:
    """The instruments of a run, and how a row's symbol, or the want of one, leads to them."""

    names: tuple[str, ...]
    files: tuple[str, ...]
    """The files with rows of these instruments."""
    symbols: tuple[str, ...]
    """All symbols of these files; a symbol's place here is its code."""
    rows: Int32
    """The instrument row of each symbol, or NOT_SELECTED."""
    fallback: Int32
    """The instrument row of each file's rows without a symbol: -1 can't be told."""
    pruned: bool
    """Whether the user chose among the instruments."""
    keep_unnamed: bool
    """Whether rows without a symbol may be among those chosen."""

    def chosen_symbols(self) -> list[str]:
        """Return the symbols of the instruments in `names`."""
        return [symbol for symbol, row in zip(self.symbols, self.rows, strict=True) if row >= 0]


def full_name(symbol: str, exchange: str | None) -> str:
    """Return EXCHANGE:SYMBOL, unless the symbol is one already.

    Where the exchange isn't told, contracts (NIFTY25DECFUT, NIFTY-I) are NFO's, or where their
    underlying is listed (MCX for CRUDEOIL), codes of six digits BSE's, Yahoo's INFY.NS and INFY.BO
    the exchange's that they name, others NSE's.
    """
    if ":" in symbol:
        return symbol
    if symbol[-3:] in YAHOO:
        return f"{YAHOO[symbol[-3:]]}:{symbol[:-3]}"
    if exchange:
        return f"{exchange}:{symbol}"
    if BSE_CODE.fullmatch(symbol):
        return f"BSE:{symbol}"
    for other, pattern in elsewhere().items():
        if re.fullmatch(pattern, symbol):
            return f"{other}:{symbol}"
    contract = UNDERLYING.fullmatch(symbol) or CONTINUOUS.fullmatch(symbol)
    return f"{'NFO' if contract else 'NSE'}:{symbol}"


def full_name_sql(symbol: str, exchange: str | None) -> str:
    """Return the SQL that is `full_name` of the symbols that an expression gives."""
    cases = " ".join(
        f"WHEN regexp_full_match({symbol}, {literal(pattern)}) THEN {literal(other)}"
        for other, pattern in (
            ("BSE", BSE_CODE.pattern), *elsewhere().items(), ("NFO", UNDERLYING.pattern),
            ("NFO", CONTINUOUS.pattern),
        )
    )  # fmt: skip
    told = literal(exchange) if exchange else f"CASE {cases} ELSE 'NSE' END"
    yahoo = " ".join(
        f"WHEN ends_with({symbol}, {literal(ending)}) THEN {literal(f'{of}:')} || "
        f"left({symbol}, -{len(ending)})"
        for ending, of in YAHOO.items()
    )
    return (
        f"CASE WHEN contains({symbol}, ':') THEN {symbol} {yahoo} "
        f"ELSE {told} || ':' || {symbol} END"
    )


@cache
def elsewhere() -> dict[str, str]:
    """Return the patterns of contracts that are not NFO's, by exchange."""
    rest = UNDERLYING.pattern.removeprefix("(.+?)")
    series = CONTINUOUS.pattern.removeprefix("(.+?)")
    found = {}
    for exchange, roots in ROOTS.items():
        found[exchange.name] = f"(?:{any_of(roots)})(?:{rest}|{series})"
        if exchange != Exchange.BFO:
            found[exchange.name] += f"|(?:{any_of(roots - ALSO_SHARES)})"
    return found


def any_of(names: Iterable[str]) -> str:
    """Return the pattern of any of some names."""
    return "|".join(sorted(map(re.escape, names)))


def choose(files: Sequence[FileSymbols], patterns: Sequence[str] | None) -> Instruments:
    """Return the instruments that the patterns (names, symbols or globs) choose; None: all.

    Raises: UsageError for a pattern that chooses nothing.
    """
    counts = [file.names() for file in files]
    names = {name for count in counts for name in count if name is not None and count[name]}
    if patterns is not None:
        names = _chosen(names, patterns)
    kept: set[str | None] = {*names, None} if patterns is None else {*names}
    used = [
        file
        for file, count in zip(files, counts, strict=True)
        if any(count[name] for name in kept & count.keys())
    ]
    ordered = sorted(names)
    row: dict[str | None, int] = {name: at for at, name in enumerate(ordered)}
    symbols = sorted({symbol for file in used for symbol in file.rows if symbol is not None})
    exchange = files[0].exchange
    rows = [row.get(full_name(symbol, exchange), NOT_SELECTED) for symbol in symbols]
    fallback = [
        -1 if file.fallback is None else row.get(file.fallback, NOT_SELECTED) for file in used
    ]
    return Instruments(
        names=tuple(ordered),
        files=tuple(file.path for file in used),
        symbols=tuple(symbols),
        rows=np.array(rows, dtype=np.int32),
        fallback=np.array(fallback, dtype=np.int32),
        pruned=patterns is not None,
        keep_unnamed=any(None in file.rows and file.fallback in row for file in used),
    )


def chosen(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a full name is one of these names, symbols or globs."""
    return any(_matches(name, pattern) for pattern in patterns)


def _chosen(names: Iterable[str], patterns: Sequence[str]) -> set[str]:
    chosen: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if _matches(name, pattern)}
        if not matches:
            raise UsageError(_unknown(pattern, names))
        chosen |= matches
    return chosen


def _matches(name: str, pattern: str) -> bool:
    symbol = name.partition(":")[2]
    return pattern in (name, symbol) or fnmatchcase(name, pattern) or fnmatchcase(symbol, pattern)


def _unknown(pattern: str, names: Iterable[str]) -> str:
    known = sorted(names)
    if not known:
        return f"No rows of {pattern} in the data: its rows have no symbol."
    wanted = pattern if ":" in pattern else f"{known[0].partition(':')[0]}:{pattern}"
    shown = ", ".join(known[:SHOWN]) + (" ..." if len(known) > SHOWN else "")
    return f"No rows of {pattern} in the data.{did_you_mean(wanted, known)} There are: {shown}"
