"""Which instruments a set of files holds, and what each is called.

A row's instrument is its symbol; where that is null, the one other symbol of its file; where a
file has no symbols at all, the name in its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from alphapanda.errors import UsageError, did_you_mean

SYMBOL_FOLDER = re.compile(r"(?:symbol|instrument|tradingsymbol|ticker)=(.+)", re.IGNORECASE)
STAMP = re.compile(r"\d[\d\-:T]*|am|pm", re.IGNORECASE)
"""A part of a file's name that says when, not what."""

FILLER = re.compile(r"part|data|ticks?|bars?|quotes?|trades?|\d.*", re.IGNORECASE)
CONTRACT = re.compile(r"[A-Z0-9&]*[A-Z][A-Z0-9&]*")


@dataclass(frozen=True, slots=True)
class FileSymbols:
    """The rows of one file by symbol; None counts the rows without one."""

    path: str
    rows: Mapping[str | None, int]

    @property
    def unnamed(self) -> bool:
        """Whether no row has a symbol."""
        return not any(symbol is not None for symbol in self.rows)

    def fallback(self) -> str | None:
        """Return the symbol of the rows without one; None if it can't be told."""
        known = [symbol for symbol in self.rows if symbol is not None]
        if not known:
            return path_symbol(self.path)
        return known[0] if len(known) == 1 else None


def full_name(symbol: str, exchange: str) -> str:
    """Return EXCHANGE:SYMBOL, unless the symbol is one already."""
    return symbol if ":" in symbol else f"{exchange}:{symbol}"


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


def select(
    files: Sequence[FileSymbols], patterns: Sequence[str] | None, exchange: str
) -> frozenset[str]:
    """Return the full names that the patterns (names, symbols or globs) choose; None: all.

    Raises: UsageError for a pattern that chooses nothing.
    """
    names = {
        full_name(symbol, exchange)
        for file in files
        for symbol in (*file.rows, file.fallback())
        if symbol is not None
    }
    if patterns is None:
        return frozenset(names)
    chosen: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if _matches(name, pattern)}
        if not matches:
            raise UsageError(_unknown(pattern, names))
        chosen |= matches
    return frozenset(chosen)


def _symbol_in(text: str) -> str:
    words = [word for word in re.split(r"[_\s]+", text) if word]
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
    wanted = pattern if ":" in pattern else f"{known[0].partition(':')[0]}:{pattern}"
    shown = ", ".join(known[:10]) + (" ..." if len(known) > 10 else "")
    return f"No rows of {pattern} in the data.{did_you_mean(wanted, known)} There are: {shown}"
