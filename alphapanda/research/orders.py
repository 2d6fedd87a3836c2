"""Orders and refusals of a run, one row each, made from its events a chunk at a time.

Events come from `events.parquet`, or from a spool: the rows that these tables need, in memory up
to a bound and beyond it in an unnamed temporary file, so a run without a directory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alphapanda.model.instruments import Product
from alphapanda.model.rows import OUT, OUT_MEANING, Code, Kind, Out, Reason, Tif
from alphapanda.research.events import Names, decimals, event_table
from alphapanda.research.tables import nanoseconds

ENDS = (Out.CANCELLED, Out.EXPIRED, Out.FAILED)
TYPES = (Out.ORDER, Out.MODIFIED, Out.TRIGGERED, Out.FILL, *ENDS)
"""Events that an order's row is made of."""
KEPT = np.isin(np.arange(len(Out) + 1), [*TYPES, Out.REJECTED])
SPOOL_BYTES = 1 << 26
CHUNK_ROWS = 262_144


class Spool:
    """Output rows kept for later: in memory up to a bound, beyond it on the disk, unnamed."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 (the result's)

    def take(self, rows: Any) -> None:
        """Keep the rows of orders and refusals."""
        self._file.write(rows[KEPT[rows["type"]]].tobytes())

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
    wanted = pa.array([kind.name.lower() for kind in types])
    for chunk in events.chunks():
        mask = pc.is_in(chunk["type"].cast(pa.string()), value_set=wanted)
        found = chunk.filter(mask)
        if found.num_rows:
            yield found


def gathered(events: Any, *types: Out) -> pa.Table:
    """Return all events of these types as one table, which has no rows where there are none."""
    none = event_table(np.zeros(0, OUT), Names((), ()), 0)
    found = [none, *of_types(events, *types)]
    return pa.concat_tables([table.unify_dictionaries() for table in found]).unify_dictionaries()


def order_table(events: Any) -> pa.Table:
    """Return one row an order: what was asked for at first, and how it ended.

    `status` is filled, cancelled, expired, failed or open; `filled` counts what was filled of it,
    `ended` is the time of its last event, null while it is open; `reason` says why it ended
    unfilled; `changes` counts modifications.
    """
    rows = gathered(events, *TYPES)
    kind = np.asarray(rows["type"].cast(pa.string()).to_numpy(zero_copy_only=False), str)
    number = np.asarray(rows["order"])
    first = np.flatnonzero(kind == "order")
    known, place = np.unique(number[first], return_inverse=True)
    made = first[np.argsort(place)]
    orders = rows.take(made)
    at = np.searchsorted(known, number)
    at[at == len(known)] = 0
    mine = (known[at] == number) if len(known) else np.zeros(len(number), bool)
    return _with_ends(orders, rows, kind, np.where(mine, at, -1))


def _with_ends(orders: pa.Table, rows: pa.Table, kind: Any, at: Any) -> pa.Table:
    n, qty, ts = orders.num_rows, np.asarray(rows["qty"]), nanoseconds(rows["ts"])
    fills = (kind == "fill") & (at >= 0)
    filled = np.zeros(n, np.int64)
    np.add.at(filled, at[fills], np.abs(qty[fills]))
    changes = np.bincount(at[(kind == "modified") & (at >= 0)], minlength=n)
    status, reason = np.full(n, "open", object), np.full(n, None, object)
    ended = np.full(n, -1, np.int64)
    for name in (end.name.lower() for end in ENDS):
        over = np.flatnonzero((kind == name) & (at >= 0))
        status[at[over]], ended[at[over]] = name, ts[over]
        reason[at[over]] = _named(rows["a"].take(over), Reason)
    last = np.full(n, -1, np.int64)
    np.maximum.at(last, at[fills], ts[fills])
    done = (filled >= np.abs(np.asarray(orders["qty"]))) & (status == "open")
    status[done], ended[done] = "filled", last[done]
    return _table(orders, filled=filled, changes=changes, status=status, reason=reason, ended=ended)


def _table(orders: pa.Table, **more: Any) -> pa.Table:
    trigger, kind, tif, product = OUT_MEANING[Out.ORDER]
    assert (trigger, kind, tif, product) == ("trigger", "kind", "tif", "product")
    ended = pa.array(more["ended"], mask=more["ended"] < 0).cast(pa.timestamp("ns", tz="UTC"))
    return pa.table({
        **{name: orders[name] for name in ("ts", "strategy", "instrument", "order", "group")},
        "qty": orders["qty"],
        "kind": pa.array(_named(orders["b"], Kind), pa.string()),
        "tif": pa.array(_named(orders["c"], Tif), pa.string()),
        "product": pa.array(_named(orders["d"], Product), pa.string()),
        "price": orders["price"],
        "trigger": decimals(np.asarray(orders["a"])),
        "status": pa.array(list(more["status"]), pa.string()),
        "filled": pa.array(more["filled"]),
        "changes": pa.array(more["changes"]),
        "reason": pa.array(list(more["reason"]), pa.string()),
        "ended": ended.cast(orders["ts"].type),
    })  # fmt: skip


def rejection_table(events: Any) -> pa.Table:
    """Return one row a refusal: the signal, the rule, what it measured and its limit (as ints)."""
    rows = gathered(events, Out.REJECTED)
    return pa.table({
        **{name: rows[name] for name in ("ts", "strategy", "instrument", "qty", "price")},
        "rule": pa.array(_named(rows["a"], Code), pa.string()),
        "value": rows["b"],
        "limit": rows["c"],
        "kind": pa.array(_named(rows["d"], Kind), pa.string()),
    })  # fmt: skip


def _named(column: Any, kinds: Any) -> list[str | None]:
    # Null for a number that is none of theirs.
    names = {int(kind): kind.name for kind in kinds}
    return [names.get(number) for number in column.to_pylist()]
