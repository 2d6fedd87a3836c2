"""What a core sends to a broker: requests leave once their batch is on the disk, each one once.

Behind a crash nothing is sent again. Whatever of it is not answered is in doubt (`doubts`), and
the client, which looks at the broker, says what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from alphapanda.books.state import OrderState, RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.engine.controls import Controls
from alphapanda.engine.engine import Engine
from alphapanda.model.columns import Columns
from alphapanda.model.rows import NEVER, OUT_MEANING, Out, Reason
from alphapanda.model.texts import Texts, adopted

VERBS = {
    Out.ORDER: RequestVerb.NEW, Out.MODIFY: RequestVerb.MODIFY, Out.CANCEL: RequestVerb.CANCEL,
    Out.ADOPTED: RequestVerb.ADOPT,
}  # fmt: skip
WANTED = [*VERBS, Out.COMMAND]
COMMAND_NUMBER = "abcd"[OUT_MEANING[Out.COMMAND].index("number")]
NOTHING: Mapping[int, str] = MappingProxyType({})
INTERRUPTED = "the run was interrupted before its answer was in the journal"
Submit = Callable[[Sequence[OrderRequest]], None]


class Way(NamedTuple):
    """Where a run's orders go, and where those of each strategy may."""

    broker: str
    allowed: tuple[str, ...]
    """By strategy, as a deployment binds it."""
    refuse: Callable[[Report], None]
    """Takes the end of an order that is bound elsewhere: it never leaves."""


class Sender:
    """A sink that stands behind the journal's."""

    def __init__(self, engine: Engine, submit: Submit, way: Way | None = None) -> None:
        self._engine = engine
        self._submit = submit
        self._way = way
        self._kept: list[Any] = []

    def take(self, rows: Any) -> None:
        """Keep what is for the broker until its batch is closed."""
        chosen = rows[np.isin(rows["type"], WANTED)]
        if len(chosen):
            self._kept.append(chosen.copy())

    def close_batch(self, _batch: Columns, controls: Controls, texts: Sequence[Texts] = ()) -> None:
        """Hand over what the batch brought forth: the sinks before this one have kept it."""
        if not self._kept:
            return
        rows, self._kept = np.concatenate(self._kept), []
        allowed = () if self._way is None else self._way.allowed
        found = requests_in(rows, self._engine, allowed, adopted(controls, texts))
        requests = [one for one in found if self._may_leave(one)]
        if requests:
            self._submit(requests)

    def _may_leave(self, request: OrderRequest) -> bool:
        if self._way is None or request.broker == self._way.broker:
            return True
        if request.verb == RequestVerb.NEW:
            self._way.refuse(Report(
                int(ReportKind.REJECTED), request.order, request.row, reason=int(Reason.REJECTED),
                text=f"its strategy is bound to {request.broker}, and this is {self._way.broker}",
            ))  # fmt: skip
        return False


def requests_in(
    rows: Iterable[Any], engine: Engine, allowed: Sequence[str] = (),
    taken: Mapping[int, str] = NOTHING,
) -> Iterator[OrderRequest]:  # fmt: skip
    """Yield the requests among output rows, each bound to the broker of its strategy.

    How far a market order may fill is not in its row: it is looked up in the order table, and 0
    of an order that has left it. `taken`: by the number of the command which of the broker's
    orders it took over; its order follows it.
    """
    number = 0
    for row in rows:
        kind = Out(int(row["type"]))
        if kind == Out.COMMAND:
            number = int(row[COMMAND_NUMBER])
        if kind in VERBS:
            request = request_of(row, kind, engine)
            if kind == Out.ADOPTED:
                request = request._replace(adopts=taken[number], since_ns=int(row["ts"]))
            maker = request.strategy
            bound = allowed[maker] if 0 <= maker < len(allowed) else ""
            yield request._replace(broker=bound)


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
