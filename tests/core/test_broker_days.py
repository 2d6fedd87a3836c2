"""Days at a broker of chance: late, partial and racing reports, crashes; books stay exact."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from alphapanda.books import changes, orders
from alphapanda.books.changes import MOST
from alphapanda.books.state import OrderRole, OrderState, RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.core import reports
from alphapanda.engine.compiler.program import Program
from alphapanda.engine.engine import Engine
from alphapanda.engine.tier import Tier
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, NEVER, Control, Scope
from alphapanda.runs.reports import Reports
from alphapanda.runs.sending import doubts, requests_in
from tests.core import every_hook
from tests.support.chancy_broker import Broker
from tests.support.harness import SECOND, Desk, present, share

ROWS = 300
SEEDS = range(10)


def desk(tier: Tier) -> Desk:
    """Return a desk whose orders are sent."""
    shares = (share("NSE:X"), share("NSE:Y"))
    return Desk(instruments=shares, sent=True, jit=tier != Tier.PLAIN, tier=tier, programs=PROGRAMS)


PROGRAMS: dict[Any, Program] = {}
"""Loops, bound once for all days."""


def ticks(seed: int) -> Columns:
    """Return ticks of two shares with quotes, about two seconds apart."""
    noise = np.random.default_rng(seed)
    row = noise.integers(0, 2, ROWS)
    last = 1_000_000 + np.cumsum(noise.integers(-6, 7, ROWS)) * 500
    return Columns.of(
        ts=every_hook.OPEN + np.cumsum(noise.integers(0, 4 * SECOND, ROWS)), row=row, last=last,
        volume=np.cumsum(noise.integers(0, 40, ROWS)), bid=last - 500, ask=last + 500,
        bid_qty=noise.integers(1, 60, ROWS), ask_qty=noise.integers(1, 60, ROWS),
    )  # fmt: skip


class BrokerDay:
    """One day: an engine in plain Python, its broker, and what went in and came out."""

    def __init__(self, seed: int, *, kills: int = 0) -> None:
        self.columns = ticks(seed)
        self.engine = self.fresh()
        self.reports = Reports()
        self.broker = Broker(seed, lambda request: int(self.columns.last[0]) - request.row)
        self.went_in: list[Any] = []
        self.came_out: list[bytes] = []
        self.heard: list[Report] = []
        self.waiting: set[int] = set()
        """Orders of which a change is under way, as the broker sees it."""
        chance = random.Random(seed)
        dying = {chance.randrange(20, ROWS) for _ in range(kills)}
        for at in range(ROWS):
            if at in dying:
                self.die()
            self.broker.move()
            self.step(at, at + 1, [*self.broker.told()])
        self.close()

    def fresh(self) -> Engine:
        """Return the engine of the day, in plain Python."""
        return desk(Tier.PLAIN).engine([every_hook.Ticks], present(self.columns))

    def step(self, start: int, end: int, told: list[Report], command: Any = None) -> None:
        """Feed rows behind what the broker tells, and send what comes of it."""
        self.heard += told
        self.waiting -= {r.order for r in told if r.kind in ANSWERS}
        self.reports.put(*told)
        now = int(self.engine.tables["clock"]["now"][0]) or int(self.columns.ts[0])
        controls, _ = self.reports.take(now)
        if command is not None:
            controls = np.concatenate([controls, command])
        placed = controls.copy()
        placed["at"] = start
        self.went_in.append(placed)
        rows = [
            chunk.copy() for chunk in self.engine.feed(self.columns.slice(start, end), controls)
        ]
        said = np.concatenate(rows)
        self.came_out.append(said.tobytes())
        for request in requests_in(said, self.engine):
            self.receive(request)
        self.check_orders()

    def receive(self, request: OrderRequest) -> None:
        """Let the broker take a request; of an order there is one change at a time."""
        if request.verb == RequestVerb.MODIFY:
            assert request.order not in self.waiting, "two changes under way"
            self.waiting.add(request.order)
            table = self.engine.tables["orders"]
            found = table[table["id"] == request.order]  # gone if the same batch ended it
            exits = found[found["role"] > OrderRole.ENTRY]
            assert set(exits["state"].tolist()) <= STANDING, "an exit that nobody acknowledged"
        self.broker.receive(request)

    def check_orders(self) -> None:
        """Check that the core's orders are as what it was told so far leaves them."""
        table = self.engine.tables["orders"]
        live = table[(table["id"] != 0) & (table["state"] < OrderState.CLOSED)]
        changing = {int(n) for n in live["id"][live["modify_ts"] != NEVER]}
        assert changing <= self.waiting, "a change that was answered is still awaited"
        filled = live[live["filled"] != 0]
        assert set(filled["state"].tolist()) <= {OrderState.WORKING, OrderState.UNKNOWN}

    def die(self) -> None:
        """Lose the process: the state is that of the journal, and what was not told comes again."""
        snapshot = self.engine.snapshot()
        self.engine = self.fresh()
        self.engine.restore(snapshot)
        given = self.reports.given
        booked = {(r.order, r.trade_id) for r in self.heard if r.kind == ReportKind.FILLED}
        self.reports = Reports(given=given, booked=booked)
        again = [r for r in self.heard if r.kind == ReportKind.FILLED]
        self.reports.put(*doubts(self.engine), *again)
        self.broker.untold += self.states()

    def states(self) -> list[Report]:
        """Return what a client finds at the broker: orders that are open."""
        untold = {report.order for report in self.broker.untold}
        return [
            Report(int(ReportKind.ACKNOWLEDGED), number, order.request.row)
            for number, order in self.broker.orders.items() if order.open and number not in untold
        ]  # fmt: skip

    def close(self) -> None:
        """Flatten, let all that stands expire, and hear everything."""
        flatten = np.zeros(1, CONTROL)
        flatten["ts"], flatten["kind"] = int(self.columns.ts[-1]), Control.FLATTEN
        flatten["a"] = Scope.ACCOUNT
        self.step(ROWS, ROWS, [], flatten)
        for _ in range(8):
            self.step(ROWS, ROWS, [*self.broker.told(all_=True)])
        self.broker.end_day()
        while self.broker.untold:
            self.step(ROWS, ROWS, [*self.broker.told(all_=True)])


STANDING = {OrderState.WORKING, OrderState.PENDING_TRIGGER}
ANSWERS = (
    ReportKind.REPLACED, ReportKind.CHANGE_REJECTED, ReportKind.CANCELLED, ReportKind.EXPIRED,
    ReportKind.REJECTED,
)  # fmt: skip


def check_books(day: BrokerDay) -> None:
    """Check that positions, cash and what counts as working are what the broker's trades say."""
    tables, broker = day.engine.tables, day.broker
    trades = [
        (order.request.row, qty, price)
        for order in broker.orders.values()
        for _, qty, price in order.trades
    ]
    for row in range(2):
        assert tables["positions"]["qty"][row] == sum(q for r, q, _ in trades if r == row)
    assert tables["ledgers"]["cash"][0] == -sum(qty * price for _, qty, price in trades)
    orders = tables["orders"][tables["orders"]["id"] != 0]
    assert set(orders["state"].tolist()) <= {OrderState.ASLEEP}
    working = tables["positions"]["open_buy"] + tables["positions"]["open_sell"]
    assert working.tolist() == tables["positions"]["asleep"].tolist()
    assert (tables["ledgers"]["open_value"] == 0).all()
    assert tables["ledgers"]["blocked"][-1] == 0
    assert (tables["instruments"]["unknowns"] == 0).all()
    assert tables["clock"]["reserved"][0] == 0
    assert tables["clock"]["slots"][0] == 64 - len(orders)
    assert (orders["modify_ts"] == NEVER).all()
    assert set(broker.messages.values()) == {1}, "an order was sent twice"
    assert all(count <= MOST for count in broker.changes.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_books_are_the_brokers(seed: int) -> None:
    """Whatever comes late or loses a race, each trade is booked once; all counts end at zero."""
    day = BrokerDay(seed)
    assert len(day.broker.orders) > 10
    check_books(day)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_that_dies_changes_no_trade(seed: int) -> None:
    """Started again it sends nothing twice, doubts what was not answered, and books the same."""
    check_books(BrokerDay(seed, kills=4))


def nothing(*_: Any) -> None:
    """Do nothing."""


def always(*_: Any) -> bool:
    """Say yes."""
    return True


SABOTAGE = [
    ("what ended is forgotten", orders, "remember_ended", nothing),
    ("a refused change stays", reports, "drop_change", nothing),
    ("a new quantity is counted beside the old", reports, "release", nothing),
    ("doubt is not lifted", reports, "arrive_first", nothing),
    ("what is not acknowledged is changed", changes, "stands", always),
]


@pytest.mark.parametrize(("what", "module", "name", "broken"), SABOTAGE)
def test_the_days_notice(
    what: str, module: Any, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part that is broken on purpose is noticed on one of the days."""
    monkeypatch.setattr(module, name, broken)
    PROGRAMS.clear()
    try:
        assert any(accused(seed) for seed in range(12)), f"nobody noticed that {what}"
    finally:
        PROGRAMS.clear()


def accused(seed: int) -> bool:
    """Say if something is wrong with the books of a day."""
    try:
        check_books(BrokerDay(seed))
    except AssertionError:
        return True
    return False


def replayed(day: BrokerDay, tier: Tier, pieces: int) -> bytes:
    """Return what an engine says to a day's inputs, cut into so many pieces."""
    engine = desk(tier).engine([every_hook.Ticks], present(day.columns))
    controls = np.concatenate(day.went_in)
    edges = [ROWS * n // pieces for n in range(pieces + 1)]
    said = b""
    for number, (start, end) in enumerate(pairwise(edges)):
        last = number == pieces - 1
        mine = (controls["at"] >= start) & ((controls["at"] < end) | last)
        part = controls[mine].copy()
        part["at"] -= start
        said += b"".join(c.tobytes() for c in engine.feed(day.columns.slice(start, end), part))
    return said


@pytest.mark.core
def test_a_day_replays_from_its_reports() -> None:
    """Rows and reports alone give the same bytes: in one batch or many, plain and compiled."""
    for seed in (3, 4):
        day = BrokerDay(seed, kills=1)
        expected = b"".join(day.came_out)
        for tier, pieces in ((Tier.PLAIN, 1), (Tier.PLAIN, 7), (Tier.QUICK, 1), (Tier.QUICK, 50)):
            assert replayed(day, tier, pieces) == expected, (tier, pieces)
