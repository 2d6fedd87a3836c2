"""A feed as its events say it: what its rows are, each row as an envelope, and both read back.

The integers of a row go out as exact texts and come back as the same integers, so that whoever
reads the topics has the columns of the recording, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple, get_type_hints

import msgspec
import numpy as np

from alphapanda.events.events import (
    Bar,
    Envelope,
    EventError,
    EventType,
    FeedGap,
    FeedState,
    FeedStatus,
    Listing,
    Money,
    SessionPhase,
    Tick,
    alone,
    event_id,
)
from alphapanda.events.inputs import tick_id
from alphapanda.model.calendar import DAY, Calendar, day_start_ns, session_group
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument
from alphapanda.model.money import BOUND, text, to_scaled

BAR = "bar"
PLACE = ("ts", "row")
"""Columns that are no field of a payload."""

written = lru_cache(1 << 16)(text)
read = lru_cache(1 << 16)(to_scaled)


class Feed(NamedTuple):
    """What the rows of a feed are: all that a core has to know of them beforehand.

    `columns` are the canonical ones of the data, `names` the instruments' in the data; `rows` is
    how many there are, None where nobody knows yet.
    """

    id: str
    kind: str
    interval_ns: int
    columns: frozenset[str]
    names: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    days: tuple[date, ...]
    rows: int | None
    before: tuple[date, ...] = ()
    """Days ahead of `days`, whose rows only warm up indicators."""


def facts_of(feed: Feed) -> dict[str, Any]:
    """Return a feed as a JSON document keeps it, but for how many rows it has."""
    return {
        "feed": feed.id,
        "market": {
            "kind": feed.kind, "interval_ns": feed.interval_ns,
            "columns": sorted(feed.columns), "names": list(feed.names),
            "days": [str(day) for day in feed.days],
            **({"before": [str(day) for day in feed.before]} if feed.before else {}),
        },
        "instruments": [instrument.facts() for instrument in feed.instruments],
    }  # fmt: skip


def kept_in(document: Mapping[str, Any]) -> Feed:
    """Return the feed that a document keeps; how many rows it has is not in it."""
    market = document["market"]
    return Feed(
        document["feed"], market["kind"], market["interval_ns"], frozenset(market["columns"]),
        tuple(market["names"]), tuple(map(Instrument.of, document["instruments"])),
        tuple(map(date.fromisoformat, market["days"])), None,
        tuple(map(date.fromisoformat, market.get("before", ()))),
    )  # fmt: skip


class LiveGap(NamedTuple):
    """A time in which rows of a live feed could not come: nobody knows how many did not."""

    after_ns: int
    """The last row before it, or when it was noticed where there was none."""
    before_ns: int
    """The first row behind it."""
    instruments: int
    """Of how many instruments."""
    why: str


class Portion(NamedTuple):
    """Rows that follow each other, none if nothing came; before them, how many never came."""

    missed: int
    columns: Columns
    clock_ns: int = 0
    """Of a portion without rows: the time that a running market has reached, 0 for none."""


class Row(NamedTuple):
    """A market row as it came: its sequence in the feed, its time, the rest of its columns.

    `values` begin with the instrument's row and follow in the order of `fields_of`.
    """

    seq: int
    ts: int
    values: tuple[int, ...]


def event_of(kind: str) -> EventType:
    """Return the type of event that a row of a kind of feed is; a quote is a tick."""
    return EventType.MARKET_BAR if kind == BAR else EventType.MARKET_TICK


def fields_of(feed: Feed) -> dict[str, str]:
    """Return which field of the payload each of the feed's columns is."""
    if feed.kind == BAR:
        known = {"open": "open", "high": "high", "low": "low", "last": "close",
                 "volume": "volume", "oi": "oi"}  # fmt: skip
        return {column: field for column, field in known.items() if field in feed.columns}
    there = feed.columns | {"last"}  # of a quote it is computed, and goes along
    return {name: name for name in Columns._fields if name in there and name not in PLACE}


def state(feed: Feed, status: FeedStatus, *, ts: int, last: int = -1) -> Envelope:
    """Return the event that says that a feed begins, or that it has ended with row `last`."""
    data = FeedState(
        feed=feed.id, status=status, kind=feed.kind, interval_ns=feed.interval_ns,
        columns=tuple(sorted(feed.columns)), names=feed.names,
        instruments=tuple(map(listing, feed.instruments)),
        days=tuple(map(str, feed.days)), rows=feed.rows, last=last,
    )  # fmt: skip
    own = event_id(ts, feed.id, status, last)
    return alone(EventType.FEED_STATE, own, ts, key=feed.id, source=feed.id, data=data)


def begin_ns(feed: Feed) -> int:
    """Return the time of the event that a feed begins: the start of its first day."""
    return day_start_ns(feed.days[0])


def gap(feed: str, first: int, last: int, *, ts: int) -> Envelope:
    """Return the event that rows of a feed never came; `ts` is that of the row behind them."""
    own = event_id(ts, feed, "gap", first, last)
    data = FeedGap(feed=feed, first=first, last=last)
    return alone(EventType.FEED_GAP, own, ts, key=feed, source=feed, data=data)


def live_gap(feed: str, first: int, gap: LiveGap) -> Envelope:
    """Return the event of a gap of a live feed, behind which its row `first` comes."""
    own = event_id(gap.before_ns, feed, "live gap", gap.after_ns, gap.why)
    data = FeedGap(
        feed=feed, first=first, last=first - 1, after_ns=gap.after_ns, before_ns=gap.before_ns,
        instruments=gap.instruments, why=gap.why,
    )  # fmt: skip
    return alone(EventType.FEED_GAP, own, gap.before_ns, key=feed, source=feed, data=data)


def phases(feed: Feed, calendar: Calendar) -> list[Envelope]:
    """Return the events of each change of phase on a feed's days, by time, its groups apart."""
    made = []
    for group in sorted({session_group(each) for each in feed.instruments}):
        sessions = [calendar.session(day, group) for day in feed.days]
        changes = [change for one in sessions if one is not None for change in one.changes]
        ends = [change.ts for change in changes[1:]] + [day_start_ns(feed.days[-1]) + DAY]
        for (ts, phase), until in zip(changes, ends, strict=False):
            own = event_id(ts, feed.id, group.name, phase.name)
            data = SessionPhase(group=group.name, phase=phase.name, until=until)
            made.append(alone(
                EventType.SESSION_PHASE, own, ts, key=feed.id, source=feed.id, data=data
            ))  # fmt: skip
    return sorted(made, key=lambda event: (event.ts, event.data.group))


def envelopes(feed: Feed, batch: Columns, first: int) -> Iterator[Envelope]:
    """Yield the event of each row of a batch whose first row has the sequence `first`."""
    return numbered(feed, batch, range(first, first + batch.rows))


def numbered(feed: Feed, batch: Columns, seqs: Sequence[int]) -> Iterator[Envelope]:
    """Yield the event of each row of a batch, whose sequences in the feed are given."""
    kind = event_of(feed.kind)
    payload: Any = Bar if kind == EventType.MARKET_BAR else Tick
    money = money_of(payload)
    parts = fields_of(feed)
    columns = [
        list(map(written, values)) if field in money else values
        for name, field in parts.items()
        for values in [getattr(batch, name).tolist()]
    ]
    rows = zip(seqs, batch.ts.tolist(), batch.row.tolist(), *columns, strict=True)
    for seq, ts, row, *values in rows:
        name = feed.instruments[row].name
        data = payload(
            instrument=name, feed_seq=seq, **dict(zip(parts.values(), values, strict=True))
        )
        yield alone(kind, tick_id(feed.id, seq, ts), ts, key=name, source=feed.id, data=data)


@cache
def money_of(payload: type) -> frozenset[str]:
    """Return the fields of a payload that are prices."""
    hints = get_type_hints(payload, include_extras=True)
    return frozenset(name for name, hint in hints.items() if hint == Money)


class _Tick(msgspec.Struct, frozen=True, gc=False):
    source: str
    ts: int
    type: Literal["market_tick"]
    version: Literal[1]
    data: Tick


class _Bar(msgspec.Struct, frozen=True, gc=False):
    source: str
    ts: int
    type: Literal["market_bar"]
    version: Literal[1]
    data: Bar


class Reading:
    """Reads the rows of one feed out of events, and makes columns of them."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        shape: Any = _Bar if feed.kind == BAR else _Tick
        payload: Any = Bar if feed.kind == BAR else Tick
        self._decoder = msgspec.json.Decoder(shape)
        money, self._columns = money_of(payload), list(fields_of(feed))
        self._fields = [(field, field in money) for field in fields_of(feed).values()]
        self._rows = {each.name: row for row, each in enumerate(feed.instruments)}

    def row(self, event: bytes) -> Row | None:
        """Return the row in an event, None if it is another feed's.

        Raises:
            EventError: if the bytes are no such event, or hold what can't be.
        """
        try:
            found = self._decoder.decode(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError(f"no row of a feed: {error}") from error
        if found.source != self.feed.id:
            return None
        data = found.data
        row = self._rows.get(data.instrument)
        if row is None:
            raise EventError(f"{data.instrument} is no instrument of the feed {self.feed.id}")
        values = [read(getattr(data, f)) if is_money else getattr(data, f)
                  for f, is_money in self._fields]  # fmt: skip
        if found.ts <= 0 or min(values) < 0 or max(values) > BOUND:
            raise EventError(f"row {data.feed_seq} holds what can't be: {data}")
        return Row(data.feed_seq, found.ts, (row, *values))

    def columns(self, rows: Sequence[Row]) -> Columns:
        """Return rows in order as columns: those of the recording, and no others."""
        values = np.array([row.values for row in rows], np.int64).reshape(len(rows), -1)
        given = dict(zip(("row", *self._columns), values.T, strict=True))
        ts = np.fromiter((row.ts for row in rows), np.int64, len(rows))
        return Columns.of(ts=ts, **given)


def feed_of(data: FeedState) -> Feed:
    """Return the feed that an event tells of.

    Raises:
        EventError: if it tells of none that can be: unknown words, no day, names that do not fit.
    """
    if not data.days or not data.names or len(data.names) != len(data.instruments):
        raise EventError("a feed has days, and a name for each of its instruments")
    try:
        return Feed(
            data.feed, data.kind, data.interval_ns, frozenset(data.columns), data.names,
            tuple(map(instrument_of, data.instruments)),
            tuple(map(date.fromisoformat, data.days)), data.rows,
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        raise EventError(f"no such feed: {error}") from error


def listing(instrument: Instrument) -> Listing:
    """Return an instrument as an event holds it, defaults left out."""
    usual = {field.name: field.default for field in msgspec.structs.fields(Listing)}
    values = instrument.facts()
    values.update({name: text(values[name]) for name in money_of(Listing)})
    values["expiry"] = values["expiry"] or ""
    return Listing(**{name: value for name, value in values.items() if value != usual[name]})


def instrument_of(given: Listing) -> Instrument:
    """Return the instrument that an event holds."""
    values = msgspec.structs.asdict(given)
    values.update({name: to_scaled(values[name]) for name in money_of(Listing)})
    values["expiry"] = values["expiry"] or None
    return Instrument.of(values)
