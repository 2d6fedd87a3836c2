"""The exchange's ledger against our journal: trade by trade, and rupee by rupee."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alphapanda.events.events import Envelope, EventType
from alphapanda.model.money import to_scaled
from alphapanda.model.texts import PART

RUPEE = to_scaled("1")
ANSWERED = {
    EventType.ORDER_ACKNOWLEDGED, EventType.ORDER_FILLED, EventType.ORDER_CANCELLED,
    EventType.ORDER_FAILED, EventType.ORDER_EXPIRED, EventType.ORDER_TRIGGERED,
}  # fmt: skip
"""What says what became of an order."""
FIRST_TRADE = 10_000_000
"""The simulator's trade numbers count from here in Kite's answers."""


@dataclass(frozen=True)
class Trade:
    """One execution; `qty` is signed, `price` scaled."""

    order: str
    """The exchange's number."""
    trade: str
    instrument: str
    qty: int
    price: int


@dataclass(frozen=True)
class Comparison:
    """How a ledger and a journal agree."""

    orders_sent: int
    """Requests to place an order that came to the exchange."""
    trades: int
    """In both books, each the same."""
    duplicates: int
    """Requests of a tag that had come before, and trades that we booked more than once."""
    lost: int
    """Trades in one book only."""
    foreign: int
    """Trades of orders that are not ours."""
    unknown: int
    """Orders of which we did not know whether they work."""
    unknown_resolved: int
    position_equal: bool
    cash_equal: bool
    differences: tuple[str, ...]
    """What differs, in words, the first few."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        agree = self.position_equal and self.cash_equal
        return agree and not (self.duplicates or self.lost or self.unknown - self.unknown_resolved)


def compare(ledger: Mapping[str, Any], envelopes: Iterable[Envelope]) -> Comparison:
    """Compare the simulator's ledger with the events of a run.

    What we have booked of the exchange's own square-off is in its ledger as an order of nobody's.

    Positions are those of the ledger's own account, with the shares that settled over night, less
    what foreign orders traded; cash is what each trade moved, to the unit.
    """
    events = list(envelopes)
    fills = [event.data for event in events if event.type == EventType.ORDER_FILLED]
    squared = together(booked(fill) for fill in fills if not fill.order)
    adopted = {e.data.broker_order_id for e in events if e.type == EventType.ORDER_ADOPTED}
    theirs, foreign = trades_of(ledger, squared, adopted)
    ours = [*(booked(fill) for fill in fills if fill.order), *squared]
    once = Counter(ours)
    twice = [trade for trade, times in once.items() if times > 1]
    lost = sorted(set(theirs) ^ set(once), key=lambda trade: (trade.order, trade.trade))
    tags = sent_tags(ledger)
    again = [tag for tag, times in tags.items() if times > 1]
    unknown, resolved = doubts(events)
    held = moved(ours)
    account = {
        key: qty for key, qty in account_positions(ledger, foreign).items()
        if qty or key in held
    }  # fmt: skip
    position_equal = {k: v for k, v in held.items() if v} == {k: v for k, v in account.items() if v}
    cash_equal = flow(ours) == flow(theirs)
    told = [f"tag {tag} was sent {tags[tag]} times" for tag in again]
    told += [f"booked {once[trade]} times: {trade}" for trade in twice]
    told += [f"{'in the ledger' if trade in theirs else 'in the journal'} only: {trade}"
             for trade in lost]  # fmt: skip
    if not position_equal:
        told.append(f"positions: ours {held}, the account's {account}")
    if not cash_equal:
        told.append(f"cash of trades: ours {flow(ours)}, the ledger's {flow(theirs)} units")
    told += [f"order {number} stayed unknown" for number in sorted(unknown - resolved)]
    return Comparison(
        orders_sent=sum(tags.values()), trades=len(set(theirs) & set(once)),
        duplicates=sum(tags[tag] - 1 for tag in again) + sum(once[trade] - 1 for trade in twice),
        lost=len(lost), foreign=len(foreign), unknown=len(unknown), unknown_resolved=len(resolved),
        position_equal=position_equal, cash_equal=cash_equal, differences=tuple(told),
    )  # fmt: skip


def together(parts: Iterable[Trade]) -> list[Trade]:
    """Return trades whose parts closed what several strategies held; what they settled is none."""
    found: Counter[tuple[str, str, str, int]] = Counter()
    for part in parts:
        number = part.trade.partition(PART)[0]
        found[part.order, number, part.instrument, part.price] += part.qty
    return [
        Trade(order, trade, name, qty, price)
        for (order, trade, name, price), qty in found.items() if qty
    ]  # fmt: skip


def trades_of(
    ledger: Mapping[str, Any], squared: Iterable[Trade] = (), adopted: Collection[str] = ()
) -> tuple[list[Trade], list[Trade]]:
    """Return the ledger's trades: of our orders, adopted ones too, and that closed ours; others."""
    closing = {(each.order, each.trade) for each in squared}
    ours: list[Trade] = []
    foreign: list[Trade] = []
    for entry in ledger["entries"]:
        if entry["kind"] != "trade":
            continue
        signed = entry["qty"] if entry["side"] == "BUY" else -entry["qty"]
        trade = Trade(
            entry["order"], str(FIRST_TRADE + entry["trade"]), entry["key"], signed, entry["price"]
        )
        mine = (entry["app"] and entry["tag"]) or (trade.order, trade.trade) in closing
        mine = mine or trade.order in adopted
        (ours if mine else foreign).append(trade)
    return ours, foreign


def booked(fill: Any) -> Trade:
    """Return a fill of our journal as a trade."""
    return Trade(
        fill.broker_order_id, fill.trade_id, fill.instrument, fill.qty, to_scaled(fill.price)
    )


def sent_tags(ledger: Mapping[str, Any]) -> Counter[str]:
    """Return how often each of our tags came with a request to place an order."""
    return Counter(
        entry["tag"] for entry in ledger["entries"]
        if entry["kind"] == "received" and entry["method"] == "POST"
        and entry["path"].startswith("/orders/") and entry["tag"]
    )  # fmt: skip


def doubts(events: Iterable[Envelope]) -> tuple[set[int], set[int]]:
    """Return the orders of which we did not know whether they work, and those we know of now."""
    open_: set[int] = set()
    ever: set[int] = set()
    for event in events:
        if event.type == EventType.ORDER_UNKNOWN:
            ever.add(event.data.order)
            open_.add(event.data.order)
        elif event.type in ANSWERED:
            open_.discard(event.data.order)
    return ever, ever - open_


def moved(trades: Iterable[Trade]) -> dict[str, int]:
    """Return the quantity that trades leave, by instrument."""
    held: Counter[str] = Counter()
    for trade in trades:
        held[trade.instrument] += trade.qty
    return dict(held)


def flow(trades: Iterable[Trade]) -> int:
    """Return the money that trades bring in, in units."""
    return -sum(trade.qty * trade.price for trade in trades)


def account_positions(ledger: Mapping[str, Any], foreign: Iterable[Trade]) -> dict[str, int]:
    """Return what the account holds by instrument, without what foreign orders traded."""
    held: Counter[str] = Counter()
    for place, position in ledger["positions"].items():
        held[place.rpartition(":")[0]] += position["qty"]
    for key, holding in ledger.get("holdings", {}).items():
        held[key] += holding["quantity"] + holding["t1"]
    for key, qty in ledger.get("first_holdings", {}).items():
        held[key] -= qty
    for key, qty in moved(foreign).items():
        held[key] -= qty
    return dict(held)
