"""The broker's books against ours: at the start, every minute, and over the night.

Ours are the journal's: what was carried into the day, and each trade booked since. What else the
broker shows is EXTERNAL where its own trades explain it. What nothing explains twice in a row
blocks the instrument and is told to a person; no order ever corrects a difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.brokers.zerodha.answers import Answer, Outcome, bounded
from alphapanda.brokers.zerodha.orders import squared
from alphapanda.brokers.zerodha.orders.bodies import KINDS, PRODUCTS
from alphapanda.brokers.zerodha.orders.reading import (
    Funds,
    HoldingRow,
    PositionRow,
    TradeRow,
    holding_row,
    read_funds,
    read_list,
    read_positions,
)
from alphapanda.brokers.zerodha.orders.state import Say, State
from alphapanda.brokers.zerodha.orders.why import Why
from alphapanda.model.calendar import EPOCH
from alphapanda.model.instruments import Product

EACH_S = 60.0
AGAIN_S = 3.0
"""After a read that failed, while the run waits for it."""
BARRIER = ("profile", "book", "trades", "positions", "holdings", "funds", "triggers")
"""What must have been read, and agree, before a strategy starts."""
TWICE = 2
"""Reads in a row that must show a difference."""
LARGEST_RATIO = 100
"""Of a split or a bonus."""
MOST = 20
"""Positions that are named."""
Key = tuple[str, str]
"""EXCHANGE:SYMBOL and product."""


@dataclass(slots=True)
class Books:
    """What the broker shows beside orders."""

    user_id: str = ""
    """Whose session it must be; empty: anybody's."""
    products: frozenset[str] = frozenset()
    """Those that the run's strategies trade."""
    wanted: dict[str, float] = field(default_factory=lambda: dict.fromkeys(BARRIER, 0.0))
    """Lists that are to be read, and not before when."""
    problems: dict[str, str] = field(default_factory=dict)
    """Why the run may not begin to trade, by what was read."""
    positions: dict[Key, PositionRow] = field(default_factory=dict)
    trades: tuple[TradeRow, ...] = ()
    holdings: dict[str, HoldingRow] = field(default_factory=dict)
    funds: dict[str, Funds] = field(default_factory=dict)
    differs: dict[Key, int] = field(default_factory=dict)
    """Reads in a row that have shown a difference that nothing explains."""
    compared: int = 0
    """How often positions were compared."""
    started: bool = False
    reviewed: bool = False
    _left: set[str] = field(default_factory=lambda: set(BARRIER))

    @property
    def is_ready(self) -> bool:
        """Whether everything was read once, and nothing speaks against trading."""
        return not self._left and not self.problems and not self.is_unsure

    @property
    def is_unsure(self) -> bool:
        """Whether a difference was seen once, which the next read may explain."""
        return any(count < TWICE for count in list(self.differs.values()))

    @property
    def left(self) -> frozenset[str]:
        """Lists that have not been read yet."""
        return frozenset(self._left)

    @property
    def is_read(self) -> bool:
        """Whether everything was read once."""
        return not self._left

    def due(self, now_s: float) -> list[str]:
        """Return the lists whose time has come."""
        return [what for what, at_s in self.wanted.items() if at_s <= now_s]

    def want(self, what: str, at_s: float) -> None:
        """Read a list, not before some time."""
        self.wanted[what] = min(at_s, self.wanted.get(what, at_s))

    def done(self, what: str, now_s: float, *, good: bool) -> None:
        """Note that a list was read, and when it is to be read again."""
        if good:
            self._left.discard(what)
        elif what not in ("book", "trades"):
            self.want(what, now_s + AGAIN_S)
        if good and what in ("positions", "funds"):
            self.want(what, now_s + EACH_S)
        if good and what == "positions":
            self.want("trades", now_s + EACH_S)


def take(state: State, books: Books, what: str, answer: Answer, now_s: float) -> None:
    """Take a list that was read."""
    data = answer.data if answer.outcome is Outcome.DONE else None
    good = READERS[what](state, books, data)
    if good and what == "positions" and books.started:
        compare(state, books, now_s)
        review(state, books)
        say_reconciled(state, books)
    books.done(what, now_s, good=good)
    if not good:
        why = answer.text or "it is not what it should be"
        state.alert("unread", f"{what}: {bounded(why)}")
    begin(state, books, now_s)


def begin(state: State, books: Books, now_s: float) -> None:
    """Once everything has been read, compare it for the first time."""
    if books.is_read and not books.started:
        books.started = True
        compare_night(state, books)
        compare(state, books, now_s)
        review(state, books)
        say_reconciled(state, books)


def say_reconciled(state: State, books: Books) -> None:
    """Say how our books and the broker's agree, if that is not what was said last."""
    if not books.is_ready:
        return
    differing = {state.row_of(name) for name, _ in books.differs} | state.differing | state.night
    names = sorted(state.instruments[row].name for row in differing if row >= 0)
    held = [
        f"{state.instruments[row].name} {PRODUCTS[Product(product)]} {qty}"
        for (row, product), qty in sorted(state.held.items()) if qty
    ]  # fmt: skip
    text = f"{day_text(state.day)}: ours {few(held)}; differing {few(names)}"
    if (len(names), text) != state.reconciled:
        state.reconciled = len(names), text
        state.say(ReportKind.RECONCILED, row=-1, qty=len(names), text=text)


def few(names: list[str]) -> str:
    """Return a few of many things, and how many more there are."""
    left = len(names) - MOST
    return (", ".join(names[:MOST]) or "nothing") + (f" and {left} more" if left > 0 else "")


def day_text(day: int) -> str:
    """Return a day, counted in India since 1970."""
    return str(date.fromordinal(day + EPOCH))


def review(state: State, books: Books) -> None:
    """Once, lift the blocks of an earlier process whose cause is gone."""
    if books.is_ready and not books.reviewed:
        books.reviewed = True
        for row in sorted(state.blocks):
            if row >= 0:
                state.lift(row)


def take_profile(state: State, books: Books, data: Any) -> bool:
    """Take whose session it is, and what it may trade."""
    if not isinstance(data, Mapping):
        return False
    books.problems.pop("profile", None)
    user = data.get("user_id")
    if books.user_id and user != books.user_id:
        books.problems["profile"] = f"the session is {bounded(user)}'s, not {books.user_id}'s"
        return True
    used = {one.exchange.name for one in state.instruments}
    for name, needed in (
        ("exchanges", used), ("products", books.products), ("order_types", set(KINDS.values())),
    ):  # fmt: skip
        allowed = data.get(name)
        missing = needed - set(allowed) if isinstance(allowed, list) else needed
        if missing:
            text = f"the account has no {', '.join(sorted(missing))} among its {name}"
            books.problems["profile"] = text
    return True


def take_positions(state: State, books: Books, data: Any) -> bool:
    """Take the present positions, and compare them."""
    found = read_positions(data)
    if found is None or found.odd:
        return False
    books.positions = {(row.name, row.product): row for row in found.rows}
    return True


def take_holdings(state: State, books: Books, data: Any) -> bool:
    """Take the shares in the account; pledged and margin-funded ones are none to sell."""
    found = read_list(data, holding_row)
    if found is None or found.odd:
        return False
    books.holdings = {row.name: row for row in found.rows}
    return True


def take_funds(state: State, books: Books, data: Any) -> bool:
    """Take the money; `cash` of nothing beside a `net` is told, and not believed."""
    found = read_funds(data)
    if found is None:
        return False
    books.funds = found
    for segment, funds in found.items():
        if funds.cash == 0 and funds.net > 0:
            state.alert("cash of 0", f"{segment}: available.cash is 0, net is not; net counts")
    return True


def take_triggers(state: State, books: Books, data: Any) -> bool:
    """Take triggers that stand: each may place an order by itself, which is then not ours."""
    if not isinstance(data, list):
        return False
    active = [row for row in data if isinstance(row, dict) and row.get("status") == "active"]
    if active:
        state.alert("triggers", f"{len(active)} triggers (GTT) of the account may place orders")
    return True


READERS = {
    "profile": take_profile, "positions": take_positions, "holdings": take_holdings,
    "funds": take_funds, "triggers": take_triggers,
}  # fmt: skip


def compare(state: State, books: Books, now_s: float) -> None:
    """Compare positions with ours; what differs for the first time is read again soon."""
    books.compared += 1
    squared.book(state, books.positions, books.trades)
    foreign = foreign_trades(state, books.trades)
    for key in sorted({*books.positions, *ours(state), *foreign, *known_external(state)}):
        compare_one(state, books, key, foreign.get(key, 0))
    if books.is_unsure:
        for what in ("positions", "trades"):
            books.want(what, now_s + AGAIN_S)


def compare_one(state: State, books: Books, key: Key, foreign: int) -> None:
    """Compare one position."""
    row, theirs = state.row_of(key[0]), books.positions.get(key)
    if is_moving(state, row):
        return
    qty = 0 if theirs is None else theirs.qty
    external = qty - ours(state).get(key, 0)
    night = 0 if theirs is None else theirs.overnight
    explained = night - carried_in(state, key) + foreign
    if row >= 0 and external * ours(state).get(key, 0) < 0 and external == explained:
        text = f"{key[0]} {key[1]}: {-external} of ours was closed by somebody else"
        state.alert("position closed elsewhere", text)
        state.differing.add(row)
        state.block(row, Why.SYNC, text)
        say_external(state, key, external, theirs)
        return
    if external == explained or row < 0:
        books.differs.pop(key, None)
        if row in state.differing and not any(one[0] == key[0] for one in books.differs):
            state.differing.discard(row)
            state.lift(row)
        say_external(state, key, external, theirs)
        return
    books.differs[key] = books.differs.get(key, 0) + 1
    if books.differs[key] >= TWICE:
        text = f"{key[0]} {key[1]}: the broker has {qty}, {external - explained} of it unexplained"
        state.alert("position differs", text)
        state.differing.add(row)
        state.block(row, Why.SYNC, text)


def say_external(state: State, key: Key, qty: int, theirs: PositionRow | None) -> None:
    """Say which part of a position is not ours, if that has changed."""
    text = f"{key[0]} {key[1]}"
    before = state.positions.get(text)
    if qty == (0 if before is None else before.qty):
        return
    price = 0 if theirs is None else theirs.average
    row = state.row_of(key[0])
    report = Report(int(ReportKind.EXTERNAL_POSITION), 0, row, qty, price, text=text)
    state.positions[text] = report
    state.actions.append(Say(report))


def ours(state: State) -> dict[Key, int]:
    """Return what the broker's positions should show of ours.

    Shares that were carried over the night are holdings, no positions.
    """
    found: dict[Key, int] = {}
    for (row, product), qty in state.held.items():
        carried = state.carried.get((row, product), 0) if product == Product.CNC else 0
        if qty - carried:
            found[state.instruments[row].name, PRODUCTS[Product(product)]] = qty - carried
    return found


def carried_in(state: State, key: Key) -> int:
    """Return what of a position we carried into the day."""
    if key[1] not in ("MIS", "NRML"):
        return 0
    return state.carried.get((state.row_of(key[0]), int(Product[key[1]])), 0)


def known_external(state: State) -> set[Key]:
    """Return the positions that were said to be not ours."""
    found = (text.rpartition(" ") for text, report in state.positions.items() if report.qty)
    return {(name, product) for name, _, product in found}


def foreign_trades(state: State, trades: tuple[TradeRow, ...]) -> dict[Key, int]:
    """Return the day's sums of trades that are not ours."""
    found: dict[Key, int] = {}
    for trade in trades:
        if squared.is_foreign(state, trade):
            key = trade.name, trade.product
            found[key] = found.get(key, 0) + squared.left_of(state, trade)
    return found


def is_moving(state: State, row: int) -> bool:
    """Say if trades of an instrument are known to the book, and not to us yet."""
    return any(one.row == row and one.filled > one.booked for one in state.orders.values())


def compare_night(state: State, books: Books) -> None:
    """Compare what was carried over the night; a plain ratio is a corporate action's."""
    for (row, product), qty in sorted(state.carried.items()):
        if not qty:  # it was sold before the night
            continue
        name, word = state.instruments[row].name, PRODUCTS[Product(product)]
        if product == Product.CNC:
            held = books.holdings.get(name)
            has = 0 if held is None else held.free + held.used
        else:
            position = books.positions.get((name, word))
            has = 0 if position is None else position.overnight
        before = state.expected.get((name, word), qty)
        enough = has * qty > 0 and abs(has) >= abs(qty)
        if enough and not is_ratio(has, before):
            continue
        what = "CORPORATE_ACTION" if is_ratio(has, before) else "overnight"
        text = f"{name} {word}: {qty} carried, the broker has {has}, and had {before}"
        state.night.add(row)
        state.alert(what, text)
        state.block(row, Why.SYNC, f"{what}: {text}")


def is_ratio(has: int, had: int) -> bool:
    """Say if a quantity became another by a split, a bonus or a consolidation."""
    if not has or not had or has == had or has * had < 0:
        return False
    ratio = Fraction(abs(has), abs(had))
    return max(ratio.numerator, ratio.denominator) <= LARGEST_RATIO and (
        min(ratio.numerator, ratio.denominator) <= TWICE
    )
