"""The morning after: what was carried, what has changed over night, and what is said of it once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.brokers.zerodha.orders import closing
from alphapanda.brokers.zerodha.orders.desk import Desk
from alphapanda.brokers.zerodha.orders.mornings import listed_otherwise, new_limits
from alphapanda.brokers.zerodha.orders.reading import HoldingRow
from alphapanda.brokers.zerodha.orders.reconciling import Books, compare_night, say_reconciled
from alphapanda.brokers.zerodha.orders.restoring import forget_expired, restore
from alphapanda.brokers.zerodha.orders.sent import SENT, Before, sent_facts
from alphapanda.brokers.zerodha.orders.state import Alert, Say, Send, State
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.model.calendar import DAY, EPOCH
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.limits import RejectionCode
from tests.support.orders import DEPLOYMENT, INFY, NIFTY_FUT, ROWS, RUN, TCS, market, new, rs
from tests.support.venue import OPEN_NS, World
from tests.support.venue_faults import Way

TODAY = date(2025, 12, 29)
NUMBER = TODAY.toordinal() - EPOCH
FUTURE = replace(NIFTY_FUT, expiry=date(2025, 12, 26))


def carrying(qty: int, row: int = 0, product: Product = Product.CNC) -> State:
    """Return a state that carries a position into today."""
    key = (row, int(product))
    instruments = (INFY, TCS, FUTURE)
    return State(Tags(RUN, DEPLOYMENT, NUMBER), instruments, day=NUMBER, held={key: qty},
                 carried={key: qty})  # fmt: skip


def of_kind(state: State, kind: ReportKind) -> list[Report]:
    """Return what was said of a kind."""
    said = [one.report for one in state.actions if isinstance(one, Say)]
    return [one for one in said if one.kind == kind]


def test_a_contract_that_has_expired_is_not_carried() -> None:
    """Its settlement is no trade: the broker shows nothing, and neither do we expect it."""
    state = carrying(65, 2, Product.NRML)
    forget_expired(state)
    assert (state.held, state.carried) == ({}, {})
    state = carrying(10)
    forget_expired(state)
    assert list(state.carried.values()) == [10]


@pytest.mark.parametrize("held", [20, 4])
def test_where_the_night_changed_a_quantity_nothing_is_sent(held: int) -> None:
    """Prices and quantities of exits are of before a split; a person hears of every one."""
    state, books = carrying(10), Books()
    books.holdings = {"NSE:INFY": HoldingRow("NSE:INFY", held, 0, 0, 0, 0, 0)}
    compare_night(state, books)
    (blocked,) = of_kind(state, ReportKind.BLOCKED)
    assert (blocked.row, blocked.reason) == (0, RejectionCode.READ_ONLY)
    desk = Desk(state, books)
    state.actions.clear()
    actions = desk.take([market(7, -10)], 1.0)
    assert not [one for one in actions if isinstance(one, Send)]
    alerts = [one.word for one in actions if isinstance(one, Alert)]
    assert "exit not sent" in alerts
    assert [one.kind for one in (a.report for a in actions if isinstance(a, Say))] == [
        ReportKind.REJECTED
    ]  # fmt: skip
    other = desk.take([new(8, row=1)], 2.0)
    assert [one.order for one in other if isinstance(one, Send)] == [8]


@pytest.mark.parametrize(("has", "word"), [(50, ""), (60, ""), (100, "CORPORATE_ACTION"),
                                           (9, "overnight"), (10, "CORPORATE_ACTION")])  # fmt: skip
def test_shares_of_others_are_no_corporate_action(has: int, word: str) -> None:
    """Beside ten of ours lay forty of the person's: five times as many is what there was before."""
    state, books = carrying(10), Books()
    state.expected = {("NSE:INFY", "CNC"): 50}
    books.holdings = {"NSE:INFY": HoldingRow("NSE:INFY", has, 0, 0, 0, 0, 0)}
    compare_night(state, books)
    assert [one.word for one in state.actions if isinstance(one, Alert)] == ([word] if word else [])


def test_what_was_sold_before_the_night_is_not_compared() -> None:
    """Shares of others in its place are no matter of ours."""
    state, books = carrying(0), Books()
    books.holdings = {"NSE:INFY": HoldingRow("NSE:INFY", 2, 0, 0, 0, 0, 0)}
    compare_night(state, books)
    assert (state.night, state.actions) == (set(), [])


def test_the_evening_says_what_the_morning_is_to_show(tmp_path: Path) -> None:
    """Bought shares join the holdings, sold ones have left them, contracts stay positions."""
    row = {"exchange": "NSE", "average_price": 1, "overnight_quantity": 0}
    positions = {"net": [
        {**row, "tradingsymbol": "INFY", "product": "CNC", "quantity": 3},
        {**row, "tradingsymbol": "TCS", "product": "CNC", "quantity": -2},
        {**row, "exchange": "NFO", "tradingsymbol": "X", "product": "NRML", "quantity": -65},
        {**row, "tradingsymbol": "WIPRO", "product": "MIS", "quantity": 5},
    ]}  # fmt: skip
    share = {"exchange": "NSE", "t1_quantity": 1, "used_quantity": 0, "collateral_quantity": 0,
             "authorised_quantity": 0}  # fmt: skip
    holdings = [{**share, "tradingsymbol": "INFY", "quantity": 6}]
    held = closing.held_overnight(positions, holdings)
    assert held == {"NSE:INFY CNC": 10, "NFO:X NRML": -65}
    found = closing.Closing("2025-12-26", (), (), (), 0, 0, (), held)
    found.write(tmp_path)
    assert closing.expected_on(tmp_path, TODAY) == {
        ("NSE:INFY", "CNC"): 10, ("NFO:X", "NRML"): -65,
    }  # fmt: skip
    assert closing.expected_on(tmp_path, date(2025, 12, 26)) == {}
    assert closing.expected_on(tmp_path / "none", TODAY) == {}


def test_how_the_books_agree_is_said_when_it_changes() -> None:
    """Once at the start, once after a trade; a second start in the same state says nothing new."""
    made = World(1, Way(lost_updates=0))

    def reconciled() -> list[tuple[int, str]]:
        made.keep()
        return [
            (one.qty, one.text.partition(": ")[2]) for one in made.journal
            if isinstance(one, Report) and one.kind == ReportKind.RECONCILED
        ]  # fmt: skip

    made.run(130)
    assert reconciled() == [(0, "ours nothing; differing nothing")]
    made.send(new(1, 5, 1_600))
    made.run(130)
    assert reconciled()[1:] == [(0, "ours NSE:INFY CNC 5; differing nothing")]
    entries = len(made.journal)
    made.begin()
    made.run(130)
    made.keep()
    assert len(made.journal) == entries


def test_what_differs_is_counted_and_named() -> None:
    """The number of instruments is in the event, their names beside it; once."""
    state, books = carrying(10), Books()
    books._left.clear()
    compare_night(state, books)
    say_reconciled(state, books)
    say_reconciled(state, books)
    (told,) = of_kind(state, ReportKind.RECONCILED)
    assert told.qty == 1
    assert told.text == "2025-12-29: ours NSE:INFY CNC 10; differing NSE:INFY"


def test_charges_of_a_day_are_those_of_its_own_orders(tmp_path: Path) -> None:
    """What was traded the day before is on that day's note; its closing keeps its date."""
    before = Before()
    for order, day in ((1, NUMBER - 1), (2, NUMBER)):
        tag = Tags(RUN, DEPLOYMENT, day).of(order)
        send = Send(order, "place", order, tag, "POST", "/orders/regular", b"")
        before.recall(SENT, sent_facts(send, epoch=1, day=day, now_ns=1), NUMBER)
    state = State(Tags(RUN, DEPLOYMENT, NUMBER), ROWS, day=NUMBER)
    fills = [
        Report(ReportKind.FILLED, order, 0, qty, rs(1_500), exchange_ns=ns, trade_id=str(order))
        for order, qty, ns in ((1, 10, OPEN_NS - DAY), (2, -10, OPEN_NS))
    ]
    restore(state, [new(1, 10), fills[0], new(2, -10), fills[1]], before, 0.0)
    assert [row["transaction_type"] for row in closing.charge_rows(state)] == ["SELL"]
    assert (state.held, state.carried) == ({(0, 0): 0}, {(0, 0): 10})
    found = closing.close(state, Books(), None, schedule=Schedule.zerodha(), day=TODAY)
    assert found.open_orders == ()
    replace(found, day="2025-12-26").write(tmp_path)
    found.write(tmp_path)
    found.write(tmp_path)
    days = {path.name: json.loads(path.read_text())["day"] for path in tmp_path.iterdir()}
    assert days == {"closing.json": "2025-12-29", "closing-2025-12-26.json": "2025-12-26"}


def changed(before: Instrument, after: Instrument) -> str:
    """Return what is said of an instrument that is listed otherwise today."""
    return listed_otherwise([before], [after], TODAY).get(0, "")


def test_an_instrument_that_is_listed_otherwise_is_named() -> None:
    """Another lot or tick, or none at all; a token alone, or an expired contract, is no matter."""
    future = replace(NIFTY_FUT, expiry=date(2026, 1, 27))
    assert "lot 65 is 75" in changed(future, replace(future, lot_size=75))
    assert "tick 500 is 1000" in changed(INFY, replace(INFY, tick_size=1_000))
    assert "not in today's list" in changed(INFY, replace(INFY, token=0))
    assert not changed(INFY, replace(INFY, token=99))
    assert not changed(FUTURE, replace(FUTURE, token=0))


def test_the_days_limits_are_told_where_they_are_new() -> None:
    """Those of the run's first day hold no more; what was told today is not told again."""
    began = replace(INFY, lower_circuit=100, upper_circuit=200)
    today = replace(INFY, lower_circuit=110, upper_circuit=210)

    def told(*history: Report) -> list[tuple[int, int]]:
        return [(one.price, one.trigger) for one in new_limits([began], [today], history, TODAY)]

    assert told() == [(110, 210)]
    known = Report(ReportKind.CIRCUIT, row=0, price=110, trigger=210, exchange_ns=OPEN_NS - DAY)
    assert told(known) == []
    wider = known._replace(price=90, trigger=230)
    assert told(wider) == [(110, 210)]
    assert told(wider._replace(exchange_ns=OPEN_NS)) == []
    assert new_limits([began], [replace(INFY, upper_circuit=0)], (), TODAY) == []
