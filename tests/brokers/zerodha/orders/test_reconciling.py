"""The broker's books against ours, the night between two days, and the end of a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.brokers.zerodha.orders.closing import charge_rows, charges_of, close
from alphapanda.brokers.zerodha.orders.desk import Desk
from alphapanda.brokers.zerodha.orders.reading import HoldingRow
from alphapanda.brokers.zerodha.orders.reconciling import Books, compare_night, take_profile
from alphapanda.brokers.zerodha.orders.restoring import restore
from alphapanda.brokers.zerodha.orders.sent import SentLog
from alphapanda.brokers.zerodha.orders.state import Alert, Say, Send, State
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.brokers.zerodha.orders.why import Why
from alphapanda.model.calendar import DAY
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Product
from alphapanda.model.money import to_rupees
from alphapanda.model.rows import Reason
from tests.support.orders import DEPLOYMENT, ROWS, RUN, cancel, new, rs
from tests.support.venue import OPEN_NS, World
from tests.support.venue_faults import PROFILE, Way

SECOND = 10**9
ACK, FILLED = ReportKind.ACKNOWLEDGED, ReportKind.FILLED


def world(fixed: str = "", **more: Any) -> World:
    """Return a world in which nothing goes wrong but what a test says."""
    return World(1, Way(fixed=fixed, lost_updates=0), **more)


def test_the_end_of_a_day_compares_charges_within_a_rupee() -> None:
    """All orders over, trades in, positions equal, charges as the broker's: the day may close."""
    made = world()
    made.send(new(1), new(2, 5, 1_450), new(3, -5, 1_400))
    made.run(70)
    state, books, day = made.desk.state, made.desk.books, date(2025, 12, 29)
    schedule = Schedule.zerodha()
    rows = charge_rows(state)
    assert [(row["quantity"], row["average_price"]) for row in rows] == [(5, 1500.05), (5, 1499.95)]
    ours = charges_of(state, schedule, day)
    theirs = [{"charges": {"total": float(to_rupees(ours)) / 2}} for _ in rows]
    found = close(state, books, theirs, schedule=schedule, day=day)
    assert (found.open_orders, found.agrees) == ((2,), False)
    made.send(cancel(2))
    made.run(10)
    assert close(state, books, theirs, schedule=schedule, day=day).agrees
    theirs[0]["charges"]["total"] += 1.01
    assert not close(state, books, theirs, schedule=schedule, day=day).agrees
    assert not close(state, books, None, schedule=schedule, day=day).agrees


@pytest.mark.parametrize(
    ("carried", "held", "word"),
    [(100, 100, ""), (100, 137, ""),
     (100, 150, "CORPORATE_ACTION"), (100, 1_000, "CORPORATE_ACTION"), (100, 90, "overnight"),
     (100, 0, "overnight"), (100, 200, "CORPORATE_ACTION")],
)  # fmt: skip
def test_what_was_carried_over_the_night_is_compared(carried: int, held: int, word: str) -> None:
    """A plain ratio is a corporate action's, less is a loss: both block; more is not ours."""
    key = (0, int(Product.CNC))
    books = Books()
    state = State(Tags(RUN, DEPLOYMENT), ROWS, held={key: carried}, carried={key: carried})
    books.holdings = {"NSE:INFY": HoldingRow("NSE:INFY", held, 0, 0, 50, 0, 0)}
    compare_night(state, books)
    alerts = [one.word for one in state.actions if isinstance(one, Alert)]
    assert alerts == ([word] if word else [])
    assert (Why.SYNC in state.blocks.get(0, set())) == bool(word)


def test_an_account_that_is_not_the_right_one_does_not_trade() -> None:
    """Another user's session, or one without what the run trades, is a reason not to start."""
    state, books = State(Tags(RUN, DEPLOYMENT), ROWS), Books("SIM001", frozenset({"MIS", "CNC"}))
    for profile, word in (
        ({**PROFILE, "user_id": "AB1234"}, "AB1234"), ({**PROFILE, "exchanges": ["NSE"]}, "NFO"),
        ({**PROFILE, "order_types": ["LIMIT"]}, "SL-M"), ({**PROFILE, "products": ["CNC"]}, "MIS"),
        ({**PROFILE, "products": None}, "CNC, MIS"), (PROFILE, ""),
    ):  # fmt: skip
        assert take_profile(state, books, profile)
        assert word in "".join(books.problems.values())
        assert bool(books.problems) == bool(word)


def test_an_exit_that_outlived_its_day_is_sent_anew_by_its_number(tmp_path: Path) -> None:
    """Yesterday's orders are over, their fills are carried; the same number has another tag."""
    day, filled_ns = 20_451, OPEN_NS - DAY
    yesterday = SentLog(tmp_path, 1, day=day - 1)
    for order in (1, 2):
        tag = Tags(RUN, DEPLOYMENT, day - 1).of(order)
        yesterday.sending(Send(order, "place", order, tag, "POST", "/orders/regular", b""), 1)
    yesterday.close()
    history = [
        new(1, -5, 1_600), Report(ACK, 1, 0, -5, broker_order_id="25122800000001"),
        new(3), Report(FILLED, 3, 0, 5, rs(1_500), exchange_ns=filled_ns, trade_id="7"),
        new(2, 5, 1_450), Report(ReportKind.EXPIRED, 2, 0, broker_order_id="25122800000002"),
    ]  # fmt: skip
    state = State(Tags(RUN, DEPLOYMENT, day), ROWS, day=day)
    today = SentLog(tmp_path, 2, day=day)
    restore(state, history, today.before, 0.0)
    today.close()
    said = [one.report for one in state.actions if isinstance(one, Say)]
    assert [(one.kind, one.order) for one in said] == [(ReportKind.EXPIRED, 1)]
    assert state.carried == state.held == {(0, int(Product.CNC)): 5}
    sends = [one for one in Desk(state).take([new(2, 5, 1_450)], 1.0) if isinstance(one, Send)]
    assert [one.tag for one in sends] == [Tags(RUN, DEPLOYMENT, day).of(2)]
    assert sends[0].tag not in today.before.places


def intraday(made: World, qty: int = 5, order: int = 1) -> None:
    """Buy for the day, and see it filled."""
    made.send(new(order, qty, 1_600, product=Product.MIS))
    made.run(20)


def squared(made: World) -> list[tuple[int, int, int]]:
    """Return quantity, price and reason of each trade of a square-off that the core was told."""
    return [(one.qty, one.price, one.reason) for one in made.journal
            if isinstance(one, Report) and one.kind == ReportKind.SQUARED_OFF]  # fmt: skip


def test_the_brokers_square_off_is_booked_trade_by_trade() -> None:
    """Each trade once, at its price, the fee with an order's first; books equal, nothing blocked.

    Nor is anything told again by a process that goes on.
    """
    made = world(squares_off_ns=OPEN_NS + 30 * SECOND)
    intraday(made)
    intraday(made, 8, order=2)
    made.run(30)
    made.price(1_500, 7)
    made.square_off()
    made.run(2)
    made.price(1_499, 50)
    made.run(120)
    theirs = [(one.qty, one.price) for one in made.exchange.trades if not one.order.app]
    assert [qty for qty, _ in theirs] == [7, 6]
    assert squared(made) == [
        (-qty, price, fee) for (qty, price), fee in zip(theirs, (Reason.SQUARE_OFF, 0), strict=True)
    ]
    assert not any(made.desk.state.held.values())
    assert not any(made.desk.state.blocks.values())
    assert not made.desk.books.differs
    told = [one.qty for one in made.journal
            if isinstance(one, Report) and one.kind == ReportKind.RECONCILED]  # fmt: skip
    assert told[-1] == 0
    said = len(made.journal)
    made.die()
    made.run(120)
    assert len(made.journal) == said
    assert not any(made.desk.state.held.values())


@pytest.mark.parametrize(("after_s", "own"), [(600, 0), (30, 20)])
def test_what_a_person_closes_is_no_square_off(after_s: int, own: int) -> None:
    """Sold by hand before the hour it is told and blocks; what a person sells of his own is his."""
    made = world(squares_off_ns=OPEN_NS + after_s * SECOND)
    if own:
        made.place_foreign(own, 1_600, tag=None, product="MIS")
        made.price(1_500, 100)
    intraday(made)
    made.run(60)
    made.place_foreign(-(own or 5), 1_400, tag=None, product="MIS")
    made.price(1_500, 100)
    made.run(120)
    assert not squared(made)
    assert made.desk.state.held[0, Product.MIS] == 5
    closed = [one for one in made.alerts if one.word == "position closed elsewhere"]
    assert bool(closed) == (not own)
    assert bool(made.desk.state.blocks.get(0)) == (not own)
