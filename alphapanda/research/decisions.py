"""A strategy's decisions among the output rows of a run, and the first in which two runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.rows import Kind, Out, Reason
from alphapanda.research.events import Names

Table = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """Where two runs part: the input row, and what each decided there (None: nothing)."""

    cause: int
    ts: int
    strategy: int
    row: int
    one: Any = None
    other: Any = None


def decisions(out: Table) -> Table:
    """Return what strategies asked for: signals, and cancels and changes of their own."""
    kind = out["type"]
    own = (kind == Out.CANCEL) & (out["a"] == Reason.STRATEGY)
    chosen: Table = out[(kind == Out.SIGNAL) | (kind == Out.MODIFY) | own]
    return chosen


def first_difference(one: Table, other: Table) -> Difference | None:
    """Return the first output row in which two runs differ, as a decision where it is one."""
    both = min(len(one), len(other))
    unlike = np.nonzero(one[:both] != other[:both])[0]
    if not len(unlike) and len(one) == len(other):
        return None
    at = int(unlike[0]) if len(unlike) else both
    mine, theirs = row_at(one, at), row_at(other, at)
    first = earliest(mine, theirs)
    if mine is not None and int(mine["cause"]) != int(first["cause"]):
        mine = None  # it comes with a later row: at this one it did nothing
    if theirs is not None and int(theirs["cause"]) != int(first["cause"]):
        theirs = None
    return Difference(
        int(first["cause"]), int(first["ts"]), max(int(first["strategy"]), 0),
        max(int(first["row"]), 0), mine, theirs,
    )  # fmt: skip


def row_at(out: Table, at: int) -> Any:
    """Return an output row, None beyond the last."""
    return out[at].copy() if at < len(out) else None


def earliest(one: Any, other: Any) -> Any:
    """Return the output row that was caused first."""
    if one is None:
        return other
    if other is None or (int(one["cause"]), int(one["ts"])) <= (
        int(other["cause"]), int(other["ts"]),
    ):  # fmt: skip
        return one
    return other


def in_words(row: Any, names: Names) -> str:
    """Return an output row as a trader would say it: `buy 75 NSE:X at the market`."""
    if row is None:
        return "nothing"
    kind = Out(int(row["type"]))
    name = names.instruments[int(row["row"])] if row["row"] >= 0 else ""
    if kind not in (Out.SIGNAL, Out.VALIDATED, Out.ORDER):
        return f"{kind.name.lower()} {name}".strip()
    qty = int(row["qty"])
    how = "at the market"
    if row["b"] in (Kind.LIMIT, Kind.STOP_LIMIT):
        how = f"at {row['price'] / 10_000:.2f}"
    return f"{'buy' if qty > 0 else 'sell'} {abs(qty)} {name} {how}"
