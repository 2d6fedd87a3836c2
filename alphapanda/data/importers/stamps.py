"""Times as text: what a column of them looks like, in one order of day and month for a whole file.

ISO comes year, month, day; names of months settle themselves. Of 07/01/2025 the rows must tell,
or the user: days and months that fit both ways are not guessed where the step of days does not
tell; with - or . between them India's order (day first) is taken, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from alphapanda.data.importers.orders import WORDS, Order
from alphapanda.data.replay.parquet import identifier, literal
from alphapanda.errors import UsageError

END = r"(?:[T ,]|$)"
SHAPES = {
    "iso": rf"^\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}{END}",
    "numbers": rf"^\d{{1,2}}[-/. ]\d{{1,2}}[-/. ](?:\d{{4}}|\d{{2}}){END}",
    "named": r"^(?:[A-Za-z]{3,9},? +)?\d{1,2}[-/ ]?[A-Za-z]{3,9}\.?[-/ ,]*(?:\d{4}|\d{2})"
    r"(?:[T ,:]|$)",
    "month first": rf"^(?:[A-Za-z]{{3,9}},? +)?[A-Za-z]{{3,9}}\.? +\d{{1,2}},? +\d{{4}}{END}",
    "stamp": r"^(?:19|20)\d{10}(?:\d\d)?$",
    "eight": rf"^\d{{8}}{END}",
    "epoch": r"^\d{9,19}(?:\.\d+)?$",
}
"""Ways to write a date, by what they look like; the first that fits counts."""

CLOCK_SHAPE = r"\d:\d\d|^\d{8}[T ]+\d{3,6}$|^(?:19|20)\d{10}(?:\d\d)?$|^\d{9,19}(?:\.\d+)?$"
TIME_SHAPE = "|".join(f"(?:{shape})" for shape in SHAPES.values())
"""What looks like a time."""

ZONE = r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)(?: *\(.*\))?$"
NUMBERS = r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})"
CLOSE_DAYS, FAR_DAYS = 5, 27
"""Days of one reading lie next to each other, of the other a month apart."""

TWELVE, THIRTY_ONE = 12, 31
SHORT_YEAR = 2
UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))


@dataclass(frozen=True, slots=True)
class Stamps:
    """How the times of one column are read."""

    shapes: tuple[str, ...]
    order: Order | None
    zone: str
    """In words."""
    days_only: bool
    notes: tuple[str, ...] = ()

    def ns(self, text: str) -> str:
        """Return the SQL of ns UTC; null where a text is none of these times."""
        cases = " ".join(
            f"WHEN regexp_matches({text}, {literal(SHAPES[shape])}) "
            f"THEN {_ns(shape, text, self.order)}"
            for shape in self.shapes
        )
        if self.shapes == ("iso",):
            return _ns("iso", text, None)
        return f"CASE {cases} END" if cases else "NULL::BIGINT"


def read_stamps(
    con: duckdb.DuckDBPyConnection, rows: str, column: str, *, path: str, dates: Order | None
) -> Stamps:
    """Return how the times of a column of text are read.

    Raises: UsageError where day and month can't be told apart, or --dates does not fit.
    """
    text = identifier(column)
    tests = " ".join(
        f"WHEN regexp_matches({text}, {literal(shape)}) THEN '{name}'"
        for name, shape in SHAPES.items()
    )
    counted = con.sql(
        f"SELECT CASE {tests} END AS shape, count(*), "
        f"count(*) FILTER (regexp_matches({text}, {literal(CLOCK_SHAPE)})), "
        f"count(*) FILTER (regexp_matches({text}, {literal(ZONE)}) "
        f"AND regexp_matches({text}, ':\\d\\d')) "
        f"FROM {rows} WHERE {text} IS NOT NULL GROUP BY 1"
    ).fetchall()
    found = {shape: (count, clocks, zoned) for shape, count, clocks, zoned in counted if shape}
    shapes = tuple(name for name in SHAPES if name in found)
    order: Order | None = None
    notes: tuple[str, ...] = ()
    if "numbers" in found:
        order, notes = _order(con, rows, column, path=path, dates=dates)
    total = sum(count for count, *_ in found.values())
    clocks = sum(count for _, count, _ in found.values())
    zoned = sum(count for *_, count in found.values()) + found.get("epoch", (0, 0, 0))[0]
    zone = "IST" if not zoned else "as written" if zoned == total else "IST where none is written"
    return Stamps(shapes, order, zone, not clocks, notes)


def _order(
    con: duckdb.DuckDBPyConnection, rows: str, column: str, *, path: str, dates: Order | None
) -> tuple[Order, tuple[str, ...]]:
    text = identifier(column)
    parts = f"regexp_extract({text}, {literal(NUMBERS)}, ['a', 'b', 'c'])"
    ((one, two, three, short, slash, example),) = con.sql(
        "SELECT max(p.a::INT), max(p.b::INT), max(p.c::INT), max((length(p.c) = 2)::INT), "
        f"max((t LIKE '%/%')::INT), any_value(t) FROM (SELECT {text} AS t, {parts} AS p "
        f"FROM {rows} WHERE regexp_matches({text}, {literal(SHAPES['numbers'])}))"
    ).fetchall()
    fitting: list[Order] = []
    if one <= THIRTY_ONE and two <= TWELVE:
        fitting.append("dmy")
    if one <= TWELVE and two <= THIRTY_ONE:
        fitting.append("mdy")
    if short and two <= TWELVE and three <= THIRTY_ONE:
        fitting.append("ymd")
    if dates is not None:
        if dates not in fitting:
            raise UsageError(
                f"{path}: {_against(con, rows, column, dates)} does not fit --dates {dates}."
            )
        return dates, ()
    if not fitting:
        first, second = (_against(con, rows, column, order) for order in ("dmy", "mdy"))
        raise UsageError(
            f"{path}: {first} has the month first, {second} the day: one file, two orders. "
            "Correct it, or split it."
        )
    if len(fitting) == 1:
        return fitting[0], ()
    return _unproved(
        con, rows, column, path=path, fitting=fitting, slash=bool(slash), example=example
    )


def _unproved(
    con: duckdb.DuckDBPyConnection, rows: str, column: str,
    *, path: str, fitting: Sequence[Order], slash: bool, example: str,
) -> tuple[Order, tuple[str, ...]]:  # fmt: skip
    apart = {order: _days_apart(con, rows, column, order) for order in fitting}
    near = [order for order, (step, _) in apart.items() if 0 < step <= CLOSE_DAYS]
    far = [order for order, (step, _) in apart.items() if step >= FAR_DAYS]
    # Bars of months are a month apart too, but they stand at its first day.
    months = any(first for order, (_, first) in apart.items() if order in far)
    clock = con.sql(
        f"SELECT 1 FROM {rows} WHERE {identifier(column)} LIKE '%:%' LIMIT 1"
    ).fetchall()
    told = None
    if len(near) == 1 and len(far) == len(fitting) - 1 and (clock or not months):
        told = near[0]
    if told is None and not slash and "dmy" in fitting and not (near and "dmy" in far):
        told = "dmy"
    if told is None:
        raise UsageError(
            f"{path}: {example} may be day/month or month/day, and no row tells: say --dates "
            f"{' or '.join(fitting)}."
        )
    others = " or ".join(order for order in fitting if order != told)
    return told, (
        f"{path}: {example} is read as {WORDS[told]} (--dates {others} reads it otherwise)",
    )


# The least step between two days of a reading, 0 where there is one day; and whether all are first.
def _days_apart(
    con: duckdb.DuckDBPyConnection, rows: str, column: str, order: Order
) -> tuple[int, bool]:
    day = f"TRY_CAST({_date_of_numbers(identifier(column), order)} AS DATE)"
    days = f"SELECT DISTINCT {day} AS day FROM {rows} WHERE {day} IS NOT NULL"
    ((step, first),) = con.sql(
        "SELECT min(step), bool_and(day(day) = 1) FROM "
        f"(SELECT day, day - lag(day) OVER (ORDER BY day) AS step FROM ({days}))"
    ).fetchall()
    return int(step or 0), bool(first)


def _against(con: duckdb.DuckDBPyConnection, rows: str, column: str, order: Order) -> str:
    text = identifier(column)
    day = f"TRY_CAST({_date_of_numbers(text, order)} AS DATE)"
    found = con.sql(
        f"SELECT file_row_number, {text} FROM {rows} WHERE {day} IS NULL AND "
        f"regexp_matches({text}, {literal(SHAPES['numbers'])}) ORDER BY 1 LIMIT 1"
    ).fetchall()
    return f"row {found[0][0] + 1}, {found[0][1]}," if found else "a row"


# --- SQL ------------------------------------------------------------------------------------------


def _ns(shape: str, text: str, order: Order | None) -> str:
    if shape == "epoch":
        number = f"TRY_CAST({text} AS DECIMAL(38, 9))"
        units = " ".join(f"WHEN {number} < {below} THEN {unit}" for below, unit in UNITS)
        return f"TRY_CAST({number} * CASE {units} END AS BIGINT)"
    if shape == "iso" and order is None:
        plain = f"epoch_ns(TRY_CAST({text} AS TIMESTAMPTZ_NS))"
        return f"coalesce({plain}, {_joined(_date('iso', text, None), _rest(text, 'iso'))})"
    if shape == "stamp":
        clock = f"substr({text}, 9, 2) || ':' || substr({text}, 11, 2) || ':' || "
        clock += f"coalesce(nullif(substr({text}, 13, 2), ''), '00')"
        return _joined(_date("eight", text, None), clock)
    return _joined(_date(shape, text, order), _rest(text, shape))


def _joined(date: str, clock: str) -> str:
    return f"epoch_ns(TRY_CAST({date} || ' ' || {clock} AS TIMESTAMPTZ_NS))"


def _date(shape: str, text: str, order: Order | None) -> str:
    def part(pattern: str, group: int) -> str:
        return f"regexp_extract({text}, {literal(pattern)}, {group})"

    if shape == "iso":
        pattern = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
        return " || '-' || ".join(part(pattern, n) for n in (1, 2, 3))
    if shape == "numbers":
        return _date_of_numbers(text, order or "dmy")
    if shape == "eight":
        y, m, d = (f"substr({text}, {at}, {n})" for at, n in ((1, 4), (5, 2), (7, 2)))
        return (
            f"CASE WHEN {y} BETWEEN '1970' AND '2100' THEN {y} || '-' || {m} || '-' || {d} "
            f"ELSE substr({text}, 5, 4) || '-' || substr({text}, 3, 2) || '-' || "
            f"substr({text}, 1, 2) END"
        )
    if shape == "named":
        pattern = (
            r"^(?:[A-Za-z]{3,9},? +)?(\d{1,2})[-/ ]?([A-Za-z]{3})[A-Za-z]*\.?[-/ ,]*"
            r"(\d{4}|\d{2})(?:[T ,:]|$)"
        )
        day, month, year = (part(pattern, n) for n in (1, 2, 3))
    else:
        pattern = r"^(?:[A-Za-z]{3,9},? +)?([A-Za-z]{3})[A-Za-z]*\.? +(\d{1,2}),? +(\d{4})"
        month, day, year = (part(pattern, n) for n in (1, 2, 3))
    made = f"try_strptime({day} || ' ' || {month} || ' ' || {_year(year)}, '%d %b %Y')"
    return f"strftime({made}, '%Y-%m-%d')"


def _date_of_numbers(text: str, order: Order) -> str:
    parts = [f"regexp_extract({text}, {literal(NUMBERS)}, {n})" for n in (1, 2, 3)]
    day, month, year = (parts[order.index(letter)] for letter in "dmy")
    return f"{_year(year)} || '-' || {month} || '-' || {day}"


def _year(year: str) -> str:
    return f"CASE WHEN length({year}) = {SHORT_YEAR} THEN '20' || {year} ELSE {year} END"


# The clock of a text as 09:15:00.5+05:30: twelve hours, digits alone, and words for zones.
def _rest(text: str, shape: str) -> str:
    whole = SHAPES[shape].replace("(?:[T ,:]|$)", "").replace(END, "")
    rest = f"ltrim(regexp_replace({text}, {literal(whole)}, ''), 'T ,:')"
    rest = f"regexp_replace({rest}, ' *\\([^)]*\\)$| *IST$', '')"
    rest = f"regexp_replace({rest}, '(?:GMT|UTC)([+-])', '\\1')"
    rest = f"regexp_replace({rest}, ' *(?:GMT|UTC) *$', 'Z')"
    rest = f"regexp_replace({rest}, ' +([+-]\\d)', '\\1')"
    rest = f"regexp_replace({rest}, '(:\\d\\d:\\d\\d|:\\d\\d),(\\d)', '\\1.\\2')"
    half = r"^(\d{1,2})((?::\d\d){1,2}(?:\.\d+)?) *([AaPp])\.?[Mm]\.?(.*)$"
    hour, minutes, side, zone = (
        f"regexp_extract({rest}, {literal(half)}, {n})" for n in (1, 2, 3, 4)
    )
    of_day = f"(TRY_CAST({hour} AS INT) % 12 + CASE WHEN lower({side}) = 'p' THEN 12 ELSE 0 END)"
    digits = f"lpad({rest}, CASE WHEN length({rest}) > 4 THEN 6 ELSE 4 END, '0')"
    packed = f"substr({digits}, 1, 2) || ':' || substr({digits}, 3, 2) || ':' || "
    packed += f"coalesce(nullif(substr({digits}, 5, 2), ''), '00')"
    return (
        f"CASE WHEN {rest} = '' THEN '00:00:00' "
        f"WHEN regexp_full_match({rest}, {literal(half)}) "
        f"AND TRY_CAST({hour} AS INT) BETWEEN 1 AND 12 "
        f"THEN {of_day}::VARCHAR || {minutes} || {zone} "
        f"WHEN regexp_full_match({rest}, '\\d{{1,6}}') THEN {packed} ELSE {rest} END"
    )
