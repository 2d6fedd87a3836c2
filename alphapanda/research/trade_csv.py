"""The round trips of a run as CSV, for a spreadsheet: exact decimals, times in India."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from alphapanda.model.calendar import INDIA


def trades_csv(result: Any) -> str:
    """Return `result.table("trades")` as CSV, a line a trip, a header first.

    Prices and money are decimals in rupees, times ISO with India's offset, to the nanosecond.
    """
    table = result.table("trades")
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(table.column_names)
    columns = [cells(name, table[name]) for name in table.column_names]
    lines.writerows(zip(*columns, strict=True))
    return out.getvalue()


def cells(name: str, column: Any) -> list[Any]:
    """Return a column as CSV holds it; what is unknown is empty."""
    if name in ("entry", "exit"):
        return [time_text(ns) for ns in column.cast("int64").to_pylist()]
    return ["" if value is None else value for value in column.to_pylist()]


def time_text(ns: int) -> str:
    """Return a time in India."""
    second = datetime.fromtimestamp(ns // 1_000_000_000, INDIA)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{ns % 1_000_000_000:09d}+05:30"
