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
from pathlib import Path

import numpy as np

from alphapanda.data.instruments import UNDERLYING
from alphapanda.data.replay.parquet import literal
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.columns import Int32

SYMBOL_FOLDER = re.compile(r"(?:symbol|instrument|tradingsymbol|ticker)=(.+)", re.IGNORECASE)
STAMP = re.compile(r"\d[\d\-:T]*|am|pm", re.IGNORECASE)
"""A part of a file's name that says when, not what."""

TAIL = re.compile(r"-(?:\d*(?:minute|min|hour|day)s?|hourly|daily|\d+[mhd])$", re.IGNORECASE)
"""The interval at the end of a file's name: INFY-minute, BAJAJ-AUTO-5m."""

FILLER = re.compile(r"part|data|ticks?|bars?|quotes?|trades?|\d.*", re.IGNORECASE)
NOT_SELECTED = -2
"""Instrument row of a row that the user did not ask for: passed over without a word."""

SHOWN = 10
"""Names listed in a message."""

CONTRACT = re.compile(r"[A-Z0-9&]*[A-Z][A-Z0-9&]*")


@dataclass(frozen=True, slots=True)
class FileSymbols:
    """The rows of one file by symbol; None counts the rows without one."""

    path: str
    rows: Mapping[str | None, int]
    exchange: str | None

    @property
    def unnamed(self) -> bool:
        """Whether no row has a symbol."""
        return not any(symbol is not None for symbol in self.rows)

    @property
    def fallback(self) -> str | None:
        """The full name of the rows without a symbol; None if it can't be told."""
        known = [symbol for symbol in self.rows if symbol is not None]
        if not known:
            return full_name(path_symbol(self.path), self.exchange)
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

    Where the exchange isn't told, symbols of contracts (NIFTY25DECFUT) are NFO's, others NSE's.
    """
    if ":" in symbol:
        return symbol
    return f"{exchange or ('NFO' if UNDERLYING.fullmatch(symbol) else 'NSE')}:{symbol}"


def full_name_sql(symbol: str, exchange: str | None) -> str:
    """Return the SQL that is `full_name` of the symbols that an expression gives."""
    told = literal(exchange) if exchange else (
        f"CASE WHEN regexp_full_match({symbol}, {literal(UNDERLYING.pattern)}) "
        "THEN 'NFO' ELSE 'NSE' END"
    )  # fmt: skip
    return f"CASE WHEN contains({symbol}, ':') THEN {symbol} ELSE {told} || ':' || {symbol} END"


def path_symbol(path: str) -> str:
    """Return the symbol a path names.

    A folder `symbol=INFY` says it. Else the file's name does, without the dates at its end; of
    several words, the only one in capitals (dhan_full_NIFTY25DECFUT_20251229). A name of nothing
    but dates or fillers (INFY/2025-01-01.parquet) leaves it to the folder.
    """
    file = Path(path)
    for part in reversed(file.parts[:-1]):
        if match := SYMBOL_FOLDER.fullmatch(part):
            return match[1]
    for text in (file.stem, *(part for part in reversed(file.absolute().parts[1:-1]))):
        if "=" not in text and (symbol := _symbol_in(text)):
            return symbol
    return file.stem


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


def _symbol_in(text: str) -> str:
    words = [word for word in re.split(r"[_\s]+", TAIL.sub("", text)) if word]
    while words and STAMP.fullmatch(words[-1]):
        words.pop()
    words = [] if all(FILLER.fullmatch(word.split("-")[0]) for word in words) else words
    contracts = [word for word in words if CONTRACT.fullmatch(word)]
    return contracts[0] if len(contracts) == 1 else "_".join(words)


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
