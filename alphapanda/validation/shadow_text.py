"""CSV files as a strategy under check sees them: as they are, but for what is cut or changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from alphapanda.data.importers.text import separator_of

SAMPLE = 60
SHIFT = 1.07
"""Prices after the cut are shuffled, and multiplied by this."""

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


def without(rows: Records, future: Any) -> str:
    """Return the text of the records that are not of the future."""
    return "".join(raw for (raw, _), gone in zip(rows, future, strict=True) if not gone)


def changed(rows: Records, future: Any, *, separator: str, kept: int, seed: int) -> str:
    """Return the text whose future records bear shuffled and scaled numbers; `kept` is the time."""
    places = np.nonzero(future)[0]
    order = np.random.default_rng(seed).permutation(places)
    width = max((len(cells) for _, cells in rows), default=0)
    numeric = [n for n in range(width) if n != kept and _is_numeric(rows, n)]
    whole = {n for n in numeric if not any("." in _cell(cells, n) for _, cells in rows)}
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


def _is_numeric(rows: Records, column: int) -> bool:
    texts = [_cell(cells, column) for _, cells in rows]
    return any(texts) and all(_is_number(text) for text in texts if text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cell(cells: Sequence[str], column: int) -> str:
    return cells[column].strip() if column < len(cells) else ""


def _scaled(text: str) -> str:
    decimals = len(text.partition(".")[2]) if "e" not in text.lower() else 6
    return f"{float(text) * SHIFT:.{decimals}f}"


def _line(cells: Sequence[str], separator: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="").writerow(cells)
    return out.getvalue()
