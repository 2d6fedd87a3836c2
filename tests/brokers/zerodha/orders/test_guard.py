"""The egress guard lets pass what was approved, once, and stops everything at the first doubt."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from alphapanda.brokers.ports import OrderRequest
from alphapanda.brokers.zerodha.orders.bodies import Terms, place_form, terms_of
from alphapanda.brokers.zerodha.orders.budget import Budget
from alphapanda.brokers.zerodha.orders.epochs import Epochs
from alphapanda.brokers.zerodha.orders.guard import EgressError, Guard
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.model.rows import Kind
from tests.support.orders import DEPLOYMENT, INFY, RUN, cancel, change, market, new, rs

PATH = "/orders/regular"
TAG = Tags(RUN, DEPLOYMENT).of(1)
REQUESTS = {
    "limit": new(1), "sale": new(1, -7, 1_499.95), "market": market(1),
    "stop": new(1, -5, 0, kind=Kind.STOP, trigger=rs(1_490.5), protection=150_000),
    "stop limit": new(1, 5, 1_500.5, kind=Kind.STOP_LIMIT, trigger=rs(1_500)),
}  # fmt: skip


def body(request: OrderRequest) -> bytes:
    """Return the body that the gateway makes."""
    terms = terms_of(request, INFY)
    assert isinstance(terms, Terms)
    return urlencode(place_form(terms, TAG)).encode()


def guard(request: OrderRequest, epoch: int = 1) -> Guard:
    """Return a guard that has approved a request."""
    made = Guard(epoch, lambda: 1)
    made.approve(TAG, request, INFY)
    return made


@pytest.mark.parametrize("name", REQUESTS)
def test_an_approved_order_leaves_once(name: str) -> None:
    """Its own body passes; the second time everything stops, also for other orders."""
    one = guard(REQUESTS[name])
    one.pass_place(TAG, PATH, body(REQUESTS[name]))
    with pytest.raises(EgressError, match="2 times"):
        one.pass_place(TAG, PATH, body(REQUESTS[name]))
    other = Tags(RUN, DEPLOYMENT).of(2)
    one.approve(other, new(2), INFY)
    with pytest.raises(EgressError):
        one.pass_place(other, PATH, body(new(2)).replace(TAG.encode(), other.encode()))


@pytest.mark.parametrize("name", REQUESTS)
def test_one_field_that_differs_stops_the_process(name: str) -> None:
    """Every field of a body that is changed, left out, doubled or added is noticed."""
    sent = body(REQUESTS[name])
    fields = dict(parse_qsl(sent.decode()))
    for field, value in fields.items():
        worse = {
            "changed": {**fields, field: "1" + value}, "left out": {
                key: text for key, text in fields.items() if key != field},
        }  # fmt: skip
        for form in worse.values():
            with pytest.raises(EgressError):
                guard(REQUESTS[name]).pass_place(TAG, PATH, urlencode(form).encode())
    for more in (b"&autoslice=true", b"&quantity=5", b"&iceberg_legs=2", b"&disclosed_quantity=1"):
        with pytest.raises(EgressError):
            guard(REQUESTS[name]).pass_place(TAG, PATH, sent + more)
    with pytest.raises(EgressError):
        guard(REQUESTS[name]).pass_place(TAG, "/orders/amo", sent)


def test_what_was_never_approved_or_sent_before_stays() -> None:
    """An unknown tag, and one that an earlier process has sent, do not leave."""
    with pytest.raises(EgressError, match="never approved"):
        Guard(1, lambda: 1).pass_place(TAG, PATH, body(new(1)))
    again = Guard(2, lambda: 2, sent={TAG: 1})
    again.approve(TAG, new(1), INFY)
    with pytest.raises(EgressError, match="2 times"):
        again.pass_place(TAG, PATH, body(new(1)))


def test_changes_leave_as_approved_to_the_order_they_are_of() -> None:
    """A change of other terms, or of another order, stops everything; so do too many."""
    path = f"{PATH}/12345678"
    for sent, where, cancels in (
        (b"quantity=9", path, False), (b"quantity=8", f"{PATH}/87654321", False),
        (b"tag=x", path, True),
    ):  # fmt: skip
        one = guard(new(1))
        one.know(TAG, "12345678")
        one.approve_change(TAG, change(1, 8, 1_600))
        one.pass_change(TAG, path, b"quantity=8", cancels=False)
        with pytest.raises(EgressError):
            one.pass_change(TAG, where, sent, cancels=cancels)
    one = guard(new(1))
    one.know(TAG, "12345678")
    with pytest.raises(EgressError, match="more often"):
        one.pass_change(TAG, path, b"", cancels=True)
    one = guard(new(1))
    one.know(TAG, "12345678")
    one.approve_change(TAG, cancel(1))
    one.pass_change(TAG, path, b"", cancels=True)


def test_an_older_epoch_sends_nothing(tmp_path: Path) -> None:
    """Once another process has begun, the one before is out; numbers only grow."""
    epochs = Epochs(tmp_path / "account" / "orders.epoch")
    first = epochs.claim()
    old = Guard(first, epochs.newest)
    old.approve(TAG, new(1), INFY)
    assert epochs.claim() == first + 1
    with pytest.raises(EgressError, match="epoch"):
        old.pass_place(TAG, PATH, body(new(1)))


def test_rates_are_kept_in_every_window() -> None:
    """Eight in any second, three hundred in a minute; reads leave room for cancellations."""
    budget, now, times = Budget(), 0.0, []
    for _ in range(400):
        now = budget.due(now)
        budget.take(now, places=True)
        times.append(now)
    for span, most in ((1.0, 8), (60.0, 300)):
        for at in times:
            assert sum(at <= other < at + span for other in times) <= most
    others = Budget()
    for _ in range(8):
        others.note_other(0.0)
    assert others.read_due(0.0) > 1.0
    assert others.due(0.0) == 0.0


def test_the_last_of_a_day_is_kept_for_exits() -> None:
    """What adds risk stops at the reserve, what reduces at the day's limit."""
    budget = Budget(a_day=10, reserve=3)
    for sent in range(11):
        assert budget.allows(reduces=False) == (sent < 7)
        assert budget.allows(reduces=True) == (sent < 10)
        budget.take(float(sent), places=True)
    budget.next_day()
    assert budget.allows(reduces=False)
