"""Single cases of an order's life, in virtual time, each on the simulated exchange."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.brokers.zerodha.answers import Answer, Outcome
from alphapanda.brokers.zerodha.orders import changing, following, placing
from alphapanda.brokers.zerodha.orders.guard import EgressError
from alphapanda.brokers.zerodha.orders.state import Stage
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.brokers.zerodha.orders.why import Why
from alphapanda.kitesim.checks import Rules
from alphapanda.kitesim.orders import OPEN, Order
from alphapanda.kitesim.terms import Changes
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Kind, Reason
from tests.support.orders import DEPLOYMENT, cancel, change, new, rs
from tests.support.venue import World
from tests.support.venue_faults import Way, error

ACK, FILLED, REPLACED = ReportKind.ACKNOWLEDGED, ReportKind.FILLED, ReportKind.REPLACED
CANCELLED, REJECTED = ReportKind.CANCELLED, ReportKind.REJECTED
UNKNOWN, REFUSED = ReportKind.UNKNOWN, ReportKind.CHANGE_REJECTED


def world(fixed: str = "", **more: Any) -> World:
    """Return a world in which nothing goes wrong but what a test says."""
    return World(1, Way(fixed=fixed, lost_updates=0), **more)


def order_of(made: World, number: int = 0) -> Order:
    """Return the exchange's order."""
    return list(made.exchange.orders.values())[number]


def blocks(made: World, row: int) -> list[tuple[ReportKind, int]]:
    """Return what was said of new risk on a row."""
    return [
        (ReportKind(one.kind), one.reason) for one in made.journal
        if isinstance(one, Report) and one.row == row
        and one.kind in (ReportKind.BLOCKED, ReportKind.UNBLOCKED)
    ]  # fmt: skip


def test_an_unknown_order_blocks_its_instrument_until_it_is_found() -> None:
    """The core hears UNKNOWN at once, and ACKNOWLEDGED and the block's end once the tag is seen."""
    made = world("502 page, placed")
    made.way.hidden_s = 20
    made.send(new(1))
    made.run(10)
    assert [one.kind for one in made.journal if isinstance(one, Report) and one.order] == [UNKNOWN]
    made.way.fixed = ""
    made.send(new(2))
    made.run(1)
    assert [one.reason for one in made.of(2, REJECTED)] == [Reason.SYNC]
    made.run(30)
    assert len(made.of(1, ACK)) == len(made.of(1, FILLED)) == 1
    code = RejectionCode.BLOCKED_UNKNOWN
    assert blocks(made, 0) == [(ReportKind.BLOCKED, code), (ReportKind.UNBLOCKED, code)]
    made.check()


def test_an_order_that_never_appears_lapses_after_three_minutes_and_not_before() -> None:
    """LAPSED needs 180 s and three good reads; if it appears later it is taken in again."""
    made = world("timeout, placed")
    made.way.hidden_s = 300
    made.send(new(1))
    made.run(185)
    assert not made.of(1, REJECTED)
    made.run(30)
    assert [one.reason for one in made.of(1, REJECTED)] == [Reason.LAPSED]
    made.run(150)
    assert [one.kind for one in made.journal if isinstance(one, Report) and one.order == 1] == [
        UNKNOWN, REJECTED, ACK, FILLED,
    ]  # fmt: skip
    assert "late order" in {alert.word for alert in made.alerts}
    made.check()


@pytest.mark.parametrize("how", ["empty", "short", "fails"])
def test_lists_that_cannot_be_true_prove_no_absence(how: str) -> None:
    """An empty or shorter order book, or none, is no good read: nothing lapses by it."""
    made = world()
    made.send(new(2, 5, 1_450), new(3, 5, 1_450))
    made.run(5)
    made.way.fixed = "timeout, not placed"
    made.send(new(1))
    made.run(9)
    made.way.lists, made.lists_as = 1.0, how
    made.run(400)
    assert not made.of(1, REJECTED)
    assert made.desk.state.orders[2].stage is Stage.LIVE
    made.way.lists = 0.0
    made.run(60)
    assert [one.reason for one in made.of(1, REJECTED)] == [Reason.LAPSED]


def test_a_proven_refusal_is_said_after_a_look_into_the_book() -> None:
    """Ten seconds later, once: with the broker's reason, and nothing is sent again."""
    for fault, reason in (("429", Reason.RATE), ("400 margin", Reason.MARGIN)):
        made = world(fault)
        made.send(new(1))
        made.run(9)
        assert not made.of(1, REJECTED)
        made.run(35)
        assert [one.reason for one in made.of(1, REJECTED)] == [reason]
        assert not made.arrived
        assert not made.of(1, UNKNOWN)


def test_an_address_that_is_not_listed_halts_all_placing() -> None:
    """No further order leaves, whoever asks; one alert; the account is blocked."""
    made = world("403 address")
    made.send(new(1))
    made.run(1)
    made.send(new(2), new(3))
    made.run(30)
    assert [one.reason for one in made.of(2, REJECTED)] == [Reason.IP]
    assert blocks(made, -1) == [(ReportKind.BLOCKED, RejectionCode.READ_ONLY)]
    assert [alert.word for alert in made.alerts].count("halted") == 1
    assert len(made.log) == 2, "one order was sent, and answered"
    made.way.fixed = ""
    made.die()
    made.run(40)
    made.send(new(4))
    made.run(5)
    assert made.of(4, FILLED), "whoever starts again has mended it"


def test_a_session_that_is_over_stops_orders_and_asks_rarely() -> None:
    """AUTH_LOST once; a read each 30 s; after a login the book is read and risk is allowed."""
    made = world()
    made.send(new(1, 5, 1_450))
    made.run(5)
    lost = error(403, "TokenException", "Incorrect `api_key` or `access_token`.")
    made.list_answer = lost
    made.run(20)
    asked = made.reads
    made.run(60)
    assert made.reads - asked <= 2 * 3
    made.send(new(2))
    assert made.desk.state.orders[2].stage is Stage.ENDED
    assert blocks(made, -1) == [(ReportKind.BLOCKED, RejectionCode.AUTH_LOST)]
    made.list_answer = None
    made.do(made.desk.login(made.now_s))
    made.run(5)
    assert blocks(made, -1)[-1] == (ReportKind.UNBLOCKED, RejectionCode.AUTH_LOST)
    made.send(new(3))
    made.run(5)
    assert made.of(3, FILLED)


def test_partial_fills_have_their_own_prices_and_late_ones_are_booked() -> None:
    """Not the average: each trade its own; a fill behind CANCELLED counts."""
    made = world()
    made.send(new(1, 25, 1_500.05))
    made.run(3)
    made.price(1_499)
    made.run(8)
    assert [one.price for one in made.of(1, FILLED)] == [rs(1_500.05), rs(1_500.05)]
    made.send(cancel(1))
    made.run(8)
    assert [one.reason for one in made.of(1, CANCELLED)] == [0]
    made.exchange.fill(order_of(made), 5, rs(1_500), made.ns())
    made.run(40)
    assert [one.qty for one in made.of(1, FILLED)] == [10, 10, 5]
    assert "corrected" in {alert.word for alert in made.alerts}
    made.check()


def test_cancellations_go_first_and_one_change_is_under_way() -> None:
    """Behind twenty orders a cancellation leaves at once; changes of an order take turns."""
    made = world()
    made.send(new(1, 5, 1_450))
    made.run(5)
    made.send(*(new(n, 5, 1_440) for n in range(2, 22)), cancel(1))
    made.run(10)
    verbs = [verb for _, verb, _ in made.arrived][1:]
    assert "cancel" in verbs[:8]
    assert verbs.count("place") == 20
    made.send(change(2, 6, 1_440), change(2, 7, 1_441), change(2, 8, 1_442))
    made.run(10)
    assert [one.qty for one in made.of(2, REPLACED)] == [6, 7, 8]
    assert not made.alerts
    made.check()


def test_changes_that_are_refused_or_too_many_leave_the_order_as_it_stands() -> None:
    """The 26th is not sent; one of a finished order is refused; the core hears each."""
    made = world()
    made.send(new(1, 5, 1_450))
    made.run(3)
    for n in range(26):
        made.send(change(1, 6 + n, 1_450))
        made.run(4)
    assert len(made.of(1, REPLACED)) == 25
    assert len(made.of(1, REFUSED)) == 1
    made.send(new(2))
    made.run(5)
    made.send(change(2, 9, 1_600), cancel(2))
    made.run(5)
    assert len(made.of(2, REFUSED)) == 2


def test_being_processed_is_read_again_not_failed() -> None:
    """Kite's "try later" is tried three times, after a read; then a person is told."""
    made = world()
    made.send(new(1, 5, 1_450))
    made.run(3)
    order_of(made).waits_for = "elsewhere"
    made.send(cancel(1))
    made.run(1.2)
    order_of(made).waits_for = None
    made.run(10)
    assert made.of(1, CANCELLED)
    made.send(new(2, 5, 1_450))
    made.run(3)
    order_of(made, 1).waits_for = "elsewhere"
    made.send(change(2, 6, 1_450))
    made.run(40)
    assert [verb for _, verb, _ in made.arrived].count("modify") == changing.BUSY_TRIES
    assert len(made.of(2, REFUSED)) == 1
    assert "change refused" in {alert.word for alert in made.alerts}


def test_a_cancellation_of_an_unknown_order_waits_for_it() -> None:
    """It is sent when the order is found, by its number, and not before."""
    made = world("reset, placed")
    made.way.hidden_s = 15
    made.send(new(1, 5, 1_450))
    made.run(5)
    made.send(cancel(1))
    made.run(5)
    assert [verb for _, verb, _ in made.arrived] == ["place"]
    made.run(20)
    assert made.of(1, CANCELLED)


def test_a_stop_triggers_and_a_market_order_that_rests_is_told() -> None:
    """TRIGGERED once; the protected remainder stays our market order, with an alert after 10 s."""
    made = world()
    made.send(new(1, -15, 0, kind=Kind.STOP, trigger=rs(1_495), protection=200_000))
    made.run(5)
    assert made.of(1, ACK)
    assert not made.of(1, ReportKind.TRIGGERED)
    made.price(1_490)
    made.run(5)
    assert len(made.of(1, ReportKind.TRIGGERED)) == len(made.of(1, FILLED)) == 1
    assert order_of(made).status == OPEN
    made.run(20)
    assert "market order rests" in {alert.word for alert in made.alerts}
    assert not made.of(1, REPLACED), "its protected price is no change of terms"
    made.price(1_490)
    made.run(10)
    assert made.desk.state.orders[1].stage is Stage.ENDED
    made.check()


def test_terms_that_somebody_else_changes_are_in_force() -> None:
    """A change in Kite's own terminal is said before the fills that it allows."""
    made = world()
    made.send(new(1, 5, 1_450))
    made.run(3)
    made.exchange.modify(order_of(made).order_id, Changes(qty=8, price=rs(1_600)), made.ns())
    made.act(order_of(made).order_id)
    made.run(8)
    kinds = [one.kind for one in made.journal if isinstance(one, Report) and one.order == 1]
    assert kinds == [ACK, REPLACED, FILLED]
    assert made.of(1, REPLACED)[0].qty == made.of(1, FILLED)[0].qty == 8


@pytest.mark.parametrize("status", ["UPDATE", "LAPSED", "SOMETHING NEW"])
def test_a_word_that_nobody_knows_changes_nothing(status: str) -> None:
    """The state stays, a person is told once for the word."""
    made = world()
    made.send(new(1, 5, 1_450))
    made.run(3)
    order_of(made).status = status
    made.run(60)
    assert made.desk.state.orders[1].stage is Stage.LIVE
    assert [alert.text for alert in made.alerts] == [status]


def test_missing_trades_block_the_instrument_until_they_come() -> None:
    """The book says filled, the list of trades does not: asked again, after 10 s an alert."""
    made = world()
    made.send(new(1))
    made.keep_trades = False
    made.run(9)
    assert not made.alerts
    made.run(8)
    assert [alert.word for alert in made.alerts] == ["trades missing"]
    made.keep_trades = True
    made.run(8)
    assert made.of(1, FILLED)
    assert blocks(made, 0)[-1] == (ReportKind.UNBLOCKED, RejectionCode.READ_ONLY)


def test_orders_of_others_are_external_and_ours_of_another_run_in_quarantine() -> None:
    """They are said once, never cancelled; an unknown tag of this deployment waits for a person."""
    made = world()
    kin = Tags("another run", DEPLOYMENT).of(7)
    made.place_foreign(5, 1_600, tag=None)
    made.place_foreign(5, 1_450, tag=kin)
    made.run(40)
    said = [one for one in made.journal if isinstance(one, Report)]
    external = [one for one in said if one.kind == ReportKind.EXTERNAL_ORDER]
    assert len(external) == 2
    assert [one.text.startswith("QUARANTINE") for one in external] == [False, True]
    position = [one for one in said if one.kind == ReportKind.EXTERNAL_POSITION]
    assert [(one.row, one.qty) for one in position] == [(0, 5)]
    assert blocks(made, 0) == [(ReportKind.BLOCKED, RejectionCode.READ_ONLY)]
    assert [alert.word for alert in made.alerts] == ["quarantine"]
    assert not made.arrived
    made.do(made.desk.ignore(external[1].broker_order_id, made.now_s))
    made.run(40)
    assert blocks(made, 0)[-1] == (ReportKind.UNBLOCKED, RejectionCode.READ_ONLY)
    entries = len(made.journal)
    made.begin()  # what a person has decided holds after a stop
    made.run(40)
    assert len(made.journal) == entries


def test_a_second_start_with_nothing_changed_says_nothing() -> None:
    """Orders, fills, foreign orders and positions that the journal has are no news."""
    made = world()
    made.place_foreign(5, 1_600, tag=None)
    made.send(new(1), new(2, 5, 1_450), new(3, 25, 1_500.05))
    made.run(90)
    before = len(made.journal)
    for _ in range(2):
        made.die()
        made.run(70)
    assert made.journal[before:] == []
    assert made.desk.books.is_ready
    made.check()


def test_intents_that_had_not_left_are_ended_and_sent_ones_looked_for() -> None:
    """After a kill the queue is not sent; what was sent and not answered is UNKNOWN, then found."""
    made = world()
    made.send(*(new(n, 5, 1_450) for n in range(1, 15)))
    made.die()
    made.run(30)
    ends = {n: [one.reason for one in made.of(n, REJECTED)] for n in range(1, 15)}
    placed = {made.desk.state.tags.number(e["tag"]) for e in made.ledger.entries
              if e["kind"] == "placed"}  # fmt: skip
    assert 0 < len(placed) < 14
    for n, reasons in ends.items():
        assert reasons == ([] if n in placed else [Reason.SYNC])
    made.check()


def test_what_waits_too_long_is_not_sent() -> None:
    """A runaway strategy's orders leave at eight a second; after ten seconds none does."""
    made = world()
    made.send(*(new(n, 5, 1_450) for n in range(1, 121)))
    made.run(20)
    assert 70 <= len(made.arrived) <= 88
    late = [n for n in range(1, 121) if made.of(n, REJECTED)]
    assert len(late) + len(made.arrived) == 120
    made.check()


def test_rejected_rows_and_positions_that_nothing_explains() -> None:
    """A rejection is said with its words; a position that is unexplained twice blocks."""
    made = world(rules=Rules(margin_at_call=False))
    made.account.cash = 1
    made.send(new(1))
    made.run(5)
    assert [(one.reason, "Insufficient" in one.text) for one in made.of(1, REJECTED)] == [
        (Reason.MARGIN, True)
    ]
    made.account.position(order_of(made).terms.listing, "MIS").book("BUY", 10, rs(1_500))
    made.run(130)
    assert "position differs" in {alert.word for alert in made.alerts}
    assert blocks(made, 0)[-1] == (ReportKind.BLOCKED, RejectionCode.READ_ONLY)
    assert not made.of(0, FILLED)


def send_again(state: Any, tracked: Any, _: str) -> None:
    """Do what must never be done with an answer that is lost."""
    tracked.stage = Stage.QUEUED
    state.enqueue(2, tracked)


def forget(_: Any, tracked: Any, __: Any) -> bool:
    """Forget which trades were booked."""
    tracked.trades.clear()
    return True


def overlook(_: Any, __: Any, trade: Any) -> bool:
    """Take a third of all trades for none."""
    return int(trade.trade_id) % 3 > 0


SABOTAGE: dict[str, Any] = {
    "sends again": (placing, "doubt", send_again), "books twice": (following, "fits", forget),
    "drops a fill": (following, "fits", overlook),
}  # fmt: skip


@pytest.mark.parametrize("what", SABOTAGE)
def test_the_checkers_catch_sabotage(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that re-sends, drops or doubles does not pass: a checker without teeth is none."""
    module, name, instead = SABOTAGE[what]
    monkeypatch.setattr(module, name, instead)
    caught = 0
    for seed in range(6):
        made = World(seed, Way(place=0.5, hidden_s=-1))
        made.send(new(1, 25, 1_500.05), new(2, 5))
        try:
            made.run(12)
            made.price(1_499)
            made.run(20)
            made.price(1_499)
            made.run(40)
            made.check()
        except (AssertionError, EgressError):
            caught += 1
    assert caught


def test_the_end_of_a_session_refuses_a_cancellation() -> None:
    """A cancellation refused for the session halts; the order stands as it was."""
    made = world()
    made.send(new(1, 5, 1_450))
    made.run(3)
    made.way.change, made.change_answer = (
        1.0,
        Answer(Outcome.AUTH_LOST, 403, "TokenException", "the session is over"),
    )
    made.send(cancel(1))
    made.run(2)
    assert Why.AUTH in made.desk.state.blocks[-1] or made.of(1, REFUSED)
    assert len(made.of(1, REFUSED)) == 1


def test_a_cancellation_in_the_batch_of_its_order_stands() -> None:
    """Whatever stops trading in the batch that sent an order ends that order too."""
    made = world()
    made.send(new(1, 5, 1_000), cancel(1))
    made.run(60)
    ends = [kind for kind in (ReportKind.CANCELLED, REJECTED) if made.of(1, kind)]
    assert len(ends) == 1, made.of(1, ReportKind.CHANGE_REJECTED)
    assert not made.of(1, FILLED)
