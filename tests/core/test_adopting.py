"""Orders of the broker's that a person makes a strategy's: followed like its own, never sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alphapanda import cancel, modify
from alphapanda.books.state import Limit, OrderState
from alphapanda.engine.engine import Engine
from alphapanda.events.envelopes import Translator, rows_of
from alphapanda.events.events import EventType, decode, encode
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Control, Kind, Out, Reason, Scope
from alphapanda.model.rows import ReportKind as R
from alphapanda.model.texts import AdoptTexts
from alphapanda.runs.sending import Sender, requests_in
from tests.support.harness import (
    SECOND,
    T0,
    Desk,
    Played,
    Script,
    controls,
    opens,
    play,
    present,
    report,
    rs,
    tick_strategy,
    ticks,
)

UNTIL = T0 + 3600 * SECOND
ROWS = ticks(*[100.0] * 20)
WORDS = AdoptTexts("id-1", "Priya", "mine after all", "251229000000009")


def adopted(second: float, qty: int, **facts: int) -> Any:
    """Return the command that gives an order of the broker's to the first strategy."""
    facts = {"row": 0, "qty": qty, "price": rs(99), "reason": int(Product.MIS), **facts}
    at = T0 + int(second * SECOND)
    return at, Control.ADOPT, Scope.STRATEGY, 0, 1, at, facts


def told(second: float, kind: R, **facts: int) -> Any:
    """Return a report about the first order of the run."""
    return report(T0 + int(second * SECOND), kind, 1, **facts)


def sent(script: Script, *events: Any, **desk: Any) -> Played:
    """Run rows of a core whose orders are sent."""
    return play(ROWS, script, events=[opens(UNTIL), *events], sent=True, **desk)


def test_it_counts_and_is_moved_as_an_order_of_the_strategy() -> None:
    """It works from the command on, its fills are the strategy's; nothing is asked for, or sent."""
    events = [adopted(1.5, 10), told(2.5, R.ACKNOWLEDGED)]
    played = sent({}, *events)
    assert played.field("positions", "open_buy") == 10
    assert played.field("ledgers", "blocked", 1) > 0
    fill = told(3.5, R.FILLED, qty=10, price=rs(98.9))
    played = sent({}, *events, fill)
    assert [row.type.name for row in played.rows if row.order] == [
        "ADOPTED", "ACKNOWLEDGED", "FILL"
    ]  # fmt: skip
    assert [(f.order, f.qty, f.price) for f in played.fills] == [(1, 10, 98.9)]
    assert (played.field("positions", "qty"), played.field("positions", "open_buy")) == (10, 0)
    assert played.field("ledgers", "blocked", 1) == 0
    assert not played.of(Out.ORDER, Out.SIGNAL)


@pytest.mark.parametrize(("terms", "kind", "state"), [
    ({}, Kind.LIMIT, OrderState.WORKING),
    ({"price": 0}, Kind.MARKET, OrderState.WORKING),
    ({"trigger": rs(101)}, Kind.STOP_LIMIT, OrderState.PENDING_TRIGGER),
    ({"price": 0, "trigger": rs(101)}, Kind.STOP, OrderState.PENDING_TRIGGER),
])  # fmt: skip
def test_its_kind_follows_from_price_and_trigger(
    terms: dict[str, int], kind: Kind, state: OrderState
) -> None:
    """What has a trigger waits for it; what has no price is at the market."""
    played = sent({}, adopted(1.5, 10, **terms), told(2.5, R.ACKNOWLEDGED))
    (row,) = played.of(Out.ADOPTED)
    assert (row.b, row.d) == (kind, Product.MIS)
    assert played.field("orders", "state") == state


def test_the_strategy_may_change_and_cancel_it() -> None:
    """By its number, as any order of its own."""
    played = sent(
        {4: lambda ctx: modify(ctx, 1, 10, rs(98)), 6: lambda ctx: cancel(ctx, 1)},
        adopted(1.5, 10), told(2.5, R.ACKNOWLEDGED), told(4.5, R.REPLACED), told(7.5, R.CANCELLED),
    )  # fmt: skip
    assert played.life(1) == [
        "ADOPTED", "ACKNOWLEDGED", "MODIFY", "MODIFIED", "CANCEL", "CANCELLED"
    ]  # fmt: skip
    assert played.field("positions", "open_buy") == 0


def test_without_room_it_is_not_taken_and_that_is_said() -> None:
    """The order stays at the broker as it is; nothing is handed over for it."""
    played = sent({}, adopted(1.5, 10), adopted(2.5, 5), sizes=Limit(orders=1, out=256))
    assert [(r.order, r.qty, r.a) for r in played.of(Out.FAILED)] == [(0, 5, Reason.CAPACITY)]
    assert len(played.of(Out.ADOPTED)) == 1


@pytest.mark.parametrize("wrong", [{"qty": 0}, {"row": 5}])
def test_an_order_that_there_cannot_be_stops_the_run(wrong: dict[str, int]) -> None:
    """An operator's side that let it pass is broken."""
    with pytest.raises(AssertionError):
        sent({}, adopted(1.5, **{"qty": 10, **wrong}))


def test_a_core_that_fills_orders_itself_takes_none() -> None:
    """On paper no broker has an order."""
    with pytest.raises(AssertionError):
        play(ROWS, {}, events=[opens(UNTIL), adopted(1.5, 10)])


def batch() -> tuple[Engine, Any, Any]:
    """Return an engine, its control rows, and what it said to them."""
    engine = Desk(sent=True, always=False).engine([tick_strategy({})], present(ROWS))
    placed = controls(opens(UNTIL), adopted(1.5, 10), columns=ROWS)
    return engine, placed, np.concatenate([c.copy() for c in engine.feed(ROWS, placed)])


def test_its_event_names_the_brokers_order_and_comes_back() -> None:
    """The command says who and why, the order its number; rows are made of them again."""
    _, placed, rows = batch()
    names: dict[str, Any] = {"strategies": ("mine",), "instruments": ("NSE:X",)}
    made = Translator("run", broker="zerodha", feed="feed", **names).take(
        rows, ROWS, placed, (WORDS,)
    )
    read = [decode(encode(each)) for each in made]
    by = {each.type: each.data for each in read}
    order, command = by[EventType.ORDER_ADOPTED], by[EventType.COMMAND]
    assert (order.broker_order_id, order.strategy, order.qty) == (WORDS.broker_order_id, "mine", 10)
    assert (command.verb, command.name, command.by, command.reason) == (
        "adopt", "mine", WORDS.by, WORDS.reason
    )  # fmt: skip
    assert rows_of(read, **names).tobytes() == rows.tobytes()


def test_the_client_is_told_which_order_it_is() -> None:
    """With the number that the core gave it, and the time; the same from the journal's rows."""
    engine, placed, rows = batch()
    told: list[Any] = []
    sink = Sender(engine, told.extend)
    sink.take(rows)
    sink.close_batch(ROWS, placed, (WORDS,))
    (request,) = told
    assert (request.order, request.adopts, request.qty) == (1, WORDS.broker_order_id, 10)
    assert request.since_ns == T0 + int(1.5 * SECOND)
    assert [*requests_in(rows, engine, (), {1: WORDS.broker_order_id})] == told
