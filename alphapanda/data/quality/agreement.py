"""Ticks against bars of the same instrument: what the ticks make of a bar, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from alphapanda.data.quality.finding import DAY_SQL, Finding, Rows, day
from alphapanda.data.replay.blocks import time_text
from alphapanda.data.schema import BAR_PRICES
from alphapanda.model.money import SCALE

PRE_OPEN = "the first bar of a day and bars with under half the usual ticks are left out"


def find_differences(ticks: Rows, bars: Rows) -> Iterator[Finding]:
    """Yield the bars whose prices are not those of the ticks within them."""
    step = bars.interval_ns
    built = (
        f"SELECT instrument, ts // {step} * {step} AS ts, count(*) AS n, arg_min(price, (ts, "
        "file, pos)) AS open, "
        "max(price) AS high, min(price) AS low, arg_max(price, (ts, file, pos)) AS close FROM "
        f"(SELECT *, {ticks.price} AS price FROM {ticks.table} WHERE flaw IS NULL) GROUP BY 1, 2"
    )
    built = (
        f"SELECT *, median(n) OVER (PARTITION BY instrument) AS usual FROM ({built}) t JOIN "
        "session_of USING (instrument)"
    )
    differs = ", ".join(f"t.{name} <> b.{name} AS {name}_differs" for name in BAR_PRICES)
    # Values before the open differ by habit: the auction's belongs to the first bar.
    joined = (
        f"SELECT t.instrument, t.ts, b.file, b.pos, {differs}, t.close AS was, b.close AS said "
        f"FROM ({built}) t "
        f"JOIN {bars.table} b ON b.instrument = t.instrument AND b.ts = t.ts AND b.flaw IS NULL "
        "WHERE 2 * n >= usual AND EXISTS (FROM spans s WHERE s.g = t.g AND s.open AND t.ts > "
        "s.start AND t.ts < s.stop)"
    )
    bars.con.execute(f"CREATE OR REPLACE TABLE compared AS {joined}")
    for name in BAR_PRICES:
        yield from _of(bars, name)


def _of(bars: Rows, name: str) -> Iterator[Finding]:
    query = (
        f"SELECT instrument, count(*), count(*) FILTER ({name}_differs), min(ts) FILTER "
        f"({name}_differs), "
        "arg_min(was, ts) FILTER (close_differs), arg_min(said, ts) FILTER (close_differs) "
        "FROM compared GROUP BY 1 ORDER BY 1"
    )
    for instrument, total, count, ts, was, said in bars.con.sql(query).fetchall():
        if not count:
            continue
        first = f"{count} of {total} bars; first {time_text(ts)[:16]} IST"
        if name == "close":
            first += f": ticks {was / SCALE:.2f}, bar {said / SCALE:.2f}"
        yield Finding(
            f"ticks disagree ({name})", instrument, count, first,
            f"the {name} of a bar is not what its ticks make; {PRE_OPEN}",
            _days(bars, instrument, name),
        )  # fmt: skip


def _days(bars: Rows, instrument: str, name: str) -> dict[date, int]:
    query = (
        f"SELECT {DAY_SQL}, count(*) FROM compared WHERE instrument = ? AND {name}_differs GROUP "
        "BY 1 ORDER BY 1"
    )
    return {day(number): n for number, n in bars.con.execute(query, [instrument]).fetchall()}
