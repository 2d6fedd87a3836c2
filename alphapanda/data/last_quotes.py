"""The last price and quote of every instrument that a catalogue has of a day, up to a time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from alphapanda.data import catalogue
from alphapanda.data.catalogue import Part
from alphapanda.data.replay.parquet import scan
from alphapanda.data.replay.scans import connect
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, day_start_ns
from alphapanda.model.money import to_scaled

COLUMNS = {"tick": ("last", "bid", "ask"), "quote": ("last", "bid", "ask"), "bar": ("close",)}


@dataclass(frozen=True, slots=True)
class Quote:
    """What was known of an instrument; prices are scaled, 0: unknown."""

    known_ns: int
    """When its row was known: a bar at its end, ns UTC."""
    last: int
    bid: int = 0
    ask: int = 0

    @property
    def price(self) -> int:
        """The middle of bid and ask; the last price where one is missing."""
        return (self.bid + self.ask) // 2 if self.bid > 0 and self.ask > 0 else self.last


def quotes(root: Path, day: date, *, until_ns: int, close_ns: int) -> dict[str, Quote]:
    """Return by name what a catalogue tells last of a day in India, up to a time.

    Of several kinds of data the row that was known last counts. A bar of a day or more is known at
    `close_ns`.

    Raises:
        UsageError: if it is no catalogue.
    """
    if not catalogue.is_catalogue(root):
        raise UsageError(
            f"{root} is no catalogue: bring the chain's data into one with alphapanda data import"
        )
    catalogue.settle(root)
    found: dict[str, Quote] = {}
    with ExitStack() as resources:
        con = connect(memory_limit="1GB", threads=2, resources=resources)
        for part, path in catalogue.parts(root).items():
            if part.within(day, day):
                for name, quote in rows(con, part, path, day, until_ns, close_ns=close_ns):
                    if name not in found or found[name].known_ns <= quote.known_ns:
                        found[name] = quote
    return found


def rows(
    con: duckdb.DuckDBPyConnection, part: Part, path: Path, day: date, until_ns: int, *,
    close_ns: int,
) -> list[tuple[str, Quote]]:  # fmt: skip
    """Return the last row of each instrument in one file."""
    scanned = scan([str(path)])
    has = {name for name, *_ in con.sql(f"DESCRIBE SELECT * FROM {scanned}").fetchall()}
    values = ", ".join(name if name in has else "NULL" for name in COLUMNS[part.kind])
    known = str(close_ns) if part.interval_ns >= DAY else f"epoch_ns(ts) + {part.interval_ns}"
    start = day_start_ns(day)
    query = (
        f"SELECT instrument, max(known), arg_max(told, (known, place)) FROM (SELECT instrument, "
        f"{known} AS known, row_number() OVER () AS place, [{values}]::DOUBLE[] AS told "
        f"FROM {scanned} WHERE epoch_ns(ts) >= {start} AND epoch_ns(ts) < {start + DAY}) "
        f"WHERE known <= {until_ns} GROUP BY 1"
    )
    return [
        (name, Quote(stamp, *(to_scaled(repr(value or 0.0)) for value in told)))
        for name, stamp, told in con.sql(query).fetchall()
    ]
