"""Output rows as tables a person can read: events, fills and equity in Arrow, money exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphapanda.model.money import SCALE
from alphapanda.model.rows import OUT_FIELDS, OUT_MEANING, ChargeKind, Out
from alphapanda.model.tags import tag_text
from alphapanda.research.tables import arrow, texts

MONEY = pa.decimal128(20, 4)
TIME = pa.timestamp("ns", tz="Asia/Kolkata")
EVENT_NAMES = ("", *(kind.name.lower() for kind in Out))
"""By the number of the type."""
assert SCALE == 10**4, "MONEY's four decimals are the scale"

Table = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Names:
    """Names behind the numbers of a run."""

    strategies: Sequence[str]
    instruments: Sequence[str]


def tags_of(orders: NDArray[np.int64], signals: Table) -> list[str | None]:
    """Return the tag of each order by its number, None where its signal had none.

    `signals`: output rows of signals with a tag, in order.
    """
    if not len(signals):
        return [None] * len(orders)
    at = np.searchsorted(signals["order"], orders)
    at[at == len(signals)] = 0
    known = signals["order"][at] == orders
    words = {int(number): tag_text(int(number)) for number in np.unique(signals["group"])}
    numbers = signals["group"][at].tolist()
    return [
        words[number] if yes else None for number, yes in zip(numbers, known.tolist(), strict=True)
    ]


def decimals(scaled: NDArray[np.int64]) -> pa.Array:
    """Return scaled ints as exact decimals (their bytes, sign extended to 128 bits)."""
    wide = np.empty((len(scaled), 2), np.int64)
    wide[:, 0] = scaled
    wide[:, 1] = scaled >> 63
    return pa.Array.from_buffers(MONEY, len(scaled), [None, pa.py_buffer(wide.tobytes())])


def labels(numbers: NDArray[np.int64], names: Sequence[str]) -> pa.Array:
    """Return names by number, null for -1."""
    known = numbers >= 0
    index = arrow(np.where(known, numbers, 0).astype(np.int32), ~known)
    return pa.DictionaryArray.from_arrays(index, texts(names or [""]))


def times(ts: NDArray[np.int64]) -> pa.Array:
    """Return ns UTC as times of India."""
    return arrow(ts).cast(pa.timestamp("ns", tz="UTC")).cast(TIME)


def event_table(rows: Table, names: Names, first: int) -> pa.Table:
    """Return output rows with times, names and types; `a`..`d` stay ints (see OUT_MEANING)."""
    columns = {"seq": arrow(np.arange(first, first + len(rows)))}
    for name in OUT_FIELDS:
        columns[name] = arrow(rows[name])
    columns["ts"] = times(rows["ts"])
    columns["strategy"] = labels(rows["strategy"], names.strategies)
    columns["instrument"] = labels(rows["row"], names.instruments)
    columns["price"] = decimals(rows["price"])
    columns["type"] = labels(rows["type"], EVENT_NAMES)
    del columns["row"]
    return pa.table(columns)


def fill_table(rows: Table, names: Names, signals: Table) -> pa.Table:
    """Return fills: signed quantity, price, charges, P&L realised (before charges), the tag."""
    meaning = dict(zip(OUT_MEANING[Out.FILL], "abcd", strict=True))
    return pa.table({
        "ts": times(rows["ts"]),
        "strategy": labels(rows["strategy"], names.strategies),
        "instrument": labels(rows["row"], names.instruments),
        "order": arrow(rows["order"]),
        "qty": arrow(rows["qty"]),
        "price": decimals(rows["price"]),
        "charges": decimals(rows[meaning["charges"]]),
        "realised": decimals(rows[meaning["realised"]]),
        "position": arrow(rows[meaning["position"]]),
        "tag": texts(tags_of(rows["order"], signals)),
    })  # fmt: skip


def equity_table(rows: Table, equity: NDArray[np.int64], names: Names) -> pa.Table:
    """Return P&L rows of the strategies with the account's equity after each."""
    meaning = dict(zip(OUT_MEANING[Out.PNL], "abcd", strict=True))
    return pa.table({
        "ts": times(rows["ts"]),
        "strategy": labels(rows["strategy"], names.strategies),
        **{name: decimals(rows[meaning[name]]) for name in meaning},
        "equity": decimals(equity),
    })  # fmt: skip


def charge_table(rows: Table, after: NDArray[np.int64], names: Names) -> pa.Table:
    """Return charges beside fills; `after` counts the fills that came before each."""
    kinds = {int(kind): kind.name.lower() for kind in ChargeKind}
    return pa.table({
        "ts": times(rows["ts"]),
        "strategy": labels(rows["strategy"], names.strategies),
        "instrument": labels(rows["row"], names.instruments),
        "kind": texts(kinds[kind] for kind in rows["a"].tolist()),
        "amount": decimals(rows["b"]),
        "after": arrow(after),
    })  # fmt: skip


def day_table(days: NDArray[np.int64], closes: NDArray[np.int64]) -> pa.Table:
    """Return the trading days of a run: equity at each one's end, and the return of the day.

    `closes` has the initial cash before them. A day that begins without money has no return.
    """
    before = closes[:-1]
    gains = np.diff(closes) / np.where(before > 0, before, 1)
    return pa.table({
        "day": arrow(days.astype(np.int32)).cast(pa.date32()),
        "equity": decimals(closes[1:]),
        "return": arrow(gains, before <= 0),
    })  # fmt: skip
