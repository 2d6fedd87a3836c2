"""What became of each order request: counted once, by how it ended.

A request is what a strategy asks for, what the core itself sends (a bracket's exits, the
square-off), or an order of the broker's that an operator made a strategy's. It is refused by our
risk gate, or fails at the venue, or is filled, cancelled or expired, or open at the end of the run.
One filled in part counts as how it ended; the quantity that was filled of it stands beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.rows import Out

ENDS = ("refused", "failed", "filled", "cancelled", "expired", "open")
"""How a request may stand at the end."""
ENDED = {"cancelled": Out.CANCELLED, "expired": Out.EXPIRED, "failed": Out.FAILED}

Table = NDArray[Any]


class Open(NamedTuple):
    """The orders that live when a run ends."""

    orders: int
    partly: int
    """How many of them are filled in part."""
    filled: int
    """Quantity filled of them."""


class Requests:
    """Counts order requests while output rows come."""

    def __init__(self) -> None:
        self._ended = dict.fromkeys(ENDED, 0)
        self._partly = dict.fromkeys(ENDED, 0)
        self._filled = dict.fromkeys(ENDED, 0)
        self._unsent = 0
        self._bought = 0

    def take(self, rows: Table) -> None:
        """Count a chunk of output rows."""
        kinds = rows["type"]
        fills = rows[kinds == Out.FILL]
        self._bought += int(np.abs(fills["qty"][fills["order"] != 0]).sum())
        for name, kind in ENDED.items():
            ends = rows[kinds == kind]
            filled = np.abs(ends["c"])
            self._ended[name] += len(ends)
            self._partly[name] += int(np.count_nonzero(filled))
            self._filled[name] += int(filled.sum())
            if kind == Out.FAILED:
                self._unsent += int(np.count_nonzero(ends["order"] == 0))

    def facts(self, counts: Mapping[Out, int], left: Open) -> dict[str, Any]:
        """Return the numbers by end, and of those not filled whole, what was filled in part.

        `counts` are the output rows by type. An order without a slot fails before it is one.
        """
        sent = counts[Out.ORDER] + counts[Out.ADOPTED]
        refused = counts[Out.SIGNAL] - counts[Out.VALIDATED]
        ended = {**self._ended, "open": left.orders}
        partly = {**self._partly, "open": left.partly}
        filled = {**self._filled, "open": left.filled}
        whole = sent + self._unsent - sum(ended.values())
        numbers = {"refused": refused, "filled": whole, **ended}
        quantity = {"filled": self._bought - sum(filled.values()), **filled}
        return {
            "total": sum(numbers.values()),
            **{name: numbers[name] for name in ENDS},
            "partly_filled": {name: partly[name] for name in ENDS if partly.get(name)},
            "filled_quantity": {name: quantity[name] for name in ENDS if quantity.get(name)},
        }
