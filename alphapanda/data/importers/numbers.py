"""Numbers as text: where a comma parts thousands, where it is the decimal point, and 1.2M."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from alphapanda.data.replay.parquet import identifier, literal
from alphapanda.errors import UsageError

POINT = r"[+-]?₹?\s*(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3})(?:\.\d*)?"
"""Thousands parted by commas: 1,234 or 12,34,567.50."""

COMMA = r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+"
"""A decimal comma: 12,5 or 1.234,50."""

DOTTED = r"[+-]?\d{1,3}(?:\.\d{3})+"
PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
BLANK = r"(?i)-+|nan|na|n/a|null|none|nil|\*+"
"""Words for no value."""

UNITS = {"k": 10**3, "m": 10**6, "b": 10**9, "l": 10**5, "lakh": 10**5, "lac": 10**5,
         "cr": 10**7, "crore": 10**7, "mn": 10**6, "bn": 10**9}  # fmt: skip
SHORT = r"(?i)([+-]?[\d,]*\.?\d+)\s*(k|mn|m|bn|b|lakh|lac|l|crore|cr)s?"


def blank_sql(text: str) -> str:
    """Return the SQL that tells a word for no value."""
    return f"regexp_full_match({text}, {literal(BLANK)})"


def number_sql(text: str, *, comma: bool = False) -> str:
    """Return a text as a number, null where it is none."""
    plain = (
        f"TRY_CAST(CASE WHEN regexp_full_match({text}, {literal(PLAIN)}) THEN {text} END AS DOUBLE)"
    )
    if comma:
        moved = f"replace(replace({text}, '.', ''), ',', '.')"
        other = f"regexp_full_match({text}, {literal(f'{COMMA}|{DOTTED}')})"
        return f"coalesce(CASE WHEN {other} THEN TRY_CAST({moved} AS DOUBLE) END, {plain})"
    bare = f"regexp_replace({text}, '[,₹\\s]', '', 'g')"
    grouped = f"regexp_full_match({text}, {literal(POINT)})"
    return f"coalesce({plain}, CASE WHEN {grouped} THEN TRY_CAST({bare} AS DOUBLE) END)"


def quantity_sql(text: str, *, comma: bool = False) -> str:
    """Return a quantity as a number: also 1.2M, 11.00K, 2.5Cr."""
    number = f"regexp_extract({text}, {literal(SHORT)}, 1)"
    unit = f"lower(regexp_extract({text}, {literal(SHORT)}, 2))"
    times = " ".join(f"WHEN '{name}' THEN {n}" for name, n in UNITS.items())
    short = f"round({number_sql(number, comma=comma)} * CASE {unit} {times} END)"
    matches = f"regexp_full_match({text}, {literal(SHORT)})"
    return f"coalesce({number_sql(text, comma=comma)}, CASE WHEN {matches} THEN {short} END)"


def is_short_sql(text: str) -> str:
    """Return the SQL that tells a quantity that was rounded: 1.2M."""
    return f"regexp_full_match({text}, {literal(SHORT)})"


def decimal_comma(
    con: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[str], *, path: str
) -> bool:
    """Tell whether the numbers of these columns have a decimal comma, by the whole file.

    Raises: UsageError where some rows have the comma and others the point.
    """
    if not columns:
        return False
    comma, point = [], []
    for text in map(identifier, columns):
        has_point = f"regexp_full_match({text}, {literal(POINT)})"
        only_comma = f"regexp_full_match({text}, {literal(COMMA)}) AND NOT {has_point}"
        comma.append(f"min(CASE WHEN {only_comma} THEN file_row_number END)")
        only_point = f"{has_point} AND {text} LIKE '%.%'"
        fraction = f"regexp_full_match({text}, '[+-]?\\d*\\.(?:\\d{{1,2}}|\\d{{4,}})')"
        point.append(f"min(CASE WHEN {only_point} OR {fraction} THEN file_row_number END)")
    has_comma = " OR ".join(f"contains({text}, ',')" for text in map(identifier, columns))
    if not con.sql(f"SELECT 1 FROM {rows} WHERE {has_comma} LIMIT 1").fetchall():
        return False
    (found,) = con.sql(f"SELECT {', '.join(comma + point)} FROM {rows}").fetchall()
    commas = [row for row in found[: len(comma)] if row is not None]
    points = [row for row in found[len(comma) :] if row is not None]
    if commas and points:
        raise UsageError(
            f"{path}: row {min(commas) + 1} has a decimal comma, row {min(points) + 1} a decimal "
            "point: write them one way."
        )
    return bool(commas)
