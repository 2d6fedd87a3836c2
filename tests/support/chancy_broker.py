"""A broker of our own making: it fills by chance, tells late, and loses races, but never lies.

What it does follows from a seed and from the requests, in order: no clock, no thread.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.model.rows import Kind, Reason

R = ReportKind


@dataclass
class Standing:
    """An order at the broker."""

    request: OrderRequest
    number: str
    qty: int
    filled: int = 0
    open: bool = True
    waits: bool = False
    """For its trigger."""
    trades: list[tuple[str, int, int]] = field(default_factory=list)


class Broker:
    """Takes requests, and says what becomes of them: in order for an order, but late."""

    def __init__(self, seed: int, price: Callable[[OrderRequest], int]) -> None:
        self.chance = random.Random(seed)
        self.price = price
        """Returns at what an order may trade."""
        self.orders: dict[int, Standing] = {}
        self.untold: list[Report] = []
        self.said: list[Report] = []
        """Everything that ever happened, told or not."""
        self.messages: dict[int, int] = {}
        """Places received, by order: more than one is a broken promise."""
        self.changes: dict[int, int] = {}
        self._trades = 0

    def receive(self, request: OrderRequest) -> None:
        """Take one request, and do with it what chance says."""
        if request.verb == RequestVerb.NEW:
            self._place(request)
            return
        order = self.orders.get(request.order)
        assert order is not None, "a change of an order that was never placed"
        if request.verb == RequestVerb.MODIFY:
            self.changes[request.order] = self.changes.get(request.order, 0) + 1
        if not order.open or self._one_in(6):
            self._say(R.CHANGE_REJECTED, order, reason=Reason.REJECTED, text="being processed")
        elif request.verb == RequestVerb.CANCEL:
            if self._one_in(3):
                self._trade(order)
            if order.open:
                self._end(order, R.CANCELLED)
            else:
                self._say(R.CHANGE_REJECTED, order, reason=Reason.REJECTED, text="complete")
        else:
            self._change(order, request)

    def _place(self, request: OrderRequest) -> None:
        self.messages[request.order] = self.messages.get(request.order, 0) + 1
        order = Standing(request, f"25{request.order:014d}", request.qty)
        order.waits = request.kind >= Kind.STOP_LIMIT
        self.orders[request.order] = order
        if self._one_in(5):
            self._say(R.UNKNOWN, order, text="no answer")
        if self._one_in(10):
            self._end(order, R.REJECTED, reason=self.chance.choice([Reason.MARGIN, Reason.LAPSED]))
            return
        if request.kind != Kind.MARKET or self._one_in(2):  # else its trades prove it
            self._say(R.ACKNOWLEDGED, order)
        if request.kind == Kind.MARKET:
            while order.open:
                self._trade(order)

    def _change(self, order: Standing, request: OrderRequest) -> None:
        if abs(request.qty) <= abs(order.filled):
            self._say(R.CHANGE_REJECTED, order, reason=Reason.REJECTED)
            return
        order.qty = request.qty
        order.request = order.request._replace(price=request.price, trigger=request.trigger)
        self._say(R.REPLACED, order, qty=request.qty, price=request.price, trigger=request.trigger)

    def move(self) -> None:
        """Let something happen at the exchange: trades, mostly, and ends that nobody asked for."""
        for order in self.orders.values():
            if order.open and self._one_in(8):
                self._trade(order)
            elif order.open and self._one_in(60):
                self._end(order, R.CANCELLED, reason=Reason.EXTERNAL)

    def _trade(self, order: Standing) -> None:
        if order.waits:
            order.waits = False
            self._say(R.TRIGGERED, order)
        left = abs(order.qty - order.filled)
        size = left if self._one_in(2) else self.chance.randint(1, left)
        signed = size if order.qty > 0 else -size
        self._trades += 1
        order.filled += signed
        order.open = order.filled != order.qty
        trade = str(self._trades)
        price = self.price(order.request) + 5 * self.chance.randint(-20, 20)
        order.trades.append((trade, signed, price))
        self._say(R.FILLED, order, qty=signed, price=price, trade_id=trade)

    def _end(self, order: Standing, kind: ReportKind, reason: int = 0) -> None:
        order.open = False
        self._say(kind, order, reason=reason)

    def end_day(self) -> None:
        """Let everything that stands expire."""
        for order in self.orders.values():
            if order.open:
                self._end(order, R.EXPIRED)

    def _say(self, kind: ReportKind, order: Standing, **facts: object) -> None:
        number = "" if kind == R.UNKNOWN else order.number
        about = {"row": order.request.row, "broker_order_id": number, **facts}
        report = Report(int(kind), order.request.order, **about)  # type: ignore[arg-type]
        self.untold.append(report)
        self.said.append(report)

    def begin_again(self, known: Iterable[Report]) -> None:
        """Tell a client that starts anew what a run does not know, and all trades once more."""
        left = Counter(known)
        self.untold = []
        for report in self.said:
            left[report] -= 1
            if left[report] < 0 or report.kind in (R.FILLED, R.SQUARED_OFF):
                self.untold.append(report)

    def _one_in(self, count: int) -> bool:
        return self.chance.randrange(count) == 0

    def told(self, *, all_: bool = False) -> Iterator[Report]:
        """Yield reports that come now: trades may come behind what followed them."""
        late: list[Report] = []
        for report in self.untold:
            if not all_ and self._one_in(3):
                late.append(report)
            elif not all_ and self._follows(report, late):
                late.append(report)
            else:
                yield report
        self.untold = late

    # A trade may be told late, behind its order's end; of anything else the order is kept.
    def _follows(self, report: Report, late: Sequence[Report]) -> bool:
        mine = [each for each in late if each.order == report.order]
        if report.kind in (R.CANCELLED, R.EXPIRED, R.CHANGE_REJECTED):
            return any(each.kind != R.FILLED for each in mine)
        return bool(mine)


class Client:
    """The broker as an `ExecutionClient`."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._came = asyncio.Event()

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Take requests."""
        for request in requests:
            self.broker.receive(request)
        self._came.set()

    async def reports(self) -> AsyncIterator[Report]:
        """Yield what the broker says."""
        while True:
            for report in self.broker.told(all_=True):
                yield report
            self._came.clear()
            await self._came.wait()

    async def open_orders(self) -> Sequence[Report]:
        """Return every order that is open at the broker."""
        return [
            Report(int(R.ACKNOWLEDGED), number, order.request.row, broker_order_id=order.number)
            for number, order in self.broker.orders.items() if order.open
        ]  # fmt: skip
