"""New orders: checked, queued, sent once, and what their answers mean."""

from __future__ import annotations

from urllib.parse import urlencode

from alphapanda.brokers.ports import OrderRequest, ReportKind
from alphapanda.brokers.zerodha.answers import Answer, Fate, Outcome, fate
from alphapanda.brokers.zerodha.orders.bodies import (
    BROKER_ID,
    REGULAR,
    Refused,
    place_form,
    terms_of,
)
from alphapanda.brokers.zerodha.orders.state import (
    OTHERS,
    REDUCES,
    Send,
    Stage,
    State,
    Tracked,
)
from alphapanda.brokers.zerodha.orders.why import Why, refusal_of

LATE_S = 10.0
"""An order that has waited so long for its turn is not sent any more."""
CONFIRM_S = 10.0
"""From a refusal to the look into the order book that confirms it."""
LAPSE_S = 180.0
LAPSE_READS = 3
"""Good reads of the order book without its tag, before an unknown order is taken for none."""
SLOWER_S = 2.0
"""What a refusal for the rate makes everything wait."""
DEPOSITORY = 428


def track(state: State, request: OrderRequest, now_s: float) -> Tracked | Refused:
    """Return a new order of ours, or why Kite could not take it."""
    terms = terms_of(request, state.instruments[request.row])
    if isinstance(terms, Refused):
        return terms
    tag = state.tags.of(request.order)
    tracked = Tracked(request.order, request, tag, terms, now_s)
    before = state.orders.get(request.order)
    # An exit that outlived its day is sent anew by its number, which is then another order.
    assert before is None or before.is_over, f"order {request.order} was asked for twice"
    state.orders[request.order] = tracked
    state.by_tag[tag] = tracked
    return tracked


def take(state: State, request: OrderRequest, now_s: float) -> None:
    """Take a new order from the core."""
    tracked = track(state, request, now_s)
    if isinstance(tracked, Refused):
        state.say(
            ReportKind.REJECTED, order=request.order, row=request.row,
            reason=0, text=f"not sent: {tracked.text}",
        )  # fmt: skip
        return
    why = hindrance(state, tracked)
    if why is not None:
        refuse(state, tracked, *why)
        return
    state.enqueue(REDUCES if state.reduces(request) else OTHERS, tracked)


def hindrance(state: State, tracked: Tracked) -> tuple[Why, str] | None:
    """Return why an order may not leave now; None: it may."""
    request = tracked.request
    for why in (Why.IP, Why.AUTH):
        if why in state.blocks.get(-1, ()):
            return why, "placing is halted"
    if request.row in state.night:
        return Why.SYNC, "what was carried over the night is not what the broker has"
    if state.reduces(request):
        spent = Why.RATE, f"{state.budget.sent_today} messages were sent today"
        return None if state.budget.allows(reduces=True) else spent
    blocks = {*state.blocks.get(-1, ()), *state.blocks.get(request.row, ())}
    if blocks:
        return Why.SYNC, f"no new risk is taken: {', '.join(sorted(blocks))}"
    if not state.budget.allows(reduces=False):
        return Why.RESERVE, "what is left of the day's messages is kept for exits"
    return None


def refuse(state: State, tracked: Tracked, why: Why, text: str) -> None:
    """End an order that was never sent; a person is told of one that would have closed."""
    if state.reduces(tracked.request):
        state.alert("exit not sent", text, tracked)
    state.end(tracked, ReportKind.REJECTED, why, f"not sent: {text}")


def leave(state: State, tracked: Tracked, now_s: float) -> None:
    """Send an order whose turn has come, unless something has come between."""
    why = hindrance(state, tracked)
    late = now_s - tracked.asked_s > LATE_S and not state.reduces(tracked.request)
    if why is None and late:
        why = Why.RATE, f"its turn did not come within {LATE_S:.0f} s"
    if why is not None:
        refuse(state, tracked, *why)
        return
    form = place_form(tracked.terms, tracked.tag)
    send = Send(
        state.number(), "place", tracked.order, tracked.tag, "POST", f"/orders/{REGULAR}",
        urlencode(form).encode(),
    )  # fmt: skip
    tracked.stage = Stage.SENT
    tracked.changed_s = now_s
    state.budget.take(now_s, places=True)
    state.calls[send.call] = (tracked, None)
    state.actions.append(send)


def answered(state: State, tracked: Tracked, answer: Answer, now_s: float) -> None:
    """Take in what was answered to an order."""
    tracked.answered_s = tracked.changed_s = now_s
    if tracked.stage is not Stage.SENT:
        return  # the order book has shown it already
    found = fate(answer)
    if found is Fate.ACCEPTED:
        broker_id = str(answer.data["order_id"])
        if BROKER_ID.fullmatch(broker_id):
            known(state, tracked, broker_id)
            tracked.stage = Stage.LIVE
            return
        found = Fate.UNKNOWN
    if found is Fate.UNKNOWN:
        doubt(state, tracked, f"{answer.text or answer.outcome} ({answer.status or 'no answer'})")
        return
    tracked.stage = Stage.CONFIRMING
    tracked.refusal = refusal_of(answer), answer.text
    note_refusal(state, answer, now_s)
    if answer.status == DEPOSITORY:
        state.alert("authorise holdings", answer.text, tracked)


def note_refusal(state: State, answer: Answer, now_s: float) -> None:
    """Draw the consequences of a refusal that is not about one order."""
    if answer.outcome is Outcome.RATE_LIMITED:
        state.budget.slow_down(now_s, SLOWER_S)
    elif answer.outcome is Outcome.AUTH_LOST:
        halt(state, Why.AUTH, answer.text)
    elif answer.outcome is Outcome.IP_REFUSED:
        halt(state, Why.IP, answer.text)


def halt(state: State, why: Why, text: str) -> None:
    """Let no order leave any more."""
    if why not in state.blocks.get(-1, ()):
        working = [str(one.order) for one in state.orders.values() if one.stage is Stage.LIVE]
        listed = f"; working orders: {', '.join(working)}" if working else ""
        state.alert("halted", f"{why}: {text}{listed}")
    state.block(-1, why, text)


def known(state: State, tracked: Tracked, broker_id: str) -> None:
    """Note an order's number at the broker."""
    tracked.broker_id = broker_id
    state.by_id[broker_id] = tracked


def forget_number(state: State, tracked: Tracked, now_s: float) -> None:
    """Take the number back that an answer gave an order: the book shows it as another's."""
    if state.by_id.get(tracked.broker_id) is tracked:
        del state.by_id[tracked.broker_id]
    if tracked.broker_id and tracked.stage is Stage.LIVE:
        tracked.answered_s = now_s
        doubt(state, tracked, f"{tracked.broker_id} is another's number")
    tracked.broker_id = ""


def doubt(state: State, tracked: Tracked, text: str) -> None:
    """Note that nobody knows if an order works, and let its instrument take no new risk."""
    tracked.stage = Stage.UNKNOWN
    tracked.good_reads = 0
    if not tracked.said_unknown:
        tracked.said_unknown = True
        state.say(ReportKind.UNKNOWN, tracked, text=text)
        state.alert("unknown order", text, tracked)
    state.block(tracked.row, Why.UNKNOWN, f"order {tracked.order}: {text}")


def absent(state: State, tracked: Tracked, begun_s: float) -> None:
    """Take in that a good read of the order book, begun then, has not shown an order."""
    waited_s = begun_s - tracked.answered_s
    if tracked.stage is Stage.CONFIRMING and waited_s >= CONFIRM_S:
        assert tracked.refusal is not None
        state.end(tracked, ReportKind.REJECTED, *tracked.refusal)
        settle(state, tracked.row)
    elif tracked.stage is Stage.UNKNOWN and waited_s >= 0:
        tracked.good_reads += 1
        if waited_s >= LAPSE_S and tracked.good_reads >= LAPSE_READS:
            lapse(state, tracked)


def lapse(state: State, tracked: Tracked) -> None:
    """Take an order for none: it never appeared."""
    text = f"not in {tracked.good_reads} reads of the order book within {LAPSE_S:.0f} s"
    state.end(tracked, ReportKind.REJECTED, Why.LAPSED, text)
    tracked.stage = Stage.LAPSED
    state.alert("order lapsed", text, tracked)
    settle(state, tracked.row)


def settle(state: State, row: int) -> None:
    """Let an instrument take risk again, if none of its orders is unknown any more."""
    unknown = any(o.row == row and o.stage is Stage.UNKNOWN for o in state.orders.values())
    if not unknown:
        state.unblock(row, Why.UNKNOWN)


def adopt(state: State, tracked: Tracked, broker_id: str, now_s: float) -> None:
    """Take in an order that the order book shows under its tag."""
    late = tracked.stage in (Stage.LAPSED, Stage.ENDED)
    was, tracked.stage = tracked.stage, Stage.LIVE
    known(state, tracked, broker_id)
    tracked.changed_s = now_s
    tracked.refusal = None
    tracked.status = ""
    if late:
        state.alert("late order", f"{was} before, {broker_id} works or worked", tracked)
    settle(state, tracked.row)
