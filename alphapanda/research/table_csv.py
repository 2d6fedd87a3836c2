"""A table of a run as CSV, for a spreadsheet or a tax return: exact decimals, times in India."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pyarrow as pa

from alphapanda.model.calendar import INDIA


def table_csv(result: Any, name: str) -> str:
    """Return `result.table(name)` as CSV, a line a row, a header first.

    Prices and money are decimals in rupees, times ISO with India's offset, to the nanosecond.
    """
    table = result.table(name)
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(table.column_names)
    lines.writerows(zip(*map(cells, table.columns), strict=True))
    return out.getvalue()


def cells(column: Any) -> list[Any]:
    """Return a column as CSV holds it; what is unknown is empty."""
    if pa.types.is_timestamp(column.type):
        return [time_text(ns) for ns in column.cast("int64").to_pylist()]
    return ["" if value is None else value for value in column.to_pylist()]


def time_text(ns: int) -> str:
    """Return a time in India."""
    second = datetime.fromtimestamp(ns // 1_000_000_000, INDIA)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{ns % 1_000_000_000:09d}+05:30"
