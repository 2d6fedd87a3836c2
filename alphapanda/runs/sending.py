"""What a core sends to a broker: requests leave once their batch is on the disk, each one once.

Behind a crash nothing is sent again. Whatever of it is not answered is in doubt (`doubts`), and
the client, which looks at the broker, says what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from alphapanda.books.state import OrderState, RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.engine.controls import Controls
from alphapanda.engine.engine import Engine
from alphapanda.model.columns import Columns
from alphapanda.model.rows import NEVER, OUT_MEANING, Out
from alphapanda.model.texts import Texts

VERBS = {
    Out.ORDER: RequestVerb.NEW, Out.MODIFY: RequestVerb.MODIFY, Out.CANCEL: RequestVerb.CANCEL,
}  # fmt: skip
INTERRUPTED = "the run was interrupted before its answer was in the journal"
Submit = Callable[[Sequence[OrderRequest]], None]


class Sender:
    """A sink that stands behind the journal's."""

    def __init__(self, engine: Engine, submit: Submit) -> None:
        self._engine = engine
        self._submit = submit
        self._kept: list[Any] = []

    def take(self, rows: Any) -> None:
        """Keep what is for the broker until its batch is closed."""
        chosen = rows[np.isin(rows["type"], list(VERBS))]
        if len(chosen):
            self._kept.append(chosen.copy())

    def close_batch(
        self, _batch: Columns, _controls: Controls, _texts: Sequence[Texts] = ()
    ) -> None:
        """Hand over what the batch brought forth: the sinks before this one have kept it."""
        kept, self._kept = self._kept, []
        requests = [request for rows in kept for request in requests_in(rows, self._engine)]
        if requests:
            self._submit(requests)


def requests_in(rows: Iterable[Any], engine: Engine) -> Iterator[OrderRequest]:
    """Yield the requests among output rows.

    How far a market order may fill is not in its row: it is looked up in the order table, and 0
    of an order that has left it.
    """
    for row in rows:
        kind = Out(int(row["type"]))
        if kind in VERBS:
            yield request_of(row, kind, engine)


def request_of(row: Any, kind: Out, engine: Engine) -> OrderRequest:
    """Return the request that an output row is."""
    said = dict(zip(OUT_MEANING[kind], (int(row[name]) for name in "abcd"), strict=True))
    number = int(row["order"])
    return OrderRequest(
        number, int(VERBS[kind]), int(row["strategy"]), int(row["row"]), int(row["qty"]),
        said["kind"], int(row["price"]), said.get("trigger", 0), said.get("tif", 0),
        said["product"], protection_of(engine, number),
    )  # fmt: skip


def protection_of(engine: Engine, number: int) -> int:
    """Return how far an order may fill from the last price."""
    orders = engine.tables["orders"]
    found = np.flatnonzero(orders["id"] == number)
    return int(orders["protection"][found[0]]) if len(found) else 0


def doubts(engine: Engine) -> list[Report]:
    """Return that each order is in doubt about which a message was sent and is not answered."""
    orders = engine.tables["orders"]
    live = (orders["id"] != 0) & (orders["state"] < OrderState.UNKNOWN)
    asked = (
        (orders["state"] == OrderState.IN_FLIGHT)
        | (orders["cancel_ts"] != NEVER)
        | (orders["modify_ts"] != NEVER)
    )
    found = np.sort(orders[live & asked], order="id")
    return [
        Report(int(ReportKind.UNKNOWN), int(order["id"]), int(order["row"]), text=INTERRUPTED)
        for order in found
    ]
