"""What is known of the orders of a run, and what is to be done: plain data, no clock and no I/O."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.brokers.zerodha.orders.bodies import REGULAR, Terms
from alphapanda.brokers.zerodha.orders.budget import Budget
from alphapanda.brokers.zerodha.orders.reading import OrderRow
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.brokers.zerodha.orders.why import Why, block_code, end_code
from alphapanda.model.instruments import Instrument


class Stage(StrEnum):
    """How far an order has come, as far as this side knows."""

    QUEUED = "queued"
    SENT = "sent"
    """Its answer is awaited."""
    UNKNOWN = "unknown"
    """It may be working: the order book is read until it shows, or long enough does not."""
    CONFIRMING = "confirming"
    """Refused by an answer that is proof; the order book must not show it all the same."""
    LIVE = "live"
    """The broker has it, by its own number."""
    LAPSED = "lapsed"
    """It never appeared. If it does so later it is taken in again."""
    ENDED = "ended"


class Send(NamedTuple):
    """Send a request once; it must be on the disk before its first byte leaves."""

    call: int
    verb: str
    """place, modify or cancel."""
    order: int
    tag: str
    method: str
    path: str
    body: bytes


class Read(NamedTuple):
    """Read a list of the broker: `book` or `trades`."""

    what: str


class Say(NamedTuple):
    """Tell the core."""

    report: Report


class Alert(NamedTuple):
    """Tell a person."""

    word: str
    text: str
    order: int = 0


Action = Send | Read | Say | Alert


@dataclass(slots=True)
class Change:
    """A change or a cancellation that is wanted of an order."""

    request: OrderRequest
    cancels: bool
    sent_s: float = -1.0
    """-1: not sent."""
    answered_s: float = -1.0
    accepted: bool = False
    tries: int = 0
    busy: int = 0
    """Refusals because something else is under way."""
    good_reads: int = 0
    """Of the book, begun behind the answer, that showed the order settled and unchanged."""
    again_s: float = -1.0
    """When it may be sent again; -1: not again."""
    queued: bool = False
    reprices: bool = False
    """Nobody asked for it: a market order that rests is to be one again. The core is told nothing,
    for its terms stay."""


@dataclass(slots=True)
class Tracked:
    """One of our orders."""

    order: int
    request: OrderRequest
    tag: str
    terms: Terms
    """In force."""
    asked_s: float
    stage: Stage = Stage.QUEUED
    broker_id: str = ""
    variety: str = REGULAR
    parent_id: str = ""
    status: str = ""
    answered_s: float = 0.0
    good_reads: int = 0
    refusal: tuple[Why, str] | None = None
    said_unknown: bool = False
    acknowledged: bool = False
    triggered: bool = False
    filled: int = 0
    """By the order book; it never goes down."""
    booked: int = 0
    """Sum of its trades."""
    trades: set[str] = field(default_factory=set)
    fills: list[tuple[int, int]] = field(default_factory=list)
    """Quantity and price of each trade."""
    change: Change | None = None
    waiting: deque[Change] = field(default_factory=deque)
    modifications: int = 0
    changed_s: float = 0.0
    """When something last happened: the book is read often for a while."""
    short_s: float = -1.0
    """Since when a list of trades lacked some of what the book says is filled; -1: it does not."""
    pending_s: float = -1.0
    """Since when it is under way at the broker; -1: it is not."""
    resting_s: float = -1.0
    """Since when a market order rests; -1: it does not."""
    repriced: int = 0
    """How often it was made a market order again."""
    alerted: set[str] = field(default_factory=set)
    older: bool = False
    """Of an earlier day: its fills were carried, and its charges are on that day's note."""

    @property
    def row(self) -> int:
        """The instrument's place in the run."""
        return self.request.row

    @property
    def sign(self) -> int:
        """1 of a purchase, -1 of a sale."""
        return 1 if self.request.qty > 0 else -1

    @property
    def is_short(self) -> bool:
        """Whether trades of it are missing."""
        return self.short_s >= 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.stage in (Stage.ENDED, Stage.LAPSED)

    @property
    def left(self) -> int:
        """The signed quantity that may still be filled."""
        return 0 if self.is_over else self.sign * max(abs(self.terms.qty) - self.booked, 0)


@dataclass(order=True, slots=True)
class Waiting:
    """A request in the queue: cancellations first, then what only reduces, then the rest."""

    priority: int
    number: int
    order: int = field(compare=False)
    change: Change | None = field(compare=False, default=None)


CANCELS, REDUCES, OTHERS = range(3)


@dataclass(slots=True)
class State:
    """Everything that a desk knows."""

    tags: Tags
    instruments: Sequence[Instrument]
    """Of the run, by row."""
    over: Callable[[int], bool] = lambda _: False
    """Says if the session of a row's instrument is over for the day."""
    day: int = 0
    """Today, in days in India since 1970."""
    squares_off: Callable[[int], int] = lambda _: 0
    """Returns from when on the broker squares off a row's instrument today, ns UTC; 0: never."""
    reprice_s: float = 0.0
    """After so long a market order that only closes, and rests, is one again; 0: never."""
    budget: Budget = field(default_factory=Budget)
    orders: dict[int, Tracked] = field(default_factory=dict)
    by_tag: dict[str, Tracked] = field(default_factory=dict)
    by_id: dict[str, Tracked] = field(default_factory=dict)
    queue: list[Waiting] = field(default_factory=list)
    calls: dict[int, tuple[Tracked, Change | None]] = field(default_factory=dict)
    held: dict[tuple[int, int], int] = field(default_factory=dict)
    """Signed quantity of ours by row and product: carried, and traded today."""
    carried: dict[tuple[int, int], int] = field(default_factory=dict)
    """The part of it that was carried into the day."""
    expected: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """What the account, others' part included, was to show this morning, by instrument and product,
    as it stood when the last day was closed."""
    night: set[int] = field(default_factory=set)
    """Instruments whose carried position the broker shows otherwise: nothing is sent there."""
    changed: set[int] = field(default_factory=set)
    """Instruments that are not listed as they were when the run began: no new risk is taken."""
    reconciled: tuple[int, str] = (0, "")
    """How many positions differ, and how the books stood, as was last said."""
    differing: set[int] = field(default_factory=set)
    """Instruments with a position that nothing explains."""
    external: dict[str, Report] = field(default_factory=dict)
    """What was last said of orders that are not ours, by the broker's number."""
    foreign: dict[str, OrderRow] = field(default_factory=dict)
    """Those orders, as the book showed them last."""
    positions: dict[str, Report] = field(default_factory=dict)
    """What was last said of positions that are not ours, by instrument and product."""
    squared: dict[tuple[str, str], int] = field(default_factory=dict)
    """What the broker's own square-off has closed of ours, signed, by its order and trade."""
    quarantined: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    """Quarantined orders that a person has decided on."""
    blocks: dict[int, set[Why]] = field(default_factory=dict)
    """Why no new risk is taken, by row; -1: of the account."""
    seen: set[str] = field(default_factory=set)
    """Orders that the book has shown today."""
    actions: list[Action] = field(default_factory=list)
    alerted: set[str] = field(default_factory=set)
    numbers: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether every order is over, with all its trades."""
        return all(one.is_over and one.filled <= one.booked for one in list(self.orders.values()))

    def number(self) -> int:
        """Return the next number of a call or an entry of the queue."""
        self.numbers += 1
        return self.numbers

    def say(self, kind: ReportKind, tracked: Tracked | None = None, **facts: object) -> None:
        """Tell the core something, of an order or not."""
        about = {} if tracked is None else {
            "order": tracked.order, "row": tracked.row, "broker_order_id": tracked.broker_id,
        }  # fmt: skip
        self.actions.append(Say(Report(int(kind), **{**about, **facts})))  # type: ignore[arg-type]

    def alert(self, word: str, text: str, tracked: Tracked | None = None) -> None:
        """Tell a person, once for each order and word; without an order, once for each text."""
        seen = self.alerted if tracked is None else tracked.alerted
        key = f"{word} {text}" if tracked is None else word
        if key not in seen:
            seen.add(key)
            self.actions.append(Alert(word, text, 0 if tracked is None else tracked.order))

    def end(self, tracked: Tracked, kind: ReportKind, why: Why, text: str, ts: int = 0) -> None:
        """Let an order of ours end unfilled, or not wholly filled, and say so.

        A person is told of one that was sent, refused, and would have closed a position.
        """
        sent = tracked.stage is not Stage.QUEUED
        if kind is ReportKind.REJECTED and sent and self.reduces(tracked.request):
            self.alert("exit refused", f"{why}: {text}", tracked)
        tracked.stage = Stage.ENDED
        tracked.change = None
        tracked.waiting.clear()
        self.say(kind, tracked, reason=end_code(why), text=text, exchange_ns=ts)

    def block(self, row: int, why: Why, text: str) -> None:
        """Let no new risk be taken on an instrument, or with -1 on the account."""
        reasons = self.blocks.setdefault(row, set())
        if why not in reasons:
            said = block_code(why) in map(block_code, reasons)
            reasons.add(why)
            if not said:
                self.say(ReportKind.BLOCKED, row=row, reason=block_code(why), text=text)

    def unblock(self, row: int, why: Why) -> None:
        """Take one reason away for which no new risk is taken."""
        reasons = self.blocks.get(row, set())
        if why in reasons:
            reasons.discard(why)
            if block_code(why) not in map(block_code, reasons):
                self.say(ReportKind.UNBLOCKED, row=row, reason=block_code(why))

    def lift(self, row: int) -> None:
        """Let an instrument take risk again, if its books and the broker's agree in everything."""
        short = any(one.row == row and one.is_short for one in self.orders.values())
        held_up = any(self.external[one].row == row for one in self.quarantined)
        if not (short or held_up or row in self.differing | self.night | self.changed):
            self.unblock(row, Why.SYNC)

    def enqueue(self, priority: int, tracked: Tracked, change: Change | None = None) -> None:
        """Let a request wait for its turn."""
        if change is not None:
            change.queued = True
        heapq.heappush(self.queue, Waiting(priority, self.number(), tracked.order, change))

    def reduces(self, request: OrderRequest) -> bool:
        """Say if an order can only make a position smaller; of two exits one ends the other."""
        return self.closes(request, request.qty)

    def closes(self, request: OrderRequest, qty: int) -> bool:
        """Say if so much of an order can only make its position smaller."""
        held = self.held.get((request.row, request.product), 0)
        return held * qty < 0 and abs(qty) <= abs(held)

    def row_of(self, name: str) -> int:
        """Return an instrument's place in the run, -1 if it has none."""
        return next((row for row, one in enumerate(self.instruments) if one.name == name), -1)
