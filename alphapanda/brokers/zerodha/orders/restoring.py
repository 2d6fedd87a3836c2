"""A desk as an earlier process of the run left it: by the run's journal, and by what was sent.

The journal has what the core asked for and what it was told; the log of what was sent says which of
it may have left. What may have is looked for; what has not is ended; nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.brokers.zerodha.orders import adopting, changing, placing, squared
from alphapanda.brokers.zerodha.orders.bodies import Refused
from alphapanda.brokers.zerodha.orders.foreign import QUARANTINE
from alphapanda.brokers.zerodha.orders.reading import CANCELLED, REJECTED
from alphapanda.brokers.zerodha.orders.sent import Before
from alphapanda.brokers.zerodha.orders.state import Change, Stage, State, Tracked
from alphapanda.brokers.zerodha.orders.why import Why, block_code, end_code, refusal_of
from alphapanda.model.calendar import DAY, EPOCH, IST

LOST = "whether it was sent before the stop is not known"
NEVER_SENT = "it had not been sent when the process ended"
ENDS = {
    ReportKind.CANCELLED: CANCELLED, ReportKind.EXPIRED: CANCELLED, ReportKind.REJECTED: REJECTED,
}  # fmt: skip


def restore(
    state: State, history: Iterable[OrderRequest | Report], before: Before, now_s: float
) -> None:
    """Bring an empty state to where the run stands; what it then says is news."""
    unsaid: dict[int, Refused] = {}
    for entry in history:
        if isinstance(entry, OrderRequest):
            refused = recall_request(state, entry, now_s)
            if refused is not None:
                unsaid[entry.order] = refused
        else:
            unsaid.pop(entry.order, None)
            recall_report(state, entry)
    state.actions.clear()  # the journal has it
    for order, refused in unsaid.items():
        state.say(ReportKind.REJECTED, order=order, text=f"not sent: {refused.text}")
    state.unblock(-1, Why.IP)  # whoever starts again has mended it; else the next answer says so
    state.budget.sent_today = before.today
    for tracked in state.orders.values():
        sent_before = tracked.order in before.older and tracked.tag not in before.places
        tracked.older = sent_before or adopting.is_of_earlier_day(state, tracked)
    for tracked in state.orders.values():
        resume_place(state, tracked, before, now_s)
    for tracked in state.orders.values():
        resume_changes(state, tracked, before, now_s)


def recall_request(state: State, request: OrderRequest, now_s: float) -> Refused | None:
    """Take in a request that the journal has; return why a new order could not leave."""
    if request.verb == RequestVerb.NEW:
        found = placing.track(state, request, now_s)
        return found if isinstance(found, Refused) else None
    if request.verb == RequestVerb.ADOPT:
        adopting.take(state, request, now_s)
        return None
    if (tracked := state.orders.get(request.order)) is not None and not tracked.is_over:
        cancels = request.verb == RequestVerb.CANCEL
        if not (cancels and any(one.cancels for one in tracked.waiting)):
            tracked.waiting.append(Change(request, cancels))
    return None


def recall_report(state: State, report: Report) -> None:
    """Take in what the core was told."""
    kind = ReportKind(report.kind)
    tracked = state.orders.get(report.order) if report.order else None
    if tracked is not None:
        recall_of_order(state, tracked, kind, report)
    elif kind is ReportKind.EXTERNAL_ORDER:
        state.external[report.broker_order_id] = report
        if not report.text.startswith(QUARANTINE):  # a person has decided, or it is a stranger's
            state.released.add(report.broker_order_id)
    elif kind is ReportKind.EXTERNAL_POSITION:
        state.positions[report.text] = report
    elif kind is ReportKind.SQUARED_OFF:
        recall_square_off(state, report)
    elif kind is ReportKind.RECONCILED:
        state.reconciled = report.qty, report.text
    elif kind in (ReportKind.BLOCKED, ReportKind.UNBLOCKED):
        recall_block(state, report, blocked=kind is ReportKind.BLOCKED)


def recall_square_off(state: State, report: Report) -> None:
    """Take in a trade of the broker's square-off that the core has booked."""
    squared.note(state, report.row, (report.broker_order_id, report.trade_id), report.qty)
    if report.exchange_ns and (report.exchange_ns + IST) // DAY < state.day:
        key = report.row, squared.MIS
        state.carried[key] = state.carried.get(key, 0) + report.qty


def recall_block(state: State, report: Report, *, blocked: bool) -> None:
    """Take in that an instrument, or the account, takes no new risk, or takes it again."""
    reasons = state.blocks.setdefault(report.row, set())
    for why in (Why.AUTH, Why.IP) if report.row < 0 else (Why.SYNC, Why.UNKNOWN):
        if block_code(why) == report.reason:
            (reasons.add if blocked else reasons.discard)(why)
            if blocked:
                return


def recall_of_order(state: State, tracked: Tracked, kind: ReportKind, report: Report) -> None:
    """Take in what the core was told of one of its orders."""
    if report.broker_order_id and not tracked.broker_id:
        placing.known(state, tracked, report.broker_order_id)
        tracked.stage = Stage.LIVE
    if kind is ReportKind.ACKNOWLEDGED:
        tracked.acknowledged = True
        tracked.stage = Stage.LIVE
    elif kind is ReportKind.TRIGGERED:
        tracked.triggered = True
    elif kind is ReportKind.FILLED:
        recall_fill(state, tracked, report)
    elif kind is ReportKind.REPLACED:
        tracked.terms = tracked.terms._replace(
            qty=report.qty, price=report.price, trigger=report.trigger
        )
        drop_change(tracked)
    elif kind is ReportKind.CHANGE_REJECTED:
        drop_change(tracked)
    elif kind is ReportKind.UNKNOWN:
        tracked.said_unknown = True
    elif kind in ENDS:
        lapsed = report.reason == end_code(Why.LAPSED) and not tracked.broker_id
        tracked.stage = Stage.LAPSED if lapsed else Stage.ENDED
        tracked.status = ENDS[kind]
        tracked.waiting.clear()


def recall_fill(state: State, tracked: Tracked, report: Report) -> None:
    """Take in a trade that the core has booked."""
    tracked.trades.add(report.trade_id)
    tracked.fills.append((abs(report.qty), report.price))
    tracked.booked += abs(report.qty)
    tracked.filled = max(tracked.filled, tracked.booked)
    key = (tracked.row, tracked.request.product)
    state.held[key] = state.held.get(key, 0) + report.qty
    if report.exchange_ns and (report.exchange_ns + IST) // DAY < state.day:
        state.carried[key] = state.carried.get(key, 0) + report.qty
    if tracked.booked == abs(tracked.terms.qty):
        tracked.stage = Stage.ENDED
        tracked.status = "COMPLETE"
        tracked.waiting.clear()


def forget_expired(state: State) -> None:
    """Carry no contract that has expired: it was settled, and the broker shows it no more."""
    today = date.fromordinal(state.day + EPOCH)
    for key in {*state.held, *state.carried}:
        expiry = state.instruments[key[0]].expiry
        if expiry is not None and expiry < today:
            state.held.pop(key, None)
            state.carried.pop(key, None)


def drop_change(tracked: Tracked) -> None:
    """Forget the oldest change, whose outcome the core knows."""
    modify = next((one for one in tracked.waiting if not one.cancels), None)
    if modify is not None:
        tracked.waiting.remove(modify)
    elif tracked.waiting:
        tracked.waiting.popleft()


def resume_place(state: State, tracked: Tracked, before: Before, now_s: float) -> None:
    """Go on with an order: what may have left is looked for, what has not is ended."""
    if tracked.is_over:
        return
    tag = tracked.tag
    if tracked.older:
        outlive(state, tracked)
        return
    if tracked.stage is not Stage.QUEUED:
        return
    tracked.answered_s = tracked.changed_s = now_s
    if tag not in before.places:
        state.end(tracked, ReportKind.REJECTED, Why.SYNC, f"not sent: {NEVER_SENT}")
    elif tag in before.ids:
        placing.known(state, tracked, before.ids[tag])
        tracked.stage = Stage.LIVE
    elif tag in before.refused:
        answer = before.refused[tag]
        tracked.stage = Stage.CONFIRMING
        tracked.refusal = refusal_of(answer), answer.text
    else:
        placing.doubt(state, tracked, LOST)


def outlive(state: State, tracked: Tracked) -> None:
    """End an order of an earlier day, whose end nobody has said: the broker shows it no more.

    What it was filled after the stop shows in what was carried over the night.
    """
    text = "its day is over, and the process had ended before it was told how"
    state.alert("order of an earlier day", text, tracked)
    state.end(tracked, ReportKind.EXPIRED, Why.SESSION_END, text)


def resume_changes(state: State, tracked: Tracked, before: Before, now_s: float) -> None:
    """Go on with changes: a cancellation may be sent again once the order is seen to be open."""
    for change in list(tracked.waiting):
        if change.cancels:
            continue
        tracked.waiting.remove(change)
        if tracked.tag in before.changes and tracked.change is None:
            tracked.change = change
            change.sent_s = change.answered_s = now_s
            change.tries = 1
        else:
            changing.reject(state, tracked, change, Why.SYNC, f"not sent: {NEVER_SENT}")
    tracked.modifications = before.changes.get(tracked.tag, 0)
