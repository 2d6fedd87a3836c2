"""What a check finds, and the rows that it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from alphapanda.data.replay.blocks import time_text
from alphapanda.data.schema import Kind
from alphapanda.model.calendar import (
    DAY,
    EPOCH,
    IST,
    Calendar,
    Session,
    SessionGroup,
    session_group,
)
from alphapanda.model.instruments import Exchange, Instrument

DAY_SQL = f"((ts + {IST}) // {DAY})"
"""The IST day of a row, in days since 1970."""

NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of defect in one instrument."""

    kind: str
    instrument: str
    count: int
    first: str
    """Where the first is, in words."""
    rule: str
    """When it counts as one, in words."""
    days: Mapping[date, int] = field(default_factory=dict)
    data: str = ""
    """Of which data: tick, bar 1m."""

    def facts(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "kind": self.kind, "instrument": self.instrument, "data": self.data,
            "count": self.count, "first": self.first, "rule": self.rule,
            "days": {str(day): count for day, count in self.days.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one kind and interval in a table: file, pos, instrument, ts and scaled fields."""

    con: duckdb.DuckDBPyConnection
    table: str
    kind: Kind
    interval_ns: int
    present: frozenset[str]
    """The fields that some row has."""
    files: Sequence[str]
    calendar: Calendar
    groups: Mapping[str, SessionGroup]

    @property
    def price(self) -> str:
        """SQL of the price of a row."""
        middle = "(CASE WHEN bid > 0 AND ask > 0 THEN (bid + ask) // 2 ELSE greatest(bid, ask) END)"
        return {"bar": "close", "tick": "last", "quote": middle}[self.kind]

    @property
    def whole_days(self) -> bool:
        """Tell whether the rows are day bars."""
        return bool(self.interval_ns) and not self.interval_ns % DAY

    def sessions(self, name: str, first: date, last: date) -> list[Session]:
        """Return an instrument's sessions from first to last."""
        return self.calendar.sessions(first, last, self.groups[name])

    def where(self, file: int, pos: int, ts: int | None) -> str:
        """Return a row in words: when, and where it lies."""
        when = "" if ts is None or not 0 < ts < NEVER else f"{time_text(ts)[:19]} IST, "
        return f"{when}{self.files[file]} row {pos + 1}"


def group_of(name: str) -> SessionGroup:
    """Return the session group of an instrument by its name alone."""
    exchange = name.partition(":")[0]
    if exchange not in Exchange.__members__:
        return SessionGroup.EQUITY
    return session_group(Instrument.assumed(name))


def day(number: int) -> date:
    """Return a day from its number since 1970."""
    return date.fromordinal(number + EPOCH)
