"""Kite's instruments files (CSV, plain or gzipped) as instrument masters."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.instruments import (
    Exchange,
    Freezes,
    Instrument,
    Master,
    Masters,
    OptionType,
    Segment,
)
from alphapanda.model.money import BOUND, to_rupees, to_scaled

COLUMNS = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry",
    "strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange",
)  # fmt: skip
"""The header of Kite's file, in order."""

LEFT_OUT = frozenset({"NSEIX", "GLOBAL"})
"""Index values of exchanges abroad in Kite's full file; nothing of theirs can be traded."""

TYPES = {
    "EQ": (Segment.EQUITY, OptionType.NONE),
    "FUT": (Segment.FUTURES, OptionType.NONE),
    "CE": (Segment.OPTIONS, OptionType.CALL),
    "PE": (Segment.OPTIONS, OptionType.PUT),
}

UNDERLYING = re.compile(r"(.+?)\d{2}(?:[A-Z]{3}|[1-9OND]\d{2})(?:FUT|[\d.]+[CP]E)")
"""A derivative's symbol, monthly (25SEP) or weekly (25916): older files leave `name` empty."""

BAD_VALUE = (ValueError, ArithmeticError, KeyError)
"""What the parsers of single fields raise."""


def read_master(path: Path, as_of: date | None = None) -> Master:
    """Return the master in a Kite instruments file.

    Its day is `as_of`, or else told by the file's name (instruments_20250924.csv.gz); without
    either the master is undated.

    A row that does not fit is left out, and told in the master's notes.

    Raises: UsageError with file, line and column for a file that is none, or of which no row fits.
    """
    day = as_of if as_of is not None else day_of(path)
    instruments, odd = _instruments(path, _text(path))
    master = Master(instruments, day, str(path))
    if odd:
        master.notes = (
            f"{len(odd)} rows of the instruments file do not fit and are left out: {odd[0]}",
        )
    return master


def read_masters(paths: Iterable[Path], *, freezes: Freezes | None = None) -> Masters:
    """Return the masters in files and folders; of a folder every .csv and .csv.gz.

    Raises: UsageError for a file that does not fit, or when there is none.
    """
    return Masters((read_master(path) for path in _files(paths)), freezes=freezes)


def day_of(path: Path) -> date | None:
    """Return the day in a file name that ends in _YYYYMMDD, None without one.

    Raises: UsageError when the digits are no day.
    """
    found = re.search(r"_(\d{8})(?=\.|$)", path.name)
    if found is None:
        return None
    try:
        return date.fromisoformat(found[1])
    except ValueError as error:
        raise UsageError(f"{path}: {found[1]} in the file name is no day (YYYYMMDD).") from error


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")])
        else:
            yield path


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if path.suffix == ".gz" or data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(f"{path}: {error.strerror}.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: not a whole gzip file ({error}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not text in UTF-8 ({error}).") from error
    except OSError as error:
        raise OutsideError(f"{path}: cannot be read ({error}); check the disk.") from error


def _instruments(path: Path, text: str) -> tuple[list[Instrument], list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    instruments: list[Instrument] = []
    lines: dict[str, int] = {}
    odd: list[str] = []
    try:
        _check_header(path, next(reader, []))
        for row in reader:
            if not row or row[-1] in LEFT_OUT:
                continue
            instrument = _checked(path, reader.line_num, row)
            if isinstance(instrument, str):
                odd.append(instrument)
                continue
            first = lines.setdefault(instrument.name, reader.line_num)
            if first != reader.line_num:
                where = f"{path}, line {reader.line_num}, column tradingsymbol"
                raise UsageError(f"{where}: {instrument.name} was on line {first} already.")
            instruments.append(instrument)
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: not valid CSV ({error}).") from error
    if not instruments:
        raise UsageError(odd[0] if odd else f"{path}: no instrument in it.")
    return instruments, odd


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise UsageError(f"{path}: the file is empty.")
    if len(header) != len(COLUMNS):
        raise UsageError(
            f"{path}, line 1: {len(header)} columns instead of Kite's {len(COLUMNS)}: "
            + ",".join(COLUMNS)
        )
    for number, (found, wanted) in enumerate(zip(header, COLUMNS, strict=True), 1):
        if found != wanted:
            raise UsageError(f"{path}, line 1: column {number} is {found!r}, not {wanted!r}.")


# The instrument of a row, or what does not fit in it.
def _checked(path: Path, line: int, row: list[str]) -> Instrument | str:
    if len(row) != len(COLUMNS):
        raise UsageError(f"{path}, line {line}: {len(row)} columns instead of {len(COLUMNS)}.")
    try:
        return _instrument(row)
    except BAD_VALUE:
        return f"{path}, line {line}, {_blame(row)}."


def _instrument(row: list[str]) -> Instrument:
    token, _, symbol, underlying, _, expiry, strike, tick, lot, kind, segment, exchange = row
    of, option_type = TYPES[kind]
    if segment == "INDICES":
        of = Segment.INDEX
    if of in (Segment.EQUITY, Segment.INDEX):
        underlying = ""
    elif not underlying:
        underlying = _underlying(symbol)
    return Instrument(
        _name(symbol, exchange), Exchange[exchange], of,
        _scaled(tick), _lot(lot, of), _token(token),
        expiry=_expiry(expiry), strike=_scaled(strike), option_type=option_type,
        underlying=underlying,
    )  # fmt: skip


def _blame(row: list[str]) -> str:
    fields = dict(zip(COLUMNS, row, strict=True))
    of = Segment.INDEX if fields["segment"] == "INDICES" else Segment.EQUITY
    parsers: dict[str, Callable[[str], object]] = {
        "instrument_token": _token,
        "tradingsymbol": lambda text: _name(text, ""),
        "expiry": _expiry,
        "strike": _scaled,
        "tick_size": _scaled,
        "lot_size": lambda text: _lot(text, of),
        "instrument_type": lambda text: TYPES[text],
        "exchange": lambda text: Exchange[text],
    }
    for column, parser in parsers.items():
        try:
            parser(fields[column])
        except BAD_VALUE as error:
            wanted = f" ({error})" if type(error) is ValueError else ""
            return f"column {column}: {fields[column]!r} does not fit{wanted}"
    raise AssertionError(row)


def _name(symbol: str, exchange: str) -> str:
    if not symbol.strip():
        raise ValueError("empty")
    return f"{exchange}:{symbol}"


def _token(text: str) -> int:
    token = int(text)
    if not 0 < token < 1 << 32:
        raise ValueError("not from 1 to 2^32 - 1")
    return token


@lru_cache(maxsize=1024)
def _expiry(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


@lru_cache(maxsize=8192)
def _scaled(text: str) -> int:
    if not text:
        return 0
    exact = Decimal(text)
    if not 0 <= exact * 10_000 < BOUND:
        raise ValueError("out of bounds")
    scaled = to_scaled(exact)
    if to_rupees(scaled) != exact:
        raise ValueError("finer than 0.0001")
    return scaled


def _lot(text: str, of: Segment) -> int:
    lot = int(text)
    if of == Segment.INDEX:
        return max(lot, 1)
    if not 0 < lot < BOUND:
        raise ValueError("out of bounds")
    return lot


def _underlying(symbol: str) -> str:
    found = UNDERLYING.fullmatch(symbol)
    return found[1] if found is not None else ""
