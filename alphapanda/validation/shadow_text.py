"""CSV files as a strategy under check sees them: as they are, but for what is cut or changed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphapanda.data.importers.text import separator_of
from alphapanda.data.schema import normal

SAMPLE = 60
SHIFT = 1.07
"""Prices after the cut are shuffled, and multiplied by this."""

DAY_COLUMNS = ("date", "day", "trade_date", "trading_date")
CLOCK_COLUMNS = ("time", "hhmm", "hh_mm", "clock", "time_of_day")
DECIMAL_COMMA = re.compile(r"[+-]?\d+(\.\d{3})*,\d{1,2}")
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{2,3})+(\.\d+)?")
DMY = re.compile(r"(\d{2})[/.-](\d{2})[/.-](\d{4})")

Records = list[tuple[str, list[str]]]
"""Each record as it stands in the file, and its cells."""


def records(text: str) -> tuple[Records, str]:
    """Return the records of a CSV text, head first, and what stands between its cells."""
    lines = list(io.StringIO(text, newline=""))
    separator = separator_of([line.rstrip("\r\n") for line in lines[:SAMPLE]])
    reader = csv.reader(lines, delimiter=separator)
    found: Records = []
    start = 0
    for cells in reader:
        found.append(("".join(lines[start : reader.line_num]), cells))
        start = reader.line_num
    return found, separator


def times_of(rows: Records, column: int, read: Callable[[pa.ChunkedArray], Any]) -> Any:
    """Return what `read` makes of the texts of a column, None where they are no times."""
    texts = [cells[column].strip() if column < len(cells) else "" for _, cells in rows]
    values = pa.chunked_array([pa.array([each or None for each in texts], pa.string())])
    if all(each.isdigit() and len(each) > len("20250701") for each in texts if each):
        values = values.cast(pa.int64())
    elif all(each.isdigit() for each in texts if each):  # 20250701
        days = [f"{each[:4]}-{each[4:6]}-{each[6:]}" if each else None for each in texts]
        values = pa.chunked_array([pa.array(days, pa.string())])
    try:
        return read(values)
    except pa.ArrowInvalid:
        return None


def stamps_of(
    names: list[str], rows: Records, named: str | None, read: Callable[[pa.ChunkedArray], Any]
) -> tuple[Any, set[int]] | None:  # fmt: skip
    """Return the times of records and the columns that tell them, None if none does.

    A day and a time of day in two columns are one time; days may come day, month, year.
    """
    known = {normal(name): n for n, name in reversed([*enumerate(names)])}
    day = next((known[one] for one in DAY_COLUMNS if one in known), None)
    clock = next((known[one] for one in CLOCK_COLUMNS if one in known), None)
    if day is not None and clock is not None and all(":" in _cell(c, clock) for _, c in rows[:9]):
        texts = [f"{iso_day(_cell(cells, day))} {_cell(cells, clock)}" for _, cells in rows]
        return _read(texts, read, {day, clock})
    column = names.index(named) if named is not None else day
    if column is None:
        return None
    stamps = times_of(rows, column, read)
    if stamps is None:
        return _read([iso_day(_cell(cells, column)) for _, cells in rows], read, {column})
    return stamps, {column}


def _read(
    texts: list[str], read: Callable[[pa.ChunkedArray], Any], kept: set[int]
) -> tuple[Any, set[int]] | None:  # fmt: skip
    try:
        stamps = read(pa.chunked_array([pa.array(texts, pa.string())]))
    except pa.ArrowInvalid:
        return None
    return None if stamps is None else (stamps, kept)


def iso_day(text: str) -> str:
    """Return `31/01/2025 ...` as `2025-01-31 ...`; other texts as they are."""
    found = DMY.match(text)
    return text if found is None else f"{found[3]}-{found[2]}-{found[1]}{text[found.end() :]}"


def numbers(rows: Records, column: int) -> NDArray[np.float64]:
    """Return the numbers of a column, NaN where it is empty."""
    texts = [_cell(cells, column) for _, cells in rows]
    return np.array([value_of(text) if text else np.nan for text in texts])


def without(rows: Records, future: Any) -> str:
    """Return the text of the records that are not of the future."""
    return "".join(raw for (raw, _), gone in zip(rows, future, strict=True) if not gone)


def changed(rows: Records, future: Any, *, separator: str, kept: set[int], seed: int) -> str:
    """Return the text whose future records bear other numbers; `kept` columns are the time."""
    places = np.nonzero(future)[0]
    order = np.random.default_rng(seed).permutation(places)
    width = max((len(cells) for _, cells in rows), default=0)
    numeric = [n for n in range(width) if n not in kept and is_numeric(rows, n)]
    whole = {n for n in numeric if not any(is_fraction(_cell(cells, n)) for _, cells in rows)}
    texts = [raw for raw, _ in rows]
    for place, other in zip(places, order, strict=True):
        cells = list(rows[place][1])
        for n in numeric:
            if n < len(cells) and _cell(rows[other][1], n):
                text = _cell(rows[other][1], n)
                cells[n] = text if n in whole else _scaled(text)
        raw = rows[place][0]
        end = raw[len(raw.rstrip("\r\n")) :]
        texts[place] = _line(cells, separator) + end
    return "".join(texts)


def is_fraction(text: str) -> bool:
    """Say if a number is written with decimals."""
    return "." in text or DECIMAL_COMMA.fullmatch(text) is not None


def is_numeric(rows: Records, column: int) -> bool:
    """Say if all cells of a column that are not empty are numbers."""
    texts = [_cell(cells, column) for _, cells in rows]
    return any(texts) and all(_is_number(text) for text in texts if text)


def _is_number(text: str) -> bool:
    try:
        value_of(text)
    except ValueError:
        return False
    return True


def value_of(text: str) -> float:
    """Return a number, also one with a decimal comma (1,5) or with commas in it (1,23,456.5)."""
    if "," not in text:
        return float(text)
    if DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    if GROUPED.fullmatch(text):
        return float(text.replace(",", ""))
    raise ValueError(text)


def _cell(cells: Sequence[str], column: int) -> str:
    return cells[column].strip() if column < len(cells) else ""


def _scaled(text: str) -> str:
    point = "," if DECIMAL_COMMA.fullmatch(text) else "."
    decimals = len(text.rpartition(point)[2]) if "e" not in text.lower() else 6
    return f"{value_of(text) * SHIFT:.{decimals}f}".replace(".", point)


def _line(cells: Sequence[str], separator: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="").writerow(cells)
    return out.getvalue()
