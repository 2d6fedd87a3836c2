"""The comparison of two books: what is in one only, twice, or never answered is found and named."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from alphapanda.events.events import Envelope, EventType, Fill, Order, OrderUnknown
from alphapanda.rehearsal.comparing import FIRST_TRADE, compare

TAG, OTHER = "AAAAAAAAAAAAAAAAAAAP", "BBBBBBBBBBBBBBBBBBAP"
PRICE = 15_000_500


def received(tag: str) -> dict[str, Any]:
    """Return the ledger's entry of a request to place an order."""
    return {"kind": "received", "method": "POST", "path": "/orders/regular", "tag": tag}


def traded(number: int, qty: int, *, tag: str = TAG, app: bool = True) -> dict[str, Any]:
    """Return the ledger's entry of a trade."""
    return {
        "kind": "trade", "trade": number, "order": "2512290001", "key": "NSE:INFY", "app": app,
        "side": "BUY" if qty > 0 else "SELL", "qty": abs(qty), "price": PRICE, "tag": tag,
    }  # fmt: skip


def ledger(*entries: dict[str, Any], qty: int) -> dict[str, Any]:
    """Return a ledger whose account holds a quantity of INFY."""
    return {"entries": list(entries), "positions": {"NSE:INFY:CNC": {"qty": qty}}}


def event(type_: EventType, data: Any, seq: int) -> Envelope:
    """Return an event of a run."""
    facts = {"id": str(seq), "seq": seq, "ts": seq, "type": type_, "data": data}
    return Envelope(**{name: facts.get(name, "") for name in Envelope.__struct_fields__})


def fill(number: int, qty: int, *, price: str = "1500.05") -> Envelope:
    """Return the event of a fill."""
    data = Fill(
        cause=1, strategy="s", instrument="NSE:INFY", order=1, group=0, qty=qty, price=price,
        charges="0.00", realised="0.00", position=qty, filled=qty,
        trade_id=str(FIRST_TRADE + number), broker_order_id="2512290001",
    )  # fmt: skip
    return event(EventType.ORDER_FILLED, data, number)


def test_one_book() -> None:
    """What both books have, once each, is equal; a foreign trade is none of ours."""
    book = ledger(
        received(TAG), traded(1, 5), traded(2, -2, tag="", app=False), qty=3,
    )  # fmt: skip
    found = compare(book, [fill(1, 5)])
    assert found.equal
    assert (found.orders_sent, found.trades, found.foreign) == (1, 1, 1)
    assert found.differences == ()


def closed(number: int, qty: int, part: str = "", *, price: str = "1500.05") -> Envelope:
    """Return the event of a part of a trade of the exchange's own square-off."""
    data = replace(fill(number, qty, price=price).data, order=0)
    return event(
        EventType.ORDER_FILLED, replace(data, trade_id=data.trade_id + part), number
    )  # fmt: skip


def test_the_exchanges_square_off_is_ours() -> None:
    """Its trades closed what strategies hold, each a part; what they settled is in no ledger."""
    parts = [closed(2, -2), closed(2, -1, "/2"), closed(2, -2, "/3", price="1400.00"),
             closed(2, 2, "/4", price="1400.00")]  # fmt: skip
    book = ledger(received(TAG), traded(1, 3), traded(2, -3, tag="", app=False), qty=0)
    found = compare(book, [fill(1, 3), *parts])
    assert found.equal, found.differences
    assert (found.trades, found.foreign) == (2, 0)
    assert not compare(book, [fill(1, 3), *parts[:1]]).equal


@pytest.mark.parametrize(
    ("book", "events", "wrong"),
    [
        pytest.param(
            ledger(received(TAG), received(TAG), traded(1, 5), qty=5), [fill(1, 5)],
            {"duplicates": 1}, id="a tag sent twice",
        ),
        pytest.param(
            ledger(received(TAG), traded(1, 5), qty=5), [fill(1, 5), fill(1, 5)],
            {"duplicates": 1, "position_equal": False, "cash_equal": False},
            id="a trade booked twice",
        ),
        pytest.param(
            ledger(received(TAG), traded(1, 5), qty=5), [],
            {"lost": 1, "position_equal": False, "cash_equal": False}, id="a trade lost",
        ),
        pytest.param(
            ledger(received(TAG), traded(1, 5), qty=5), [fill(1, 5, price="1500.10")],
            {"lost": 2, "cash_equal": False}, id="another price",
        ),
        pytest.param(
            ledger(received(TAG), traded(1, 5), qty=4), [fill(1, 5)],
            {"position_equal": False}, id="an account that holds something else",
        ),
    ],
)  # fmt: skip
def test_two_books(book: dict[str, Any], events: list[Envelope], wrong: dict[str, Any]) -> None:
    """Each way to differ is seen, and said."""
    found = compare(book, events)
    assert not found.equal
    fine = {"duplicates": 0, "lost": 0, "position_equal": True, "cash_equal": True}
    assert {name: getattr(found, name) for name in fine} == {**fine, **wrong}
    assert found.differences


def test_an_order_that_stays_unknown() -> None:
    """Until something says what became of it, an order in doubt is a difference."""
    terms = {
        "cause": 1, "strategy": "s", "instrument": "NSE:INFY", "order": 7, "group": 0, "qty": 5,
        "price": "1.00", "trigger": "0.00", "kind": "LIMIT", "product": "CNC",
    }  # fmt: skip
    unknown = event(EventType.ORDER_UNKNOWN, OrderUnknown(**terms, filled=0), 1)
    left = compare(ledger(received(OTHER), qty=0), [unknown])
    assert (left.equal, left.unknown, left.unknown_resolved) == (False, 1, 0)
    known = event(EventType.ORDER_ACKNOWLEDGED, Order(**terms, tif="DAY"), 2)
    done = compare(ledger(received(OTHER), qty=0), [unknown, known])
    assert (done.equal, done.unknown, done.unknown_resolved) == (True, 1, 1)
