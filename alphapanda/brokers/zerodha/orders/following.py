"""From order book and trades to reports: each trade once, quantities never down, ends once."""

from __future__ import annotations

from collections.abc import Iterable

from alphapanda.brokers.ports import ReportKind
from alphapanda.brokers.zerodha.orders import changing, placing
from alphapanda.brokers.zerodha.orders.reading import (
    AT_EXCHANGE,
    CANCELLED,
    COMPLETE,
    FINAL,
    KNOWN,
    REJECTED,
    TRIGGER_PENDING,
    UNDER_WAY,
    OrderRow,
    TradeRow,
)
from alphapanda.brokers.zerodha.orders.state import Stage, State, Tracked
from alphapanda.brokers.zerodha.orders.why import Why, rejection_of
from alphapanda.model.rows import Kind, Tif

SHORT_S = 10.0
"""Trades that are missing from their list for so long block the instrument."""
STUCK_S = 60.0
"""An order that is under way at the broker for so long is told to a person."""
RESTS_S = 10.0
"""A market order that has not filled in so long is told to a person."""
STOPS = (Kind.STOP, Kind.STOP_LIMIT)


def see(state: State, tracked: Tracked, row: OrderRow, begun_s: float, now_s: float) -> None:
    """Take in an order's row of the book, of a read that began at some time."""
    if tracked.stage is Stage.ENDED and tracked.status == row.status:
        note_fills(state, tracked, row)
        return
    if row.status not in KNOWN:
        state.alert("unknown status", row.status)
        note_fills(state, tracked, row)
        return
    if tracked.status in FINAL and row.status != tracked.status:
        state.alert("corrected", f"{tracked.status}, now {row.status}", tracked)
        if row.status not in FINAL:
            return
    if row.status != tracked.status:
        tracked.changed_s = now_s
    tracked.status, tracked.variety, tracked.parent_id = row.status, row.variety, row.parent_id
    acknowledge(state, tracked, row)
    note_fills(state, tracked, row)
    # What is in force is said before the fills that it allows.
    changing.seen(state, tracked, row, begun_s, now_s)
    note_terms(state, tracked, row)
    if row.is_final:
        close(state, tracked, row)
    else:
        note_waiting(state, tracked, row, now_s)


def acknowledge(state: State, tracked: Tracked, row: OrderRow) -> None:
    """Say once that the exchange has an order, and once that its trigger was met."""
    there = row.status in AT_EXCHANGE or row.status == COMPLETE or row.filled > 0
    if there and not tracked.acknowledged:
        tracked.acknowledged = True
        say_acknowledged(state, tracked, row.ts)
    stop = tracked.request.kind in STOPS and not tracked.triggered
    met = row.filled > 0 or row.status in ("OPEN", COMPLETE)
    if there and stop and met:
        tracked.triggered = True
        state.say(ReportKind.TRIGGERED, tracked, exchange_ns=row.ts)


def say_acknowledged(state: State, tracked: Tracked, ts: int) -> None:
    """Say that the exchange has an order, and by which terms."""
    terms = tracked.terms
    state.say(
        ReportKind.ACKNOWLEDGED, tracked, qty=terms.qty, price=terms.price, trigger=terms.trigger,
        exchange_ns=ts,
    )  # fmt: skip


def note_fills(state: State, tracked: Tracked, row: OrderRow) -> None:
    """Note how much is filled by the book; of what is complete it is all, whatever it counts."""
    tracked.filled = max(tracked.filled, row.qty if row.status == COMPLETE else row.filled)


# Somebody may change our order elsewhere: what the book shows is in force.
def note_terms(state: State, tracked: Tracked, row: OrderRow) -> None:
    """Say which terms are in force, where the book shows others than ours."""
    changing_now = tracked.change is not None and not tracked.change.cancels
    certain = row.is_final or row.filled > abs(tracked.terms.qty)
    if row.status in UNDER_WAY or not tracked.acknowledged or (changing_now and not certain):
        return
    terms = tracked.terms._replace(qty=tracked.sign * row.qty)
    if terms.price and row.price and not row.is_protected_market:
        terms = terms._replace(price=row.price)
    if row.status == TRIGGER_PENDING and row.trigger:
        terms = terms._replace(trigger=row.trigger)
    if terms != tracked.terms:
        if not changing_now:
            state.alert("changed elsewhere", f"{tracked.terms} is {terms}", tracked)
        tracked.terms = terms
        changing.say_replaced(state, tracked, row.ts)


def note_waiting(state: State, tracked: Tracked, row: OrderRow, now_s: float) -> None:
    """Tell a person of an order that is under way for long, and of a market order that rests."""
    if row.status in ("OPEN", TRIGGER_PENDING):
        tracked.pending_s = -1.0
    elif tracked.pending_s < 0:
        tracked.pending_s = now_s
    elif now_s - tracked.pending_s > STUCK_S:
        state.alert("stuck", f"{row.status} for {STUCK_S:.0f} s", tracked)
    rests = row.status == "OPEN" and (
        row.is_protected_market or tracked.request.kind == Kind.MARKET
    )  # fmt: skip
    if not rests:
        tracked.resting_s = -1.0
    elif tracked.resting_s < 0:
        tracked.resting_s = now_s
    else:
        note_resting(state, tracked, row, now_s)


def note_resting(state: State, tracked: Tracked, row: OrderRow, now_s: float) -> None:
    """Tell a person of a market order that rests; one that closes is re-priced, if that is set."""
    rested_s = now_s - tracked.resting_s
    if rested_s > RESTS_S:
        left = row.qty - row.filled
        state.alert("market order rests", f"{left} of {row.qty} unfilled as a limit order", tracked)
    if 0 < state.reprice_s <= rested_s and state.closes(tracked.request, tracked.left):
        tracked.resting_s = now_s
        changing.reprice(state, tracked, now_s)


def close(state: State, tracked: Tracked, row: OrderRow) -> None:
    """Say that an order has ended, once all its trades are in."""
    if tracked.stage is Stage.ENDED or tracked.booked < tracked.filled:
        return
    if row.status == COMPLETE:
        tracked.stage = Stage.ENDED
        tracked.change = None
        tracked.waiting.clear()
    elif row.status == REJECTED:
        why = rejection_of(row.text)
        state.end(tracked, ReportKind.REJECTED, why, row.text, row.ts)
    elif row.status == CANCELLED:
        kind, why = ended_by(state, tracked)
        state.end(tracked, kind, why, row.text, row.ts)
    placing.settle(state, tracked.row)


def ended_by(state: State, tracked: Tracked) -> tuple[ReportKind, Why]:
    """Return how, and by whom, an order was cancelled."""
    pending = (tracked.change, *tracked.waiting)
    if any(one is not None and one.cancels for one in pending):
        return ReportKind.CANCELLED, Why.ASKED
    if tracked.request.tif == Tif.IOC:
        return ReportKind.CANCELLED, Why.IOC
    if state.over(tracked.row):
        return ReportKind.EXPIRED, Why.SESSION_END
    return ReportKind.CANCELLED, Why.EXTERNAL


def wants_trades(state: State) -> bool:
    """Say if the book shows more filled than there are trades."""
    return any(one.filled > one.booked for one in state.orders.values())


def book_trades(state: State, trades: Iterable[TradeRow], now_s: float) -> int:
    """Book executions that are new, each with its own price; return how many there were."""
    booked = 0
    for trade in sorted(trades, key=lambda one: (one.ts, len(one.trade_id), one.trade_id)):
        tracked = state.by_id.get(trade.order_id)
        # An order lives for one day at one exchange, so within it a trade's number is its own.
        if tracked is None or trade.trade_id in tracked.trades:
            continue
        if not fits(state, tracked, trade):
            text = f"trade {trade.trade_id}: {trade.qty} of {trade.name}"
            state.alert("foreign trade", text, tracked)
            continue
        book(state, tracked, trade, now_s)
        booked += 1
    return booked


def fits(state: State, tracked: Tracked, trade: TradeRow) -> bool:
    """Say if a trade can be an order's."""
    ours = state.instruments[tracked.row].name
    return trade.name == ours and trade.buys == (tracked.sign > 0)


def book(state: State, tracked: Tracked, trade: TradeRow, now_s: float) -> None:
    """Book one execution."""
    if not tracked.acknowledged:
        tracked.acknowledged = True
        say_acknowledged(state, tracked, trade.ts)
    qty = tracked.sign * trade.qty
    tracked.trades.add(trade.trade_id)
    tracked.fills.append((trade.qty, trade.price))
    tracked.booked += trade.qty
    if tracked.booked > abs(tracked.terms.qty):
        exceeded(state, tracked, trade)
    tracked.filled = max(tracked.filled, tracked.booked)
    tracked.changed_s = now_s
    key = (tracked.row, tracked.request.product)
    state.held[key] = state.held.get(key, 0) + qty
    state.say(
        ReportKind.FILLED, tracked, qty=qty, price=trade.price, trade_id=trade.trade_id,
        exchange_ns=trade.ts,
    )  # fmt: skip


def exceeded(state: State, tracked: Tracked, trade: TradeRow) -> None:
    """An order filled more than we know it for: somebody has enlarged it, which the book shows."""
    text = f"{tracked.booked} filled of {abs(tracked.terms.qty)}"
    state.alert("filled too much", text, tracked)
    tracked.terms = tracked.terms._replace(qty=tracked.sign * tracked.booked)
    changing.say_replaced(state, tracked, trade.ts)


def compare(state: State, now_s: float) -> None:
    """Look if the trades make up what the book shows; missing ones block their instrument."""
    for tracked in state.orders.values():
        if tracked.booked >= tracked.filled:
            if tracked.short_s >= 0:
                tracked.short_s = -1.0
                state.lift(tracked.row)
        elif tracked.short_s < 0:
            tracked.short_s = now_s
        elif now_s - tracked.short_s > SHORT_S:
            text = f"{tracked.filled} filled by the book, trades of {tracked.booked}"
            state.alert("trades missing", text, tracked)
            state.block(tracked.row, Why.SYNC, f"order {tracked.order}: {text}")
