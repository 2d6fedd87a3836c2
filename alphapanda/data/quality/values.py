"""Findings in single rows and their neighbours: values, order, repeats, spikes."""

from __future__ import annotations

from collections.abc import Iterator

from alphapanda.data.quality.finding import DAY_SQL, Finding, Rows, day
from alphapanda.data.replay.parquet import literal
from alphapanda.data.schema import FIELDS
from alphapanda.model.interval import interval_text

SPIKE, SPIKE_LEAST = 20, 0.005
NEIGHBOURS = 5
Place = tuple[int, int, int]
OFTEN = 0.1
"""Repeats but for the time are a finding from this share of an instrument's rows on."""


def check_values(rows: Rows) -> Iterator[Finding]:
    """Yield what is wrong with values, order and repeats."""
    yield from _values(rows)
    yield from _order(rows)
    yield from _repeats(rows)
    yield from _spikes(rows)
    if rows.kind == "bar":
        yield from _closer(rows)


def collected(rows: Rows, query: str, *, kind: str, rule: str) -> Iterator[Finding]:
    """Yield one finding an instrument of a query for instrument, ts, file, pos."""
    counted = (
        f"SELECT coalesce(instrument, '?'), {DAY_SQL} AS day, count(*), "
        f"min((file, pos, ts)) FROM ({query}) GROUP BY 1, 2 ORDER BY 1, 2"
    )
    by_name: dict[str, list[tuple[int | None, int, Place]]] = {}
    for name, number, count, place in rows.con.sql(counted).fetchall():
        by_name.setdefault(name, []).append((number, count, place))
    for name, days in by_name.items():
        yield Finding(
            kind, name, sum(n for _, n, _ in days), rows.where(*min(place for *_, place in days)),
            rule, {day(number): n for number, n, _ in days if number is not None},
        )  # fmt: skip


def _values(rows: Rows) -> Iterator[Finding]:
    taken = "instrument, ts, file, pos"
    flaws = f"SELECT DISTINCT flaw FROM {rows.table} WHERE flaw IS NOT NULL ORDER BY 1"
    for (flaw,) in rows.con.sql(flaws).fetchall():
        query = f"SELECT {taken} FROM {rows.table} WHERE flaw = {literal(flaw)}"
        rule = RULES.get(flaw, "such a row is no market data")
        yield from collected(rows, query, kind=RENAMED.get(flaw, flaw), rule=rule)
    if {"bid", "ask"} <= rows.present:
        query = f"SELECT {taken} FROM {rows.table} WHERE flaw IS NULL AND bid > ask AND ask > 0"
        yield from collected(rows, query, kind="crossed quote", rule="the bid is above the ask")


RENAMED = {"invalid price": "zero or negative price"}
RULES = {
    "invalid price": "a price must be above 0 (a bid or ask: 0 is none)",
    "invalid quantity": "a quantity must not be below 0",
    "inconsistent bar": "open and close must lie between low and high",
    "no quote": "there is neither a bid nor an ask",
}


def _order(rows: Rows) -> Iterator[Finding]:
    sound = f"FROM {rows.table} WHERE flaw IS NULL"
    steps = (
        "SELECT instrument, ts, file, pos, ts < max(ts) OVER (PARTITION BY file, instrument "
        "ORDER BY pos "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS back {sound}"
    )
    yield from collected(
        rows, f"SELECT * FROM ({steps}) WHERE back", kind="out of order",
        rule="a row lies before an earlier row of its instrument in the file",
    )  # fmt: skip
    if rows.kind != "tick" or "volume" not in rows.present:
        return
    falls = (
        "SELECT instrument, ts, file, pos, volume < lag(volume) OVER (PARTITION BY file, "
        "instrument, "
        f"{DAY_SQL} ORDER BY pos) AS falls {sound}"
    )
    yield from collected(
        rows, f"SELECT * FROM ({falls}) WHERE falls", kind="volume falls",
        rule="the day's volume is below that of the row before",
    )  # fmt: skip


def _repeats(rows: Rows) -> Iterator[Finding]:
    values = ", ".join(f"coalesce({name}, 0)" for name in FIELDS[rows.kind])
    key = "instrument, ts" if rows.kind == "bar" else f"instrument, ts, {values}"
    ranked = (
        f"SELECT instrument, ts, file, pos, row_number() OVER (PARTITION BY {key} ORDER BY file, "
        "pos) "
        f"AS place FROM {rows.table} WHERE flaw IS NULL"
    )
    rule = (
        "a second bar of the same time"
        if rows.kind == "bar"
        else "all values and the time are those of another row"
    )
    yield from collected(
        rows, f"SELECT * FROM ({ranked}) WHERE place > 1", kind="duplicate", rule=rule
    )
    if rows.kind == "bar" or not {"volume", "bid"} <= rows.present:
        return
    ranked = (
        "SELECT instrument, ts, file, pos, row_number() OVER (PARTITION BY instrument, "
        f"{DAY_SQL}, {values} ORDER BY file, pos) AS place, count(*) OVER (PARTITION BY "
        "instrument) AS n "
        f"FROM {rows.table} WHERE flaw IS NULL"
    )
    for each in collected(
        rows, f"SELECT * FROM ({ranked}) WHERE place > 1", kind="repeats but for the time",
        rule=f"all values are those of an earlier row of the day, in over {OFTEN:.0%} of the rows",
    ):  # fmt: skip
        query = f"SELECT count(*) FROM {rows.table} WHERE instrument = ?"
        (total,) = rows.con.execute(query, [each.instrument]).fetchall()
        if each.count > OFTEN * total[0]:
            yield each


def _closer(rows: Rows) -> Iterator[Finding]:
    least = rows.interval_ns // 2 if rows.whole_days else rows.interval_ns
    steps = (
        "SELECT instrument, ts, file, pos, ts - lag(ts) OVER (PARTITION BY instrument ORDER BY ts) "
        f"AS step FROM {rows.table} WHERE flaw IS NULL"
    )
    yield from collected(
        rows, f"SELECT * FROM ({steps}) WHERE step > 0 AND step < {least}",
        kind="bars closer than their interval",
        rule=f"bars of {interval_text(rows.interval_ns)} that lie nearer to each other than that",
    )  # fmt: skip


def _spikes(rows: Rows) -> Iterator[Finding]:
    around = f"ROWS BETWEEN {NEIGHBOURS} PRECEDING AND {NEIGHBOURS} FOLLOWING"
    part = "instrument" if rows.whole_days else f"instrument, {DAY_SQL}"
    for price in ("high", "low") if rows.kind == "bar" else (rows.price,):
        off = (
            f"SELECT instrument, ts, file, pos, {price} AS price, median({price}) OVER "
            f"(PARTITION BY {part} ORDER BY ts, file, pos {around}) AS middle FROM {_open(rows)}"
        )
        off = f"SELECT *, abs(price / middle - 1) AS off FROM ({off})"
        usual = f"SELECT instrument, quantile_cont(off, 0.9) AS usual FROM ({off}) GROUP BY 1"
        query = (
            f"SELECT o.* FROM ({off}) o JOIN ({usual}) USING (instrument) "
            f"WHERE off > greatest({SPIKE_LEAST}, {SPIKE} * usual)"
        )
        yield from collected(
            rows, query, kind=f"spike ({price if rows.kind == 'bar' else 'price'})",
            rule=f"over {SPIKE_LEAST:.1%}, and {SPIKE} times the 0.9 quantile of such distances, "
            f"from the median of {2 * NEIGHBOURS + 1} rows around it",
        )  # fmt: skip


# Indicative prices before the open jump by nature.
def _open(rows: Rows) -> str:
    if rows.calendar.is_always or rows.whole_days:
        return f"{rows.table} WHERE flaw IS NULL"
    return (
        f"{rows.table} r JOIN session_of o USING (instrument) SEMI JOIN spans s ON s.g = o.g AND "
        "s.open AND r.ts BETWEEN s.start AND s.stop WHERE flaw IS NULL"
    )
