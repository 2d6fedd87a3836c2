"""Orders on the simulated exchange, in real time: what its own ledger says is what was reported."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.brokers.zerodha.answers import Fate
from alphapanda.brokers.zerodha.orders import placing
from alphapanda.brokers.zerodha.orders.guard import EgressError
from alphapanda.brokers.zerodha.orders.sent import ANSWERED, NAME
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.journal.records import LockError, Reader
from alphapanda.model.charges import Schedule
from alphapanda.model.rows import Kind, Reason
from tests.support.kitesim import Server
from tests.support.orders import RUN, Trader, cancel, change, market, new, rs, trading

LOST = ("cut-after", "half-body", "timed-out", "wrong-type", "error-200")
"""Faults of an answer to an order that was placed."""


@pytest.fixture(autouse=True)
def fresh_book(venue: Server) -> None:
    """Let a row of each instrument pass, so that the book is whole again."""
    venue.step(3)


def placed(venue: Server, deployment: str, run: str = RUN) -> Counter[int]:
    """Return how often the exchange got each order of a run, by the exchange's own ledger."""
    tags = Tags(run, deployment)
    entries = venue.sim("ledger")["entries"]
    numbers = (tags.number(e["tag"] or "") for e in entries if e["kind"] == "placed")
    return Counter(number for number in numbers if number)


def fills(trader: Trader) -> list[tuple[str, int, int]]:
    """Return what was reported of trades."""
    return sorted((r.trade_id, r.qty, r.price) for r in trader.said if r.kind == ReportKind.FILLED)


def trades(venue: Server, deployment: str) -> list[tuple[str, int, int]]:
    """Return the trades of a deployment by the exchange's own ledger."""
    entries, tags = venue.sim("ledger")["entries"], Tags(RUN, deployment)
    sides = {e["order"]: 1 if e["side"] == "BUY" else -1 for e in entries
             if e["kind"] == "placed" and tags.number(e["tag"] or "")}  # fmt: skip
    return sorted((str(10_000_000 + e["trade"]), sides[e["order"]] * e["qty"], e["price"])
                  for e in entries if e["kind"] == "trade" and e["order"] in sides)  # fmt: skip


def fates(folder: Path) -> list[str]:
    """Return how each answer to an order was taken, by what was written of it."""
    kept = Reader(folder / NAME).records()
    return [json.loads(each.payload)["fate"] for each in kept if each.kind == ANSWERED]


def test_an_order_is_placed_filled_changed_and_cancelled(
    venue: Server, token: str, tmp_path: Path
) -> None:
    """A fill has the trade's own price; a change and a cancellation show once the book has them."""
    with trading(venue, tmp_path, token, deployment="C1") as trader:
        assert trader.gateway.wait_ready(60) == []
        trader.send(new(1), new(2, 5, 1_450))
        filled = trader.until_said(1, ReportKind.FILLED)
        assert (filled.qty, filled.price) == (5, rs(1_500.05))
        trader.until_said(2, ReportKind.ACKNOWLEDGED)
        trader.send(change(2, 8, 1_449.5))
        replaced = trader.until_said(2, ReportKind.REPLACED)
        assert (replaced.qty, replaced.price) == (8, rs(1_449.5))
        trader.send(cancel(2))
        assert trader.until_said(2, ReportKind.CANCELLED).reason == 0
        trader.send(market(3, -2), new(4, -3, 0, kind=Kind.STOP, trigger=rs(1_490), protection=-1))
        trader.until_said(3, ReportKind.FILLED)
        trader.until_said(4, ReportKind.ACKNOWLEDGED)
        trader.send(cancel(4))
        trader.until_said(4, ReportKind.CANCELLED)
        closing = trader.gateway.close_day(tmp_path, Schedule.zerodha(), date(2025, 12, 29))
        assert closing.agrees, closing
    assert fills(trader) == trades(venue, "C1")
    assert set(placed(venue, "C1").values()) == {1}
    assert not trader.alerts


def test_lost_answers_lose_nothing_and_nothing_is_sent_again(
    venue: Server, token: str, tmp_path: Path
) -> None:
    """Each kind of a broken answer is none; the order is found by its tag, filled once.

    Where the order book shows an order before its answer comes, nobody had to doubt it.
    """
    with trading(venue, tmp_path, token, deployment="C2") as trader:
        assert trader.gateway.wait_ready(60) == []  # the book is not read before an answer came
        tags = Tags(RUN, "C2")
        for number, do in enumerate(LOST, 1):
            venue.go_wrong(do=do, route="POST /orders/*", tag=tags.of(number), call=1)
        trader.send(*(new(number, 1, 1_600) for number in range(1, len(LOST) + 1)))
        for number in range(1, len(LOST) + 1):
            trader.until_said(number, ReportKind.FILLED)
        trader.until(lambda _: len(fates(tmp_path)) == len(LOST))
    assert set(fates(tmp_path)) == {Fate.UNKNOWN}
    kinds = Counter(ReportKind(one.kind) for one in trader.said if one.order)
    assert 1 <= kinds[ReportKind.UNKNOWN] <= kinds[ReportKind.FILLED] == len(LOST)
    assert fills(trader) == trades(venue, "C2")
    assert placed(venue, "C2") == Counter(range(1, len(LOST) + 1))
    assert token.encode() not in (tmp_path / NAME).read_bytes()
    assert token not in repr(trader.gateway._wire.key)


def test_a_process_that_goes_on_sends_nothing_again_and_says_only_news(
    venue: Server, token: str, tmp_path: Path
) -> None:
    """Stopped with an answer under way: the next finds the order; one more has no news of it."""
    tags = Tags(RUN, "C3")
    for number in (1, 2):
        venue.go_wrong(
            do="delay-after", route="POST /orders/*", tag=tags.of(number), call=1, seconds=7.0
        )
    history: list[OrderRequest | Report] = []
    with trading(venue, tmp_path, token, deployment="C3") as first:
        assert first.gateway.wait_ready(60) == []
        # Nor does the order book tell in time.
        venue.go_wrong(do="delay-after", route="GET /orders", times=1, seconds=7.0)
        first.take(0)
        first.send(new(1, 1, 1_600), new(2, 1, 1_450))
        while placed(venue, "C3").total() < 2:
            first.take(0.1)
        with pytest.raises(LockError):
            trading(venue, tmp_path, token, deployment="C3").__enter__()
        assert not [report for report in first.said if report.order]
        history += first.history
    with trading(venue, tmp_path, token, deployment="C3", history=history) as second:
        assert second.until_said(1, ReportKind.UNKNOWN)
        second.until_said(1, ReportKind.FILLED)
        second.until_said(2, ReportKind.ACKNOWLEDGED)
        assert second.gateway.wait_ready(60) == []
        second.take(0.5)
        history += second.history
    with trading(venue, tmp_path, token, deployment="C3", history=history) as third:
        assert third.gateway.wait_ready(60) == []
        third.take(1.0)
        # A fill that came after the positions were read is compared at the next start.
        assert {report.kind for report in third.said} <= {ReportKind.RECONCILED}
        third.send(cancel(2))
        third.until_said(2, ReportKind.CANCELLED)
    assert placed(venue, "C3") == Counter((1, 2))


def test_the_guard_ends_the_thread_and_the_core_is_told(
    venue: Server, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that was not approved never leaves; whoever calls next gets the broken promise."""
    real = placing.place_form

    def forged(*args: Any) -> dict[str, str]:
        return {**real(*args), "quantity": "5000"}

    with trading(venue, tmp_path, token, deployment="C4") as trader:
        monkeypatch.setattr(placing, "place_form", forged)
        trader.send(new(1))
        with pytest.raises(EgressError, match="quantity"):
            trader.until(lambda _: False)
        with pytest.raises(EgressError):
            trader.send(new(2))
    assert not placed(venue, "C4")


def test_refusals_of_the_exchange_have_their_reason(
    venue: Server, token: str, tmp_path: Path
) -> None:
    """Too little money at the call, and a price beyond the circuit in the book."""
    with trading(venue, tmp_path, token, deployment="C5") as trader:
        trader.send(new(1, 90_000, 1_500), new(2, 1, 2_500))
        rejected = trader.until_said(2, ReportKind.REJECTED)
        assert (rejected.reason, "circuit" in rejected.text) == (Reason.REJECTED, True)
        assert trader.until_said(1, ReportKind.REJECTED).reason == Reason.MARGIN
        assert not trader.of(1, ReportKind.UNKNOWN)
