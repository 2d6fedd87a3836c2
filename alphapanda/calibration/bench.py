"""Orders as they were sent, through the paper matching of the core, on the rows of their run.

The loop is the one that paper runs have; only whoever asks is another: orders, changes and
cancellations come from the journal of a live run, each at its place among the rows, and pass no
risk gate, because the live run's own let them pass. What each order does alone counts: an exit
that live fills called for is sent here too, whatever was filled of its entry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alphapanda.books import orders
from alphapanda.books.protection import automatic
from alphapanda.books.state import Limit, Maker, OrderRole, RequestVerb
from alphapanda.calibration.idle import IDLE
from alphapanda.calibration.sent import Act, Filled, LiveRun, SentOrder, Verb, filled_of
from alphapanda.core import gate
from alphapanda.core.ticks import doubt_tick
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.program import build
from alphapanda.engine.engine import Engine
from alphapanda.engine.records import view
from alphapanda.engine.setup import Enrolment, Paper, Setup
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Product
from alphapanda.model.money import to_scaled
from alphapanda.model.rows import NEVER, Kind, Out, Reason

SCRATCH = ("out", "controls")
FEW = 8
"""Output rows that one message leaves at most."""


class Bench:
    """A live run's orders and rows, to be matched on paper again and again."""

    def __init__(self, run: LiveRun, cache_dir: Path, *, jit: bool = True, times: int = 1) -> None:
        self.run = run
        everything = tuple(range(len(run.feed.instruments)))
        shape = Shape((IDLE,), run.feed.interval_ns, run.feed.columns, (True,), paper=True)
        program = build(shape, jit=jit, cache_dir=cache_dir, rows=run.columns.rows * times)
        products = tuple(Product.NRML for _ in everything)
        self._engine = Engine(program, Setup(
            instruments=run.feed.instruments,
            strategies=[Enrolment(IDLE, {}, everything, products)],
            schedule=Schedule.parse("none"), limits=run.rules.limits, first_day=run.feed.days[0],
            cash=to_scaled("1000000"), always=run.rules.calendar.is_always,
            sizes=Limit(orders=len(run.orders) + FEW, out=4_096),
        ))  # fmt: skip
        tables = self._engine.tables
        self._first = {name: t.copy() for name, t in tables.items() if name not in SCRATCH}
        short = {name: table[:FEW] if name in SCRATCH else table for name, table in tables.items()}
        self._core = program.state(*(view(table) for table in short.values()))

    def replay(self, paper: Paper) -> Filled:
        """Return what paper matching fills of each order under these settings."""
        self._begin(paper)
        found: list[Any] = []
        rows = controls = 0
        for act in self.run.acts:
            found += self._feed(rows, act.rows, controls, act.controls)
            rows, controls = act.rows, act.controls
            self._do(act)
        found += self._feed(rows, self.run.columns.rows, controls, len(self.run.controls))
        fills = np.concatenate([*found, np.zeros((0, 4), np.int64)])
        return filled_of(self.run.orders, fills)

    def tick_sizes(self) -> Any:
        """Return each instrument's tick, scaled, as the last replay left it; not above 0: none."""
        return self._engine.tables["instruments"]["tick"].copy()

    def _begin(self, paper: Paper) -> None:
        tables = self._engine.tables
        for name, first in self._first.items():
            tables[name][:] = first
        config_ = tables["config"]
        config_["latency"] = paper.latency_ns
        config_["slippage"] = paper.slippage
        config_["limit_fill"] = paper.limit_fill
        config_["volume_share"] = paper.volume_share
        config_["seed"] = paper.seed

    def _feed(self, start: int, stop: int, first: int, last: int) -> list[Any]:
        if start == stop and first == last:
            return []
        controls = self.run.controls[first:last].copy()
        controls["at"] -= start
        found = []
        for rows in self._engine.feed(self.run.columns.slice(start, stop), controls):
            fills = rows[rows["type"] == Out.FILL]
            columns = (fills["order"] - 1, np.abs(fills["qty"]), fills["price"], fills["ts"])
            found.append(np.stack(columns, axis=1))
        return found

    def _do(self, act: Act) -> None:
        core, clock = self._core, self._core.clock[0]
        clock.now = max(clock.now, act.ts)
        order = self.run.orders[act.order]
        number = act.order + 1
        if act.verb == Verb.PLACE:
            self._place(order, number)
        else:
            slot = orders.find(core, order.row, 0, number)
            if slot >= 0:
                self._touch(core.orders[slot], act)
        clock.n_out = 0  # what a message says is known: it was sent

    def _place(self, order: SentOrder, number: int) -> None:
        core = self._core
        request = core.requests[0]
        request.id, request.strategy, request.row = number, 0, order.row
        request.qty, request.kind, request.tif = order.qty, order.kind, order.tif
        request.price, request.trigger = order.price, order.trigger
        request.product, request.order = Product.NRML, 0
        request.stop = request.target = request.trail = 0
        request.role, request.system = OrderRole.NONE, Maker.STRATEGY
        market = core.instruments[order.row]
        doubt_tick(market)
        by_market = order.kind in (Kind.MARKET, Kind.STOP)
        request.protection = automatic(market.segment, market.last) if by_market else 0
        gate.place(core, request)
        if order.kind == Kind.MARKET:  # what its protection allowed when it was sent
            core.orders[market.tail].price = order.price

    def _touch(self, order: Any, act: Act) -> None:
        core = self._core
        if act.verb == Verb.CANCEL:
            orders.request_cancel(core, order, Reason.STRATEGY)
        elif act.verb == Verb.END:
            order.cancel_ts = core.clock[0].now
            order.reason = Reason.EXTERNAL
        elif order.cancel_ts == NEVER:
            request = core.requests[0]
            request.verb, request.order, request.strategy = RequestVerb.MODIFY, order.id, 0
            request.row, request.qty = order.row, act.qty
            request.price, request.trigger = act.price, act.trigger
            gate.complete(request, order)
            blocked = order.blocked
            orders.release(core, order)
            gate.change(core, order, request, blocked)
