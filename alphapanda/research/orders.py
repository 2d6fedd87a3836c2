"""Orders and refusals of a run, one row each, made from its events a chunk at a time.

Events come from `events.parquet`, or from a spool: the rows that these tables need, in memory up
to a bound and beyond it in an unnamed temporary file, so a run without a directory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import (
    OUT,
    OUT_MEANING,
    ChargeKind,
    Kind,
    Out,
    Reason,
    Tif,
)
from alphapanda.research.events import (
    EVENT_NAMES,
    MONEY,
    Names,
    charge_table,
    decimals,
    event_table,
    tags_of,
)
from alphapanda.research.tables import arrow, integers, nanoseconds, numbers, texts

ENDS = (Out.CANCELLED, Out.EXPIRED, Out.FAILED)
TYPES = (Out.ORDER, Out.MODIFIED, Out.TRIGGERED, Out.FILL, *ENDS)
"""Events that an order's row is made of."""
KEPT = np.isin(np.arange(len(Out) + 1), [*TYPES, Out.REJECTED, Out.SIGNAL])
TAGGED = np.dtype([("order", "<i8"), ("group", "<i8")])
SPOOL_BYTES = 1 << 26
CHUNK_ROWS = 262_144


class Spool:
    """Output rows kept for later: in memory up to a bound, beyond it on the disk, unnamed."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 (lives as long as it)
        finalize(self, self._file.close)

    def take(self, rows: Any) -> None:
        """Keep the rows of orders and refusals, and signals that have a tag."""
        untagged = (rows["type"] == Out.SIGNAL) & (rows["group"] == 0)
        self._file.write(rows[KEPT[rows["type"]] & ~untagged].tobytes())

    def chunks(self) -> Iterator[pa.Table]:
        """Yield the rows as tables of events."""
        self._file.seek(0)
        while block := self._file.read(CHUNK_ROWS * OUT.itemsize):
            yield event_table(np.frombuffer(block, OUT), self.names, 0)


class EventFile:
    """The events of a run directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def chunks(self) -> Iterator[pa.Table]:
        """Yield the rows as tables of events."""
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def of_types(events: Any, *types: Out) -> Iterator[pa.Table]:
    """Yield the chunks of events, with rows of these types alone."""
    for chunk in events.chunks():
        found = np.flatnonzero(np.isin(numbers(chunk["type"], EVENT_NAMES), types))
        if len(found):
            yield chunk.take(arrow(found))


def gathered(events: Any, *types: Out) -> pa.Table:
    """Return all events of these types as one table, which has no rows where there are none."""
    none = event_table(np.zeros(0, OUT), Names((), ()), 0)
    found = [none, *of_types(events, *types)]
    return pa.concat_tables([table.unify_dictionaries() for table in found]).unify_dictionaries()


def order_table(events: Any) -> pa.Table:
    """Return one row an order: what was asked for at first, and how it ended.

    `status` is filled, cancelled, expired, failed or open; `filled` counts what was filled of it,
    `ended` is the time of its last event, null while it is open; `reason` says why it ended
    unfilled; `changes` counts modifications, `tag` is the strategy's word for why.
    """
    rows = gathered(events, *TYPES)
    kind = np.array(rows["type"].cast(pa.string()).to_pylist(), str)
    number = integers(rows["order"])
    first = np.flatnonzero(kind == "order")
    known, place = np.unique(number[first], return_inverse=True)
    made = first[np.argsort(place)]
    orders = rows.take(arrow(made))
    at = np.searchsorted(known, number)
    at[at == len(known)] = 0
    mine = (known[at] == number) if len(known) else np.zeros(len(number), bool)
    made_of = _with_ends(orders, rows, kind, np.where(mine, at, -1))
    return made_of.append_column("tag", texts(tags_of(integers(orders["order"]), tagged(events))))


def tagged(events: Any) -> Any:
    """Return the signals that have a tag as records of `order` and `group`, its number."""
    parts = [np.zeros(0, TAGGED)]
    for chunk in of_types(events, Out.SIGNAL):
        part = np.zeros(len(chunk), TAGGED)
        for name in TAGGED.names or ():
            part[name] = integers(chunk[name])
        parts.append(part[part["group"] != 0])
    return np.concatenate(parts)


def _with_ends(orders: pa.Table, rows: pa.Table, kind: Any, at: Any) -> pa.Table:
    n, qty, ts = orders.num_rows, integers(rows["qty"]), nanoseconds(rows["ts"])
    fills = (kind == "fill") & (at >= 0)
    filled = np.zeros(n, np.int64)
    np.add.at(filled, at[fills], np.abs(qty[fills]))
    changes = np.bincount(at[(kind == "modified") & (at >= 0)], minlength=n)
    status, reason = np.full(n, "open", object), np.full(n, None, object)
    ended = np.full(n, -1, np.int64)
    for name in (end.name.lower() for end in ENDS):
        over = np.flatnonzero((kind == name) & (at >= 0))
        status[at[over]], ended[at[over]] = name, ts[over]
        reason[at[over]] = _named(rows["a"].take(arrow(over)), Reason)
    last = np.full(n, -1, np.int64)
    np.maximum.at(last, at[fills], ts[fills])
    asked = np.abs(integers(orders["qty"]))
    terms = np.flatnonzero((kind == "modified") & (at >= 0))
    asked[at[terms]] = np.abs(qty[terms])  # of several changes of one order, the last
    done = (filled >= asked) & (status == "open")
    status[done], ended[done] = "filled", last[done]
    return _table(orders, filled=filled, changes=changes, status=status, reason=reason, ended=ended)


def _table(orders: pa.Table, **more: Any) -> pa.Table:
    trigger, kind, tif, product = OUT_MEANING[Out.ORDER]
    assert (trigger, kind, tif, product) == ("trigger", "kind", "tif", "product")
    ended = arrow(more["ended"], more["ended"] < 0).cast(pa.timestamp("ns", tz="UTC"))
    return pa.table({
        **{name: orders[name] for name in ("ts", "strategy", "instrument", "order", "group")},
        "qty": orders["qty"],
        "kind": texts(_named(orders["b"], Kind)),
        "tif": texts(_named(orders["c"], Tif)),
        "product": texts(_named(orders["d"], Product)),
        "price": orders["price"],
        "trigger": decimals(integers(orders["a"])),
        "status": texts(more["status"].tolist()),
        "filled": arrow(more["filled"]),
        "changes": arrow(more["changes"]),
        "reason": texts(more["reason"].tolist()),
        "ended": ended.cast(orders["ts"].type),
    })  # fmt: skip


def charges_in(events: Any) -> pa.Table:
    """Return the charges beside fills of a run that has no table of them."""
    parts, before = [charge_table(np.zeros(0, OUT), np.zeros(0, np.int64), Names((), ()))], 0
    for chunk in of_types(events, Out.FILL, Out.CHARGE):
        filled = numbers(chunk["type"], EVENT_NAMES) == Out.FILL
        extra = chunk.take(arrow(np.flatnonzero(~filled)))
        after = before + np.cumsum(filled)[~filled]
        before += int(filled.sum())
        kinds = {int(kind): kind.name.lower() for kind in ChargeKind}
        parts.append(pa.table({
            **{name: extra[name] for name in ("ts", "strategy", "instrument")},
            "kind": texts(kinds[kind] for kind in extra["a"].to_pylist()),
            "amount": decimals(integers(extra["b"])).cast(MONEY),
            "after": arrow(after.astype(np.int64)),
        }))  # fmt: skip
    return pa.concat_tables([part.unify_dictionaries() for part in parts]).unify_dictionaries()


def rejection_table(events: Any) -> pa.Table:
    """Return one row a refusal: the signal, the rule, what it measured and its limit (as ints)."""
    rows = gathered(events, Out.REJECTED)
    return pa.table({
        **{name: rows[name] for name in ("ts", "strategy", "instrument", "qty", "price")},
        "rule": texts(_named(rows["a"], RejectionCode)),
        "value": rows["b"],
        "limit": rows["c"],
        "kind": texts(_named(rows["d"], Kind)),
        "tag": texts(tags_of(integers(rows["order"]), tagged(events))),
    })  # fmt: skip


def _named(column: Any, kinds: Any) -> list[str | None]:
    # Null for a number that is none of theirs.
    names = {int(kind): kind.name for kind in kinds}
    return [names.get(number) for number in column.to_pylist()]


def first_rejections(events: Any) -> pa.Table:
    """Return the first refusal by each rule, whatever the number of refusals."""
    found: dict[int, pa.Table] = {}
    for chunk in of_types(events, Out.REJECTED):
        codes, first = np.unique(integers(chunk["a"]), return_index=True)
        for code, at in zip(codes.tolist(), first.tolist(), strict=True):
            found.setdefault(code, chunk.slice(at, 1))
    return rejection_table(_Chunks(found.values()))


class _Chunks:
    """Tables of events at hand."""

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        self._tables = list(tables)

    def chunks(self) -> Iterator[pa.Table]:
        return iter(self._tables)


class Stop(NamedTuple):
    """A stretch of time in which a stop order stood at one trigger price."""

    instrument: str
    trigger: int
    """Scaled."""
    start: int
    """ns UTC."""
    end: int
    """ns UTC; 0 where it stood to the end of the run."""


def stops(events: Any, most: int) -> list[Stop]:
    """Return where stop orders stood, the first `most` of them."""
    made: list[Stop] = []
    standing: dict[int, Stop] = {}
    for chunk in of_types(events, *TYPES):
        stop = np.isin(integers(chunk["b"]), (Kind.STOP, Kind.STOP_LIMIT))
        kinds = numbers(chunk["type"], EVENT_NAMES)
        order = integers(chunk["order"])
        wanted = (stop & np.isin(kinds, (Out.ORDER, Out.MODIFIED))) | (kinds != Out.ORDER) & (
            np.isin(order, [*standing, *order[stop & (kinds == Out.ORDER)]])
        )
        rows = np.flatnonzero(wanted)
        columns = (order[rows], kinds[rows], nanoseconds(chunk["ts"])[rows])
        names, triggers = (
            chunk["instrument"].take(arrow(rows)).to_pylist(),
            integers(chunk["a"])[rows],
        )
        for number, kind, ts, name, trigger in zip(
            *(column.tolist() for column in columns), names, triggers.tolist(), strict=True
        ):
            if number in standing:
                made.append(standing.pop(number)._replace(end=ts))
            if kind in (Out.ORDER, Out.MODIFIED) and len(made) + len(standing) < most:
                standing[number] = Stop(name, trigger, ts, 0)
    return [*made, *standing.values()]
