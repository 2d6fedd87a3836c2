"""Orders that are sent: nothing but a report fills, ends, triggers or changes one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from alphapanda import bracket, buy, buy_limit, cancel, modify, sell, sell_limit
from alphapanda.books.changes import PACE_NS, RETRY_NS
from alphapanda.books.state import OrderState
from alphapanda.model.calendar import Phase
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import (
    ChargeKind,
    Control,
    Out,
    Reason,
    ReportKind,
    Scope,
)
from tests.support.harness import (
    SECOND,
    T0,
    Heard,
    Played,
    Script,
    closes,
    limited,
    listener,
    opens,
    phase,
    play,
    report,
    rs,
    tick_strategy,
    ticks,
)

R = ReportKind
UNTIL = T0 + 3600 * SECOND
LONG = ticks(*[100.0] * 60)
"""A price that would fill any market order on paper."""


def at(second: float, kind: ReportKind, order: int = 1, **fields: int) -> Any:
    """Return a report so many seconds after the open."""
    return report(T0 + int(second * SECOND), kind, order, **fields)


def filled(second: float, qty: int, price: float = 100.0, order: int = 1) -> Any:
    """Return a trade."""
    return at(second, R.FILLED, order, qty=qty, price=rs(price))


def sent(script: Script, *events: Any, rows: Any = LONG, **desk: Any) -> Played:
    """Run rows of a core whose orders are sent, with these reports."""
    return play(rows, script, events=[opens(UNTIL), *events], sent=True, **desk)


def ends(played: Played) -> list[tuple[str, int, int]]:
    """Return type, order and reason of every end."""
    return [(r.type.name, r.order, r.a) for r in played.of(Out.CANCELLED, Out.EXPIRED, Out.FAILED)]


def messages(played: Played) -> list[tuple[str, int, int, int]]:
    """Return what is sent to the broker: type, order, quantity, and of the others the trigger."""
    found = played.of(Out.ORDER, Out.MODIFY, Out.CANCEL)
    return [(r.type.name, r.order, r.qty, 0 if r.type == Out.CANCEL else r.a) for r in found]


def test_without_reports_nothing_happens_to_an_order() -> None:
    """Rows that would fill it on paper, and the end of its session, leave it as it was sent."""
    played = sent({0: lambda ctx: buy(ctx, 10)}, closes(T0 + 30 * SECOND))
    assert played.life(1) == ["ORDER"]
    assert played.field("positions", "open_buy") == 10


def test_a_life_by_reports() -> None:
    """Acknowledged, filled in parts at the trades' own prices; cash and position are exact."""
    played = sent(
        {0: lambda ctx: buy(ctx, 10)}, at(2, R.ACKNOWLEDGED), filled(3, 4, 100.05),
        filled(4, 6, 99.95),
    )  # fmt: skip
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "FILL", "FILL"]
    assert [(f.qty, f.price) for f in played.fills] == [(4, 100.05), (6, 99.95)]
    assert played.field("positions", "qty") == 10
    assert played.field("ledgers", "cash") == -(4 * rs(100.05) + 6 * rs(99.95))
    assert played.field("positions", "open_buy") == 0
    assert played.field("orders", "id") == 0, "its slot is free"


def test_a_fill_proves_what_came_before() -> None:
    """A trade that is reported first acknowledges its order, and triggers its stop."""
    played = sent(
        {0: lambda ctx: bracket(ctx, 10, stop=rs(98))}, filled(2, 10), filled(4, -10, 98, 2)
    )
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "FILL"]
    assert played.life(2) == ["ORDER", "ACKNOWLEDGED", "TRIGGERED", "FILL"]
    assert played.field("positions", "qty") == 0


@pytest.mark.parametrize(
    ("kind", "reason", "end"),
    [
        (R.CANCELLED, 0, ("CANCELLED", 1, Reason.EXTERNAL)),
        (R.CANCELLED, Reason.DRY_RUN, ("CANCELLED", 1, Reason.DRY_RUN)),
        (R.EXPIRED, 0, ("EXPIRED", 1, Reason.SESSION_END)),
        (R.REJECTED, 0, ("FAILED", 1, Reason.REJECTED)),
        (R.REJECTED, Reason.MARGIN, ("FAILED", 1, Reason.MARGIN)),
    ],
)
def test_ends(kind: ReportKind, reason: int, end: tuple[str, int, int]) -> None:
    """Each end says its reason, frees what was counted, and is heard by the strategy."""
    heard = Heard()
    strategy = listener({0: lambda ctx: buy_limit(ctx, 10, rs(99))}, heard)
    played = sent({}, at(2, R.ACKNOWLEDGED), at(3, kind, reason=reason), classes=[strategy])
    assert ends(played) == [end]
    assert played.field("positions", "open_buy") == 0
    assert played.field("ledgers", "blocked", 1) == 0
    assert [call[-1] for call in heard.calls if call[0] == "order"] == [
        Out.ACKNOWLEDGED, Out[end[0]],
    ]  # fmt: skip


def test_a_cancellation_waits_for_its_report() -> None:
    """Until then an order counts; what fills meanwhile is booked; the report ends the rest."""
    script: Script = {0: lambda ctx: buy_limit(ctx, 10, rs(99)), 3: lambda ctx: cancel(ctx, 1)}
    asked = (at(2, R.ACKNOWLEDGED), filled(5, 3, 99))
    waiting = sent(script, *asked)
    assert waiting.field("positions", "open_buy") == 7
    ended = sent(script, *asked, at(6, R.CANCELLED))
    assert ends(ended) == [("CANCELLED", 1, Reason.STRATEGY)]
    assert (ended.field("positions", "qty"), ended.field("positions", "open_buy")) == (3, 0)


def test_a_fill_after_the_end_is_booked() -> None:
    """A trade that is told after the cancellation moves position and cash all the same."""
    played = sent(
        {0: lambda ctx: buy_limit(ctx, 10, rs(99))}, at(2, R.CANCELLED), filled(3, 4, 99),
        filled(4, 6, 99),
    )  # fmt: skip
    assert played.field("positions", "qty") == 10
    assert played.field("ledgers", "cash") == -10 * rs(99)
    assert (played.field("positions", "open_buy"), played.field("ledgers", "open_value")) == (0, 0)


def test_a_late_fill_of_an_entry_is_protected() -> None:
    """An entry that was cancelled unfilled, and then filled after all, gets its exits."""
    played = sent(
        {0: lambda ctx: bracket(ctx, 10, stop=rs(98), target=rs(103))}, at(2, R.CANCELLED),
        filled(3, 4),
    )  # fmt: skip
    assert messages(played) == [
        ("ORDER", 1, 10, 0), ("ORDER", 2, -4, rs(98)), ("ORDER", 3, -4, 0),
    ]  # fmt: skip
    assert played.field("clock", "reserved") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        [filled(2, 11)], [filled(2, 10), filled(3, 1)], [filled(2, -1)], [filled(2, 5, 0)],
        [at(2, R.CANCELLED), filled(3, 11)], [filled(2, 1, order=7)], [at(2, R.ACKNOWLEDGED, 7)],
        [at(2, R.FILLED, qty=5, price=1), at(3, R.REPLACED, qty=4, price=1)],
        [at(2, R.CIRCUIT, 0, row=-1)], [at(2, R.BLOCKED, 0, row=1, reason=26)],
    ],
)  # fmt: skip
def test_what_cannot_be_stops_the_run(wrong: list[Any]) -> None:
    """More than was ordered, the other side, no price, no such order: the core goes no further."""
    with pytest.raises(AssertionError):
        sent({0: lambda ctx: buy_limit(ctx, 10, rs(100))}, *wrong)


def test_a_change_is_in_force_when_it_is_reported() -> None:
    """Until then the worse of old and new terms counts, and a second change is refused."""
    script: Script = {
        0: lambda ctx: buy_limit(ctx, 10, rs(99)), 3: lambda ctx: modify(ctx, 1, 15, rs(98)),
        4: lambda ctx: modify(ctx, 1, 12),
    }  # fmt: skip
    waiting = sent(script, at(2, R.ACKNOWLEDGED))
    assert waiting.field("positions", "open_buy") == 15
    assert waiting.codes() == [RejectionCode.CHANGE_UNDER_WAY]
    done = sent(script, at(2, R.ACKNOWLEDGED), at(6, R.REPLACED, qty=15, price=rs(98)))
    assert done.of(Out.MODIFIED)[0].qty == 15
    assert done.field("orders", "price") == rs(98)
    refused = sent(script, at(2, R.ACKNOWLEDGED), at(6, R.CHANGE_REJECTED, reason=Reason.RATE))
    assert refused.field("positions", "open_buy") == 10
    assert [(r.order, r.a, r.b) for r in refused.of(Out.REJECTED)][-1] == (
        1, RejectionCode.BROKER, Reason.RATE,
    )  # fmt: skip


def test_somebody_elses_terms_are_taken() -> None:
    """A change that was made at the terminal, or came about otherwise, is not fought."""
    script: Script = {
        0: lambda ctx: buy_limit(ctx, 10, rs(99)), 5: lambda ctx: modify(ctx, 1, 15),
    }  # fmt: skip
    played = sent(script, at(2, R.REPLACED, qty=8, price=rs(97)), at(7, R.REPLACED, qty=12))
    assert messages(played) == [("ORDER", 1, 10, 0), ("MODIFY", 1, 15, 0)]
    assert (played.field("orders", "qty"), played.field("positions", "open_buy")) == (12, 12)
    assert played.field("orders", "price") == rs(97)


def test_a_fill_proves_an_enlargement() -> None:
    """More than the old quantity is no error while a larger one is on its way."""
    script: Script = {
        0: lambda ctx: buy_limit(ctx, 10, rs(99)), 3: lambda ctx: modify(ctx, 1, 15),
    }  # fmt: skip
    played = sent(script, at(2, R.ACKNOWLEDGED), filled(5, 15, 99), at(6, R.REPLACED, qty=15))
    assert played.life(1) == ["ORDER", "ACKNOWLEDGED", "MODIFY", "MODIFIED", "FILL"]
    assert played.field("positions", "qty") == 15


def test_an_order_in_doubt_counts_and_blocks() -> None:
    """It counts; no new risk on its instrument, but what reduces; a report frees it."""
    script: Script = {
        0: lambda ctx: buy(ctx, 5), 3: lambda ctx: buy_limit(ctx, 10, rs(99)),
        6: lambda ctx: buy(ctx, 1), 7: lambda ctx: sell_limit(ctx, 5, rs(101)),
        20: lambda ctx: buy_limit(ctx, 1, rs(95)),
    }  # fmt: skip
    played = sent(
        script, filled(2, 5), at(5, R.UNKNOWN, 2), at(15, R.REJECTED, 2, reason=Reason.LAPSED)
    )
    assert played.of(Out.UNKNOWN)[0].qty == 10
    assert played.codes() == [RejectionCode.BLOCKED_UNKNOWN]
    assert ends(played) == [("FAILED", 2, Reason.LAPSED)]
    assert [row.order for row in played.of(Out.ORDER)] == [1, 2, 4, 5]
    doubted = sent({0: script[3]}, at(5, R.UNKNOWN))
    assert doubted.field("positions", "open_buy") == 10
    assert doubted.field("orders", "state") == OrderState.UNKNOWN


def test_what_lapsed_and_returns_is_taken_back() -> None:
    """Given up as never sent, then found at the broker: it works again, and can be cancelled."""
    script: Script = {0: lambda ctx: buy_limit(ctx, 10, rs(99)), 9: lambda ctx: cancel(ctx, 1)}
    lost = (at(3, R.UNKNOWN), at(4, R.REJECTED, reason=Reason.LAPSED), at(6, R.ACKNOWLEDGED))
    played = sent(script, *lost, filled(7, 4, 99))
    assert played.field("positions", "open_buy") == 6
    assert played.life(1)[-1] == "CANCEL"


def test_blocks_hold_by_reason() -> None:
    """Two reasons block the account; each has to go; an instrument is blocked alone."""
    script: Script = {n: lambda ctx: buy(ctx, 1) for n in (2, 4, 6, 8, 10)}
    code = RejectionCode
    played = sent(
        script, at(1, R.BLOCKED, 0, row=-1, reason=code.AUTH_LOST),
        at(1, R.BLOCKED, 0, row=-1, reason=code.READ_ONLY),
        at(3.5, R.UNBLOCKED, 0, row=-1, reason=code.AUTH_LOST),
        at(5.5, R.UNBLOCKED, 0, row=-1, reason=code.READ_ONLY),
        at(7.5, R.BLOCKED, 0, row=0, reason=code.BLOCKED_UNKNOWN),
        at(9.5, R.UNBLOCKED, 0, row=0, reason=code.BLOCKED_UNKNOWN),
    )  # fmt: skip
    assert played.codes() == [code.AUTH_LOST, code.READ_ONLY, code.BLOCKED_UNKNOWN]
    assert [(r.row, r.a, r.b) for r in played.of(Out.BROKER_SESSION)[:1]] == [
        (-1, code.AUTH_LOST, 1)
    ]


def test_facts_of_the_account_are_said() -> None:
    """Orders and positions of others, and comparisons, are rows; circuit limits reach R1."""
    played = sent(
        {5: lambda ctx: buy_limit(ctx, 1, rs(111))}, at(1, R.EXTERNAL_ORDER, 0, row=0, qty=7),
        at(1, R.EXTERNAL_POSITION, 0, row=-1, qty=-3, price=rs(5)), at(2, R.RECONCILED, 0, qty=2),
        at(3, R.CIRCUIT, 0, row=0, price=rs(90), trigger=rs(110)),
    )  # fmt: skip
    said = played.of(Out.EXTERNAL_ORDER, Out.EXTERNAL_POSITION, Out.RECONCILED)
    assert [(r.row, r.qty) for r in said] == [(0, 7), (-1, -3), (-1, 2)]
    assert played.codes() == [RejectionCode.PRICE_BAND]
    assert played.field("positions", "qty") == 0


BRACKET: Script = {0: lambda ctx: bracket(ctx, 10, stop=rs(98), target=rs(103))}


def test_exits_are_sent_and_enlarged_by_one_change_at_a_time() -> None:
    """Fills of the entry that come while a change is under way go out together, once it is done."""
    played = sent(
        BRACKET, filled(2, 2), at(3, R.ACKNOWLEDGED, 2), at(3, R.ACKNOWLEDGED, 3), filled(4, 3),
        filled(5, 1), filled(6, 4), at(8, R.REPLACED, 2), at(9, R.REPLACED, 3),
    )  # fmt: skip
    assert messages(played) == [
        ("ORDER", 1, 10, 0), ("ORDER", 2, -2, rs(98)), ("ORDER", 3, -2, 0),
        ("MODIFY", 2, -5, rs(98)), ("MODIFY", 3, -5, 0), ("MODIFY", 2, -10, rs(98)),
        ("MODIFY", 3, -10, 0),
    ]  # fmt: skip
    assert played.field("positions", "open_sell") == 20, "both exits, by the larger of old and new"


def test_exits_wait_until_they_are_acknowledged() -> None:
    """An order whose number at the broker is not known is not changed."""
    played = sent(BRACKET, filled(2, 2), filled(3, 8), at(10, R.ACKNOWLEDGED, 2))
    assert messages(played)[3:] == [("MODIFY", 2, -10, rs(98))]


def test_a_filled_exit_cancels_its_sibling_and_a_partial_fill_cuts_it() -> None:
    """OCO at a broker: a change for a part, a cancellation for the whole, and reports end it."""
    live = (filled(2, 10), at(3, R.ACKNOWLEDGED, 2), at(3, R.ACKNOWLEDGED, 3))
    cut = sent(BRACKET, *live, filled(5, -4, 103, 3))
    assert messages(cut)[3:] == [("MODIFY", 2, -6, rs(98))]
    whole = sent(BRACKET, *live, filled(5, -10, 103, 3), at(7, R.CANCELLED, 2))
    assert messages(whole)[3:] == [("CANCEL", 2, -10, 0)]
    assert ends(whole) == [("CANCELLED", 2, Reason.OCO)]
    assert whole.field("positions", "open_sell") == 0


def test_a_refused_cancellation_is_repeated_after_a_while() -> None:
    """The sibling of a filled exit must go: refused, its cancellation is sent again."""
    live = (filled(2, 10), at(3, R.ACKNOWLEDGED, 2), at(3, R.ACKNOWLEDGED, 3))
    played = sent(BRACKET, *live, filled(5, -10, 103, 3), at(6, R.CHANGE_REJECTED, 2))
    sent_at = [row.ts - T0 for row in played.of(Out.CANCEL)]
    assert sent_at[:2] == [5 * SECOND, 6 * SECOND + RETRY_NS]
    assert len(sent_at) == 2, "while it is under way there is no third"


def test_a_trailing_stop_moves_by_changes() -> None:
    """It goes up with the price in steps, with time between them, and never back."""
    prices = [100.0, 100.0, 100.0, *[100 + 0.1 * n for n in range(60)], *[99.0] * 5]
    script: Script = {0: lambda ctx: bracket(ctx, 10, stop=0, trail=rs(2))}
    events: list[Any] = [filled(1, 10), at(2, R.ACKNOWLEDGED, 2)]
    events += [at(n + 0.5, R.REPLACED, 2) for n in range(3, 66)]
    played = sent(script, *events, rows=ticks(*prices))
    moves = played.of(Out.MODIFY)
    assert 3 < len(moves) < 20
    assert [r.a for r in moves] == sorted(r.a for r in moves)
    assert min(b.ts - a.ts for a, b in pairwise(moves)) >= 5 * PACE_NS
    assert all(r.a <= rs(100 + 0.1 * 60) - rs(2) for r in moves)


def test_a_square_off_is_sent_before_the_brokers_own() -> None:
    """Working intraday orders are cancelled; then, not before, an order closes what is held."""
    script: Script = {
        0: lambda ctx: buy(ctx, 10), 3: lambda ctx: buy_limit(ctx, 5, rs(90)),
        15: lambda ctx: buy(ctx, 1),
    }  # fmt: skip
    cut = (T0 + 10 * SECOND, Control.SQUARE_OFF, 0)
    played = sent(
        script, filled(2, 10), at(4, R.ACKNOWLEDGED, 2), cut, at(12, R.CANCELLED, 2),
        filled(14, -10, 100, 3),
    )  # fmt: skip
    assert messages(played)[2:] == [("CANCEL", 2, 5, 0), ("ORDER", 3, -10, 0)]
    assert ends(played) == [("CANCELLED", 2, Reason.SQUARE_OFF)]
    assert played.field("positions", "qty") == 0
    assert played.codes() == [RejectionCode.PRODUCT_CUTOFF]


def squared(second: float, qty: int, price: float, reason: int = 0) -> Any:
    """Return a trade of the broker's square-off."""
    return at(second, R.SQUARED_OFF, 0, qty=qty, price=rs(price), reason=reason)


def test_the_brokers_own_square_off_is_booked() -> None:
    """It fills no order of ours; its fee is charged once; nothing is sent for what is closed."""
    played = sent(
        {0: lambda ctx: buy(ctx, 10)}, filled(2, 10), squared(4, -4, 99.5, Reason.SQUARE_OFF),
        squared(5, -6, 99), (T0 + 10 * SECOND, Control.SQUARE_OFF, 0), product=Product.MIS,
        schedule=Schedule.zerodha(),
    )  # fmt: skip
    assert messages(played) == [("ORDER", 1, 10, 0)]
    assert [(f.order, f.qty, f.price) for f in played.fills][1:] == [(0, -4, 99.5), (0, -6, 99)]
    assert [played.field("positions", name) for name in ("qty", "open_sell", "open_buy")] == [0] * 3
    assert [(r.a, r.b) for r in played.of(Out.CHARGE)] == [(ChargeKind.SQUARE_OFF, rs(59))]


def test_strategies_that_hold_against_each_other_are_even_behind_a_square_off() -> None:
    """What is left of the account is closed at the broker; the rest among them, at no cost."""
    long = tick_strategy({0: lambda ctx: buy(ctx, 10)})
    other = tick_strategy({0: lambda ctx: sell(ctx, 6)})
    played = sent(
        {}, filled(2, 10, order=1), filled(3, -6, order=2), squared(4, -4, 99, Reason.SQUARE_OFF),
        classes=[long, other], product=Product.MIS, schedule=Schedule.zerodha(),
    )  # fmt: skip
    closing = [(f.order, f.qty, f.price) for f in played.fills[2:]]
    assert closing == [(0, -4, 99), (0, -6, 100), (0, 6, 100)]
    assert [played.field("positions", "qty", place) for place in (0, 1)] == [0, 0]
    assert len(played.of(Out.CHARGE)) == 1


@pytest.mark.parametrize("qty", [-11, 1, 0])
def test_a_square_off_of_what_is_not_held_stops_the_run(qty: int) -> None:
    """Nobody knows then what the account holds."""
    with pytest.raises(AssertionError, match=r"square-off|squared off"):
        sent(
            {0: lambda ctx: buy(ctx, 10)}, filled(2, 10), squared(4, qty, 99.5),
            product=Product.MIS,
        )  # fmt: skip


def test_exits_of_what_is_held_sleep_and_are_sent_anew() -> None:
    """Expired, a stop goes out again at the next open; a late fill of the old one cuts it."""
    day = 86_400 * SECOND
    rows = ticks(*[100.0] * 4, step=day // 2)
    played = sent(
        BRACKET, filled(2, 10), at(3, R.ACKNOWLEDGED, 2), at(3, R.ACKNOWLEDGED, 3),
        closes(T0 + 9 * SECOND), at(10, R.EXPIRED, 2), at(10, R.EXPIRED, 3),
        phase(T0 + day, Phase.OPEN, T0 + day + 3600 * SECOND),
        report(T0 + day + SECOND, R.FILLED, 2, qty=-4, price=rs(98)), rows=rows,
    )  # fmt: skip
    assert messages(played)[3:] == [("ORDER", 4, -10, rs(98)), ("ORDER", 5, -10, 0)]
    assert played.field("positions", "qty") == 6
    assert ends(played)[:2] == [("EXPIRED", 2, Reason.OVERNIGHT), ("EXPIRED", 3, Reason.OVERNIGHT)]


def test_what_no_report_ended_by_midnight_is_in_doubt() -> None:
    """A day order does not outlive its day: its instrument is blocked until somebody tells."""
    rows = ticks(*[100.0] * 4, step=43_200 * SECOND)
    played = sent({0: lambda ctx: buy_limit(ctx, 10, rs(90))}, rows=rows)
    assert [row.order for row in played.of(Out.UNKNOWN)] == [1]


def test_a_flatten_closes_by_orders() -> None:
    """All is cancelled, exits too; once the reports are in, one order closes what is held."""
    live = (filled(2, 10), at(3, R.ACKNOWLEDGED, 2), at(3, R.ACKNOWLEDGED, 3))
    flatten = (T0 + 5 * SECOND, Control.FLATTEN, Scope.ACCOUNT, 0, 1, 0)
    played = sent(BRACKET, *live, flatten, at(7, R.CANCELLED, 2), at(8, R.CANCELLED, 3))
    assert messages(played)[3:] == [
        ("CANCEL", 2, -10, 0), ("CANCEL", 3, -10, 0), ("ORDER", 4, -10, 0),
    ]  # fmt: skip


@pytest.mark.core
@pytest.mark.parametrize(("days", "codes"), [(0, [RejectionCode.LOSS_LIMIT]), (-1, [])])
def test_what_other_runs_lost_today_counts(days: int, codes: list[RejectionCode]) -> None:
    """With it the account is over its loss at once; what they lost yesterday is no matter."""
    today = (T0 + 19_800 * SECOND) // (86_400 * SECOND)
    lost = report(T0 + SECOND, R.EARLIER, 0, row=-1, qty=-rs(101), price=today + days)
    played = sent({5: lambda ctx: buy(ctx, 1)}, lost, limits=limited(loss=rs(100)))
    assert played.codes() == codes


REFUSED = ticks(*[100.0] * 300)
"""Five minutes."""


def entry(ctx: Any) -> None:
    """Buy ten behind a stop."""
    bracket(ctx, 10, rs(90))


@pytest.mark.core
def test_an_exit_that_was_refused_is_sent_anew() -> None:
    """A minute later, then two: the same stop by another number, while its position is held."""
    played = sent(
        {0: entry}, filled(2, 10), at(4, R.REJECTED, 2),
        at(70, R.REJECTED, 3, reason=Reason.MARGIN), at(200, R.ACKNOWLEDGED, 4), rows=REFUSED,
    )  # fmt: skip
    orders = [(row.order, row.qty, row.a, (row.ts - T0) // SECOND) for row in played.of(Out.ORDER)]
    assert [one[:2] for one in orders] == [(1, 10), (2, -10), (3, -10), (4, -10)]
    assert {one[2] for one in orders[1:]} == {rs(90)}
    assert [one[3] for one in orders[2:]] == [64, 190]
    assert ends(played) == [
        ("FAILED", 2, Reason.REJECTED), ("FAILED", 3, Reason.MARGIN),
    ]  # fmt: skip


@pytest.mark.core
def test_an_exit_outside_the_circuit_is_refused_by_a_number_of_its_own() -> None:
    """Nothing is said of the order that has ended; it is tried again, not at every row."""
    tight = report(T0 + 5 * SECOND, R.CIRCUIT, 0, row=0, price=rs(95), trigger=rs(120))
    wide = report(T0 + 210 * SECOND, R.CIRCUIT, 0, row=0, price=rs(80), trigger=rs(120))
    played = sent(
        {0: entry}, filled(2, 10), at(4, R.REJECTED, 2), tight, wide, rows=ticks(*[100.0] * 500),
    )  # fmt: skip
    assert ends(played) == [("FAILED", 2, Reason.REJECTED)]
    refused = [(row.order, (row.ts - T0) // SECOND) for row in played.of(Out.REJECTED)]
    assert refused == [(3, 64), (4, 184)]
    assert [row.order for row in played.of(Out.SIGNAL)] == [1, 3, 4]
    assert played.codes() == [RejectionCode.PRICE_BAND] * 2
    assert [(row.order, (row.ts - T0) // SECOND) for row in played.of(Out.ORDER)][2:] == [(5, 424)]


@pytest.mark.parametrize(("reason", "sold"), [(Reason.LAPSED, False), (Reason.REJECTED, True)])
def test_an_exit_that_may_appear_or_has_nothing_to_close_is_not(reason: Reason, sold: bool) -> None:
    """What was never found may be found later; what was sold needs no stop."""
    script: dict[int, Any] = {0: entry, **({10: lambda ctx: sell(ctx, 10)} if sold else {})}
    events = [filled(2, 10), at(4, R.REJECTED, 2, reason=reason)]
    events += [filled(12, -10, order=3)] if sold else []
    played = sent(script, *events, rows=REFUSED)
    stops = [row.order for row in played.of(Out.ORDER) if row.qty < 0]
    assert stops == ([2, 3] if sold else [2])
