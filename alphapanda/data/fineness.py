"""Prices finer than Rs 0.0001, which rounding would change: refused where it matters, else told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb

from alphapanda.data.schema import INTEGERS, PRICES, Layout
from alphapanda.errors import UsageError
from alphapanda.model.money import SCALE

MATTERS = 1e-4
"""A change by rounding, as a share of the price, that no figure should hide."""

DECIMALS = 4
"""Of a rupee, that are kept."""


def too_fine(
    con: duckdb.DuckDBPyConnection, rows: str, layout: Layout, *, path: str, scale: int
) -> str | None:
    """Return a note on prices that are rounded, None where all are exact.

    Raises: UsageError where rounding would change a price by over 0.01 %.
    """
    names = [
        name for name in layout.fields
        if name in PRICES and layout.types[name] not in INTEGERS and name not in layout.float32
    ]  # fmt: skip
    if not names:
        return None
    values = {name: f"({layout.column(name)}::DOUBLE * {scale} * {SCALE})" for name in names}
    off = {name: f"abs({value} - round({value}))" for name, value in values.items()}
    # A double is not exact either: what its last bits say is no price.
    is_off = {
        name: f"FILTER (isfinite({value}) AND {off[name]} > 0.001 + abs({value}) * 4e-16)"
        for name, value in values.items()
    }
    counts = _only(con, [f"count(*) {is_off[name]}" for name in names], rows)
    counted = {name: count for name, count in zip(names, counts, strict=True) if count}
    if not counted:
        return None
    selects = []
    for name in counted:
        share = f"{off[name]} / abs({values[name]})"
        selects += [f"max({share}) {is_off[name]}",
                    f"arg_max({layout.column(name)}::VARCHAR, {share}) {is_off[name]}",
                    f"arg_max(file_row_number, {share}) {is_off[name]}"]  # fmt: skip
    found = _only(con, selects, rows)
    of_name = [(name, *found[3 * at : 3 * at + 3]) for at, name in enumerate(counted)]
    name, worst, value, pos = max(of_name, key=lambda each: each[1])
    where = f"{path}, row {pos + 1}: {layout.columns[name]} is {value}"
    fitting = _fitting_scale(str(value))
    if worst > MATTERS:
        raise UsageError(
            f"{where}: finer than 0.0001, and rounding would change it by {worst:.2%}. Say with "
            f"--price-scale {fitting} that prices are taken {fitting} times (and P&L with them)."
        )
    total = sum(counted.values())
    return (
        f"{total:,} prices are finer than 0.0001 and are rounded to it ({where}); --price-scale "
        "keeps more"
    )


# Most files are exact: to count alone is a seventh of the work.
def _only(con: duckdb.DuckDBPyConnection, selects: list[str], rows: str) -> tuple[Any, ...]:
    (found,) = con.sql(f"SELECT {', '.join(selects)} FROM {rows}").fetchall()
    return tuple(found)


def _fitting_scale(text: str) -> int:
    exponent = Decimal(text).normalize().as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else DECIMALS
    return int(10 ** min(max(1, digits - DECIMALS), 9))
