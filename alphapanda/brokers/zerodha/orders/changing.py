"""Changes and cancellations: one under way for an order, cancellations before anything else."""

from __future__ import annotations

from urllib.parse import urlencode

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, ReportKind
from alphapanda.brokers.zerodha.answers import BUSY, Answer, Fate, Outcome, fate
from alphapanda.brokers.zerodha.orders.bodies import (
    Refused,
    Terms,
    change_form,
    market_form,
    path_of,
    terms_of,
)
from alphapanda.brokers.zerodha.orders.placing import note_refusal
from alphapanda.brokers.zerodha.orders.reading import UNDER_WAY, OrderRow
from alphapanda.brokers.zerodha.orders.state import (
    CANCELS,
    OTHERS,
    Change,
    Send,
    Stage,
    State,
    Tracked,
)
from alphapanda.brokers.zerodha.orders.why import Why, end_code, refusal_of

MODIFICATIONS = 25
"""Of one order, at Kite."""
REPRICES = 10
"""Of them, for a market order that rests; and so many are left for what the core wants."""
FOR_OTHERS = 10
BUSY_TRIES = 3
"""Of a change that is refused because another is under way."""
CANCEL_TRIES = 8
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
UNSEEN_S = 10.0
"""An accepted change that the order book does not show after it did not come about."""
UNANSWERED_S = 30.0
"""The same, of a change whose answer was lost."""
READS = 3


def take(state: State, request: OrderRequest, now_s: float) -> None:
    """Take a change or a cancellation from the core."""
    tracked = state.orders.get(request.order)
    cancels = request.verb == RequestVerb.CANCEL
    if tracked is None or tracked.is_over:
        state.say(
            ReportKind.CHANGE_REJECTED, tracked, order=request.order, row=request.row,
            reason=end_code(Why.SYNC), text="not sent: the order is over, or was never sent",
        )  # fmt: skip
        return
    change = Change(request, cancels)
    if not cancels:
        tracked.waiting.append(change)
    elif any(one.cancels for one in (tracked.change, *tracked.waiting) if one is not None):
        return  # one cancellation is enough, and its outcome is said once
    elif tracked.stage is Stage.QUEUED:
        state.end(tracked, ReportKind.CANCELLED, Why.ASKED, "it had not left")
        return
    else:
        overtake(tracked)
        tracked.waiting.append(change)
    begin_next(state, tracked, now_s)


def overtake(tracked: Tracked) -> None:
    """Let a cancellation go before changes that have not left: its outcome is theirs too."""
    tracked.waiting.clear()
    if tracked.change is not None and tracked.change.sent_s < 0:
        tracked.change = None


def reject(state: State, tracked: Tracked, change: Change, why: Why, text: str) -> None:
    """Say that a change did not come about, but for one that a cancellation follows."""
    if change.reprices:
        pass
    elif change.cancels or not any(one.cancels for one in tracked.waiting):
        state.say(ReportKind.CHANGE_REJECTED, tracked, reason=end_code(why), text=text)
    if tracked.change is change:
        tracked.change = None


def begin_next(state: State, tracked: Tracked, now_s: float) -> None:
    """Let an order's next change wait for its turn, if none is under way and it is known."""
    while tracked.change is None and tracked.waiting and tracked.stage is Stage.LIVE:
        change = tracked.change = tracked.waiting.popleft()
        if change.cancels:
            state.enqueue(CANCELS, tracked, change)
            return
        wanted = wanted_terms(state, tracked, change)
        if isinstance(wanted, Refused):
            reject(state, tracked, change, Why.REJECTED, f"not sent: {wanted.text}")
        elif tracked.modifications >= MODIFICATIONS:
            text = f"not sent: an order takes {MODIFICATIONS} changes"
            reject(state, tracked, change, Why.RATE, text)
        elif not form_of(change, wanted, tracked.terms):
            say_replaced(state, tracked, 0)
            tracked.change = None
        else:
            state.enqueue(OTHERS, tracked, change)
            return


def reprice(state: State, tracked: Tracked, now_s: float) -> None:
    """Let a market order that rests be one again, unless a change of it is under way or waits."""
    spare = MODIFICATIONS - tracked.modifications > FOR_OTHERS
    if tracked.change is not None or tracked.waiting or not spare or tracked.repriced >= REPRICES:
        return
    tracked.repriced += 1
    tracked.waiting.append(Change(tracked.request, cancels=False, reprices=True))
    begin_next(state, tracked, now_s)


def form_of(change: Change, wanted: Terms, now: Terms) -> dict[str, str]:
    """Return what is sent for a change; empty: the order is that already."""
    return market_form(now) if change.reprices else change_form(wanted, now)


def wanted_terms(state: State, tracked: Tracked, change: Change) -> Terms | Refused:
    """Return what a change makes of an order; side, validity and product stay."""
    if change.reprices:
        return tracked.terms
    request = change.request._replace(
        row=tracked.row, tif=tracked.request.tif, product=tracked.request.product
    )
    terms = terms_of(request, state.instruments[tracked.row])
    if isinstance(terms, Terms) and terms.qty * tracked.sign < 0:
        return Refused("a change does not turn a purchase into a sale")
    return terms


def say_replaced(state: State, tracked: Tracked, ts: int) -> None:
    """Say which terms of an order are in force."""
    terms = tracked.terms
    state.say(
        ReportKind.REPLACED, tracked, qty=terms.qty, price=terms.price, trigger=terms.trigger,
        exchange_ns=ts,
    )  # fmt: skip


def leave(state: State, tracked: Tracked, change: Change, now_s: float) -> None:
    """Send a change whose turn has come, unless the order is over."""
    change.queued = False
    if tracked.change is not change or tracked.stage is not Stage.LIVE:
        return
    path, body, method, verb = path_of(tracked.broker_id, tracked.variety), b"", "DELETE", "cancel"
    if not change.cancels:
        wanted = wanted_terms(state, tracked, change)
        assert isinstance(wanted, Terms)
        form = form_of(change, wanted, tracked.terms)
        if not form:
            say_replaced(state, tracked, 0)
            tracked.change = None
            begin_next(state, tracked, now_s)
            return
        method, verb, body = "PUT", "modify", urlencode(form).encode()
        tracked.modifications += 1
    elif tracked.parent_id:
        body = urlencode({"parent_order_id": tracked.parent_id}).encode()
    send = Send(state.number(), verb, tracked.order, tracked.tag, method, path, body)
    change.sent_s, change.answered_s, change.accepted = now_s, -1.0, False
    change.tries, change.again_s, change.good_reads = change.tries + 1, -1.0, 0
    tracked.changed_s = now_s
    state.budget.take(now_s, places=False)
    state.calls[send.call] = (tracked, change)
    state.actions.append(send)


def answered(
    state: State, tracked: Tracked, change: Change, answer: Answer, now_s: float
) -> None:  # fmt: skip
    """Take in what was answered to a change; only the order book says what became of it."""
    change.answered_s = tracked.changed_s = now_s
    note_refusal(state, answer, now_s)
    if tracked.change is not change:
        return
    found = fate(answer)
    if found is Fate.ACCEPTED:
        change.accepted = True
        return
    busy = bool(BUSY.search(answer.text)) and answer.status > 0
    refused = busy or found is not Fate.UNKNOWN
    change.busy += busy
    many = change.busy >= BUSY_TRIES or change.tries >= (CANCEL_TRIES if change.cancels else READS)
    if (
        found is Fate.HALTED
        or (refused and many)
        or (found is Fate.REFUSED and not busy and not change.cancels)
    ):
        state.alert(f"{'cancel' if change.cancels else 'change'} refused", answer.text, tracked)
        reject(state, tracked, change, refusal_of(answer), answer.text)
        begin_next(state, tracked, now_s)
    elif busy or change.cancels:
        pause = BACK_OFF_S[min(change.tries, len(BACK_OFF_S)) - 1]
        limited = answer.outcome is Outcome.RATE_LIMITED
        change.again_s = now_s + (2 * pause if limited else pause)


def seen(state: State, tracked: Tracked, row: OrderRow, begun_s: float, now_s: float) -> None:
    """Take in a read of the book for a change that is under way, the order being still alive."""
    change = tracked.change
    if change is None or change.sent_s < 0 or change.queued:
        return
    if 0 <= change.answered_s <= begun_s and row.status not in UNDER_WAY:
        change.good_reads += 1
        if not change.cancels and is_done(state, tracked, change, row):
            finish(state, tracked, row, now_s)
        elif row.is_final:
            return
        elif 0 <= change.again_s <= now_s:
            change.again_s = -1.0
            state.enqueue(CANCELS if change.cancels else OTHERS, tracked, change)
        elif change.again_s < 0:
            unseen(state, tracked, change, begun_s, now_s)


def is_done(state: State, tracked: Tracked, change: Change, row: OrderRow) -> bool:
    """Say if the order book shows an order as a change wants it."""
    wanted = wanted_terms(state, tracked, change)
    if isinstance(wanted, Refused) or row.qty != abs(wanted.qty):
        return False
    kind = wanted.kind == row.kind or row.is_protected_market or tracked.triggered
    price = not wanted.price or wanted.price == row.price
    return kind and price and (not wanted.trigger or wanted.trigger == row.trigger)


def finish(state: State, tracked: Tracked, row: OrderRow, now_s: float) -> None:
    """Say that a change is in force."""
    change = tracked.change
    assert change is not None
    wanted = wanted_terms(state, tracked, change)
    assert isinstance(wanted, Terms)
    tracked.terms = wanted
    tracked.change = None
    if not change.reprices:
        say_replaced(state, tracked, row.ts)
    elif change.accepted:
        state.alert("re-priced", "a market order that rests is one at the market again", tracked)
    begin_next(state, tracked, now_s)


def unseen(
    state: State, tracked: Tracked, change: Change, begun_s: float, now_s: float
) -> None:  # fmt: skip
    """Give up a change that was accepted, or lost, and that the order book does not show."""
    limit_s = UNSEEN_S if change.accepted else UNANSWERED_S
    reads = READS
    if any(one.cancels for one in tracked.waiting):  # which does not wait for a change
        limit_s, reads = 0.0, 1
    waited = begun_s - change.answered_s >= limit_s and change.good_reads >= reads
    if change.cancels:
        lost = not change.accepted
        if change.tries >= CANCEL_TRIES:
            if waited:
                give_up(state, tracked, change, now_s)
        elif lost or waited:
            state.enqueue(CANCELS, tracked, change)
    elif waited:
        give_up(state, tracked, change, now_s)


def give_up(state: State, tracked: Tracked, change: Change, now_s: float) -> None:
    """Say that a change did not come about although nobody refused it."""
    what = "cancellation" if change.cancels else "change"
    text = f"the order book does not show the {what} after {change.tries} tries"
    state.alert(f"{what} not seen", text, tracked)
    reject(state, tracked, change, Why.SYNC, text)
    begin_next(state, tracked, now_s)
