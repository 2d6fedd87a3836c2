"""Prices finer than Rs 0.0001, which rounding would change: refused where it matters, else told."""

from __future__ import annotations

from decimal import Decimal

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
    selects = []
    for name in names:
        value = f"({layout.column(name)}::DOUBLE * {scale} * {SCALE})"
        off = f"abs({value} - round({value}))"
        # A double is not exact either: what its last bits say is no price.
        is_off = f"isfinite({value}) AND {off} > 0.001 + abs({value}) * 4e-16"
        share = f"{off} / abs({value})"
        selects += [f"count(*) FILTER ({is_off})", f"max({share}) FILTER ({is_off})",
                    f"arg_max({layout.column(name)}::VARCHAR, {share}) FILTER ({is_off})",
                    f"arg_max(file_row_number, {share}) FILTER ({is_off})"]  # fmt: skip
    (found,) = con.sql(f"SELECT {', '.join(selects)} FROM {rows}").fetchall()
    of_name = [(name, *found[4 * at : 4 * at + 4]) for at, name in enumerate(names)]
    counted = [each for each in of_name if each[1]]
    if not counted:
        return None
    name, _, worst, value, pos = max(counted, key=lambda each: each[2])
    where = f"{path}, row {pos + 1}: {layout.columns[name]} is {value}"
    fitting = _fitting_scale(str(value))
    if worst > MATTERS:
        raise UsageError(
            f"{where}: finer than 0.0001, and rounding would change it by {worst:.2%}. Say with "
            f"--price-scale {fitting} that prices are taken {fitting} times (and P&L with them)."
        )
    total = sum(count for _, count, *_ in counted)
    return (
        f"{total:,} prices are finer than 0.0001 and are rounded to it ({where}); --price-scale "
        "keeps more"
    )


def _fitting_scale(text: str) -> int:
    exponent = Decimal(text).normalize().as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else DECIMALS
    return int(10 ** min(max(1, digits - DECIMALS), 9))
