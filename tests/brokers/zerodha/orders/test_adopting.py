"""Orders of other people that become ours: followed, booked, changed, and never sent."""

from __future__ import annotations

import pytest

from alphapanda.brokers.ports import ForeignOrder, Report, ReportKind
from alphapanda.brokers.zerodha.orders import adopting
from alphapanda.brokers.zerodha.orders.guard import EgressError
from alphapanda.brokers.zerodha.orders.reading import OrderRow
from alphapanda.brokers.zerodha.orders.restoring import restore
from alphapanda.brokers.zerodha.orders.sent import Before
from alphapanda.brokers.zerodha.orders.state import Say, Stage, State
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.model.calendar import DAY
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Kind
from tests.support.orders import DEPLOYMENT, ROWS, RUN, adopt, cancel, change, new, rs
from tests.support.venue import World
from tests.support.venue_faults import Way

R = ReportKind


def world() -> World:
    """Return a world in which nothing goes wrong."""
    return World(1, Way(lost_updates=0))


def theirs(made: World) -> str:
    """Return the number of the exchange's last order."""
    return list(made.exchange.orders)[-1]


def external(made: World) -> list[int]:
    """Return what was said, in order, of a position that is not ours."""
    return [one.qty for one in made.journal
            if isinstance(one, Report) and one.kind == R.EXTERNAL_POSITION]  # fmt: skip


def test_a_resting_order_of_somebody_else_becomes_ours() -> None:
    """Found with its terms; then changed, cancelled and reported as one of ours, sent by nobody."""
    made = world()
    made.place_foreign(5, 1_450, tag=None)
    made.run(40)
    number = theirs(made)
    state = made.desk.state
    assert adopting.find(state, number) == ForeignOrder(
        "NSE:INFY", 5, rs(1_450), 0, int(Product.CNC)
    )  # fmt: skip
    made.send(adopt(1, number, 5, 1_450))
    assert adopting.find(state, number) == f"{number} is order 1 of this run already"
    made.run(3)
    assert [(one.qty, one.broker_order_id) for one in made.of(1, R.ACKNOWLEDGED)] == [(5, number)]
    made.send(change(1, 8, 1_449))
    made.run(5)
    assert [(one.qty, one.price) for one in made.of(1, R.REPLACED)] == [(8, rs(1_449))]
    made.send(cancel(1))
    made.run(5)
    assert len(made.of(1, R.CANCELLED)) == 1
    assert [verb for _, verb, _ in made.arrived] == ["modify", "cancel"]
    with pytest.raises(EgressError):
        made.guard.pass_place(made.desk_tags.of(1), "/orders/regular", b"")


def test_what_was_filled_before_is_booked_and_no_more_external() -> None:
    """Each trade of it once, at its own price, behind a crash too; the positions agree."""
    made = world()
    made.place_foreign(15, 1_600, tag=None)
    made.run(70)
    assert external(made) == [10]
    made.send(adopt(1, theirs(made), 15, 1_600))
    made.run(2)
    made.die()
    made.run(70)
    assert sum(one.qty for one in made.of(1, R.FILLED)) == 10
    assert len({one.trade_id for one in made.of(1, R.FILLED)}) == len(made.of(1, R.FILLED))
    assert external(made) == [10, 0]
    assert made.desk.state.held == {(0, int(Product.CNC)): 10}
    assert not made.desk.state.blocks.get(0)
    assert not made.desk.books.differs


def test_a_sale_by_hand_of_what_is_ours_is_ours_again() -> None:
    """Closed elsewhere it blocks the instrument; adopted, the books agree, and the block ends."""
    made = world()
    made.send(new(1, 5, 1_600, product=Product.MIS))
    made.run(70)
    made.place_foreign(-5, 1_400, tag=None, product="MIS")
    made.run(70)
    assert made.desk.state.blocks[0]
    made.send(adopt(2, theirs(made), -5, 1_400, product=Product.MIS))
    made.run(70)
    assert [one.qty for one in made.of(2, R.FILLED)] == [-5]
    assert not made.desk.state.blocks[0]
    assert made.desk.state.held[0, int(Product.MIS)] == 0


def test_an_order_in_quarantine_is_resolved_by_adopting_it() -> None:
    """A tag of our own that no order has: adopted, its instrument takes risk again."""
    made = world()
    tag = Tags(RUN, DEPLOYMENT).of(77)
    made.place_foreign(5, 1_450, tag=tag)
    made.run(40)
    assert made.desk.state.quarantined == {theirs(made)}
    assert made.desk.state.blocks[0]
    made.send(adopt(1, theirs(made), 5, 1_450))
    made.run(5)
    assert not made.desk.state.quarantined
    assert not made.desk.state.blocks[0]
    assert len(made.of(1, R.ACKNOWLEDGED)) == 1


def test_the_next_day_it_has_expired() -> None:
    """Taken over yesterday and not over when the process died: the broker shows it no more."""
    request = adopt(1, "251229000000001", 5, 1_450)._replace(since_ns=DAY + 1)
    for day, stage in ((1, Stage.LIVE), (2, Stage.ENDED)):
        state = State(Tags(RUN, DEPLOYMENT, day), ROWS, day=day)
        restore(state, [request], Before(), 1.0)
        assert state.orders[1].stage is stage
    said = [one.report for one in state.actions if isinstance(one, Say)]
    assert [(one.kind, one.order) for one in said] == [(R.EXPIRED, 1)]


ROW = OrderRow(
    "251229000000001", "OPEN", "NSE:INFY", True, "CNC", "LIMIT", "regular", "", 5, 0, rs(1_450), 0,
    (), "", 0,
)  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), [
    ({"variety": "co"}, "a co order: only regular"),
    ({"parent_id": "251229000000000"}, "only regular"),
    ({"product": "MTF"}, "is MTF: strategies trade CNC, MIS, NRML"),
    ({"status": "STRANGE"}, "wait until Kite shows"),
    ({"status": "CANCELLED"}, "nothing of it was filled"),
    ({"status": "REJECTED"}, "nothing of it was filled"),
])  # fmt: skip
def test_what_can_be_no_strategys_is_refused_with_the_reason(
    changes: dict[str, object], said: str
) -> None:
    """The message says what it is."""
    made = world()
    made.desk.state.foreign[ROW.order_id] = ROW._replace(**changes)  # type: ignore[arg-type]
    found = adopting.find(made.desk.state, ROW.order_id)
    assert isinstance(found, str)
    assert said in found
    assert ROW.order_id in found


def test_an_order_that_is_not_there_is_refused_with_those_that_are() -> None:
    """A slip of the pen is seen at once."""
    made = world()
    assert adopting.find(made.desk.state, "17") == (
        "the order book shows no order 17 of others; it shows none"
    )
    for number in range(7):
        made.desk.state.foreign[f"25{number}"] = ROW
    said = adopting.find(made.desk.state, "17")
    assert isinstance(said, str)
    assert said.endswith("it shows 250, 251, 252, 253, 254 and 2 more")


@pytest.mark.parametrize(("changes", "levels"), [
    ({}, (rs(1_450), 0)),
    ({"tags": ("mktp",)}, (0, 0)),
    ({"kind": "MARKET", "price": 0}, (0, 0)),
    ({"kind": "SL", "status": "TRIGGER PENDING", "trigger": rs(1_451)}, (rs(1_450), rs(1_451))),
    ({"kind": "SL", "status": "OPEN", "trigger": rs(1_451)}, (rs(1_450), 0)),
    ({"kind": "SL-M", "status": "TRIGGER PENDING", "price": 0, "trigger": 9}, (0, 9)),
    ({"kind": "SL-M", "status": "COMPLETE", "filled": 5, "price": 7, "trigger": 9}, (0, 0)),
])  # fmt: skip
def test_price_and_trigger_say_what_it_still_is(
    changes: dict[str, object], levels: tuple[int, int]
) -> None:
    """A stop that was triggered waits no more; a market order has no price, though it rests."""
    assert adopting.levels(ROW._replace(**changes)) == levels  # type: ignore[arg-type]


def test_a_restart_knows_it_before_the_book_is_read() -> None:
    """By the journal alone it is live, under the broker's number, of its own kind."""
    made = world()
    request = adopt(1, "251229000000001", -5, 0, kind=Kind.STOP, trigger=rs(1_400))
    adopting.take(made.desk.state, request, made.now_s)
    tracked = made.desk.state.by_id["251229000000001"]
    assert (tracked.stage, tracked.terms.kind, tracked.terms.qty) == (Stage.LIVE, "SL-M", -5)
