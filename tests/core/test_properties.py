"""What holds on every day that can be thought of: random rows, random orders, random commands."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from hypothesis import HealthCheck, given, settings

from alphapanda.books.state import OrderState
from alphapanda.model.instruments import Product
from alphapanda.model.limits import LimitSet, lifted
from alphapanda.model.rows import Kind, Out
from tests.core.auditor import Books
from tests.core.operator_laws import (
    a_flatten_ends_flat_or_says_why,
    every_command_is_told_once_before_its_effects,
    stops_hold_until_they_are_lifted,
)
from tests.support.cases import Case, cases
from tests.support.harness import SECOND, Played, Row, feed

MANY = settings(
    max_examples=80, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def run(case: Case) -> Played:
    """Run a case in plain Python."""
    engine = case.engine()
    return Played(feed(engine, case.columns, case.events), engine)


def the_books_equal_a_naive_recount(case: Case, played: Played) -> None:
    """Orders live by their rules, and cash, positions and P&L equal a recount from the fills."""
    books = Books().take(played.rows)
    tables = played.engine.tables
    strategies = len(case.acts)
    for k in range(strategies):
        ledger = tables["ledgers"][k]
        assert ledger["cash"] == books.cash[k]
        assert ledger["charges"] == books.charges[k]
        assert ledger["realised"] == books.realised[k]
        held = {row: books.held[k, row] for row in range(len(case.desk.instruments))}
        last = tables["instruments"]["last"]
        assert ledger["mark"] == sum(qty * int(last[row]) for row, qty in held.items())
        assert ledger["cost"] == sum(books.paid[k, row] for row in held)
        assert ledger["cash"] + ledger["cost"] == ledger["realised"] - ledger["charges"]
        for row, qty in held.items():
            position = tables["positions"][k * len(held) + row]
            assert position["qty"] == qty
            assert position["cost"] == books.paid[k, row]


def nothing_is_left_when_nothing_works(case: Case, played: Played) -> None:
    """After the close no order works, and every count of working orders is back to zero.

    But for exits that sleep: of a position in CNC they are sent again on the next day.
    """
    tables, clock = played.engine.tables, played.engine.tables["clock"]
    assert Books().take(played.rows).live() == []
    orders, positions = tables["orders"], tables["positions"]
    asleep = orders[orders["id"] != 0]
    assert set(asleep["state"].tolist()) <= {OrderState.ASLEEP}
    assert len(asleep) == 0 or case.desk.product == Product.CNC
    left = (positions["open_buy"] + positions["open_sell"]).tolist()
    assert left == positions["asleep"].tolist()
    assert sum(left) == abs(asleep["qty"] - asleep["filled"]).sum()
    assert not tables["ledgers"]["open_value"].any()
    assert not tables["ledgers"]["blocked"].any()
    assert clock["reserved"] == 0
    assert clock["slots"] == len(orders) - len(asleep)
    assert len(asleep) > 0 or (tables["instruments"]["first"] == -1).all()
    free, slot = 0, int(clock["free"][0])
    while slot >= 0:
        free, slot = free + 1, int(orders["next"][slot])
    assert free == len(orders) - len(asleep)
    assert tables["instruments"]["held"].sum() == (positions["qty"] != 0).sum()


def orders_have_one_number_each(case: Case, played: Played) -> None:
    """Order numbers are unique, rise, and are never used again."""
    numbers = [row.order for row in played.of(Out.ORDER)]
    assert len(set(numbers)) == len(numbers)
    signals = [row.order for row in played.of(Out.SIGNAL)]
    assert signals == sorted(set(signals))


def orders_fill_after_they_were_sent(case: Case, played: Played) -> None:
    """Fills come from later rows of the order's instrument, at or after time + latency.

    A bracket's exit may also fill on the bar that filled its entry.
    """
    sent = {row.order: row for row in played.of(Out.ORDER)}
    entered = {(row.order, row.cause) for row in played.of(Out.FILL)}
    for row in market_fills(case, played):
        order = sent[row.order]
        if row.cause == order.cause:
            assert case.desk.interval
            assert (order.group, row.cause) in entered
            continue
        assert row.cause > order.cause
        assert row.ts >= order.ts + case.desk.paper.latency_ns


def market_fills(case: Case, played: Played) -> list[Row]:
    """Return the fills that a market row of their instrument gave."""
    row_of = {cause: int(row) for cause, row in zip(causes(case), case.columns.row, strict=True)}
    return [
        row for row in played.of(Out.FILL) if row.order and row_of.get(row.cause) == row.row
    ]  # fmt: skip


def other_fills_are_the_brokers(case: Case, played: Played) -> None:
    """What no market row filled was settled or closed for the day, at the last price."""
    market = {id(row) for row in market_fills(case, played)}
    sent = {row.order: row for row in played.of(Out.ORDER)}
    for row in played.of(Out.FILL):
        if id(row) not in market:
            known = [n for n, cause in enumerate(causes(case))
                     if cause <= row.cause and case.columns.row[n] == row.row]  # fmt: skip
            assert row.price == case.columns.last[known[-1]]
            assert case.desk.product == Product.MIS
            assert row.order == 0 or sent[row.order].b == Kind.MARKET


def causes(case: Case) -> list[int]:
    """Return the sequence of each market row: control rows before it count too."""
    return [n + 1 + int((case.events["at"] <= n).sum()) for n in range(case.columns.rows)]


def prices_are_those_of_the_row(case: Case, played: Played) -> None:
    """No fill is better than its row: a bar's range, the quote, or a trade."""
    at = {cause: n for n, cause in enumerate(causes(case))}
    for row in market_fills(case, played):
        n = at[row.cause]
        best = best_price(case, n, row.qty)
        assert row.price >= best if row.qty > 0 else row.price <= best


def best_price(case: Case, n: int, qty: int) -> int:
    """Return the best price that a row offers a buyer or a seller; a trade counts as an offer."""
    columns = case.columns
    if len(columns.open):
        return int(columns.low[n] if qty > 0 else columns.high[n])
    found = [int(columns.last[n])]
    side = columns.ask if qty > 0 else columns.bid
    if len(side) and side[n]:
        found.append(int(side[n]))
    return min(found) if qty > 0 else max(found)


def fills_take_no_more_than_their_share(case: Case, played: Played) -> None:
    """All fills of a row and side together take at most the share of what was traded."""
    columns, share = case.columns, case.desk.paper.volume_share
    if len(columns.bid) or not (len(columns.volume) or len(columns.qty)):
        return  # quotes have sizes of their own, and of plain rows no size is known
    at = {cause: n for n, cause in enumerate(causes(case))}
    traded = case.columns.volume if len(case.columns.volume) else case.columns.qty
    taken: dict[tuple[int, bool], int] = defaultdict(int)
    for row in market_fills(case, played):
        taken[row.cause, row.qty > 0] += abs(row.qty)
    for (cause, _), size in taken.items():
        assert share == 0 or size <= (int(traded[at[cause]]) * share + 5_000_000) // 10_000_000


def delivery_never_goes_short(case: Case, played: Played) -> None:
    """CNC: no fill leaves a position below zero."""
    if case.desk.product == Product.CNC:
        assert all(row.c >= 0 for row in played.of(Out.FILL))


def exits_never_do_more_than_their_entry(case: Case, played: Played) -> None:
    """A bracket's exits together fill at most what its entry filled (unless changed by hand)."""
    entered: dict[int, int] = defaultdict(int)
    left: dict[int, int] = defaultdict(int)
    group = {row.order: row.group for row in played.of(Out.ORDER) if row.group}
    changed = {group.get(row.order) for row in played.of(Out.MODIFY)}
    for row in played.of(Out.FILL):
        if row.order not in group:
            entered[row.order] += row.qty
        elif group[row.order] not in changed:
            left[group[row.order]] -= row.qty
            assert abs(left[group[row.order]]) <= abs(entered[group[row.order]])


LAWS = (
    the_books_equal_a_naive_recount, nothing_is_left_when_nothing_works,
    orders_have_one_number_each, orders_fill_after_they_were_sent, other_fills_are_the_brokers,
    prices_are_those_of_the_row, fills_take_no_more_than_their_share, delivery_never_goes_short,
    exits_never_do_more_than_their_entry,
    stops_hold_until_they_are_lifted, a_flatten_ends_flat_or_says_why,
    every_command_is_told_once_before_its_effects,
)  # fmt: skip


@settings(MANY, max_examples=160)
@given(case=cases())
def test_every_law_holds_on_every_day(case: Case) -> None:
    """All laws, of this page and of operators, on each day: making it up costs most of the time."""
    played = run(case)
    for law in LAWS:
        law(case, played)


TIGHT = {
    "qty": 10, "value": 11_000_000, "open_value": 14_000_000, "position": 12, "per_second": 3,
    "per_minute": 12, "per_day": 20,
}  # fmt: skip
LIMITS = LimitSet("tight", {**lifted(), **TIGHT}, {**lifted(), **TIGHT})


class Watch:
    """Follows what is out at the broker and holds it against the limits after every order."""

    def __init__(self) -> None:
        self.books = Books()
        self.prices: dict[int, int] = {}
        self.second: deque[int] = deque()
        self.minute: deque[int] = deque()
        self.sent = 0

    def send(self, ts: int) -> None:
        """Count a message to the broker."""
        self.sent += 1
        for window, length in ((self.second, SECOND), (self.minute, 60 * SECOND)):
            window.append(ts)
            while ts - window[0] >= length:
                window.popleft()

    def read(self, row: Any, asked: bool) -> None:
        """Read a row; `asked`: it is of a signal's order, so the limits must hold behind it."""
        self.books.take([row])
        if row.type in (Out.ORDER, Out.MODIFY, Out.CANCEL) and (asked or row.group):
            self.send(row.ts)
        if asked and row.type in (Out.ORDER, Out.MODIFY):
            if row.b == Kind.LIMIT:
                self.prices[row.order] = max(row.price, self.prices.get(row.order, 0))
            self.hold(row)

    def hold(self, row: Any) -> None:
        """Hold the limits against what is out now."""
        assert len(self.second) <= TIGHT["per_second"]
        assert len(self.minute) <= TIGHT["per_minute"]
        assert self.sent <= TIGHT["per_day"]
        assert abs(row.qty - self.books.orders[row.order].filled) <= TIGHT["qty"]
        assert self.worst(row.row, row.qty > 0) <= TIGHT["position"]
        assert self.open_value() <= TIGHT["open_value"]

    def out(self, order: Any) -> int:
        """Return what an order may still fill, the larger of old and new terms."""
        return max(abs(order.qty), abs(order.asked)) - abs(order.filled)

    def worst(self, instrument: int, buys: bool) -> int:
        """Return how far one side's working orders could carry the account's position."""
        held = sum(qty for (_, row), qty in self.books.held.items() if row == instrument)
        out = sum(
            self.out(order)
            for order in self.books.live()
            if order.key[1] == instrument and (order.qty > 0) == buys
        )
        return (held if buys else -held) + out

    def open_value(self) -> int:
        """Return what the working LIMIT orders are worth at their prices (at least is open)."""
        orders = self.books.orders
        return sum(
            abs(orders[number].qty - orders[number].filled) * price
            for number, price in self.prices.items()
            if not orders[number].over and not orders[number].asked
        )


@MANY
@given(case=cases(limits=LIMITS, commands=False))
def test_no_prefix_of_the_orders_breaks_a_limit(case: Case) -> None:
    """Whatever is asked for: after every order that was let through, all limits hold."""
    watch, asked = Watch(), set[int]()
    for row in run(case).rows:
        if row.type == Out.VALIDATED:
            asked.add(row.order)
        watch.read(row, row.order in asked)
