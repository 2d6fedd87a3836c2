"""Live runs whose latency, slippage and share of volume are planted: a small exchange of its own.

It fills by its own few lines, in fractions and decimals, and knows nothing of the core: a market
order meets the other side of the book of the first row that comes `latency` after it was sent, at
a price worse by `slippage`; a limit order takes its `share` of what trades through its price.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from alphapanda.calibration.sent import Act, LiveRun, SentOrder, Verb, filled_of
from alphapanda.events.feeds import Feed
from alphapanda.model.calendar import Calendar, day_start_ns
from alphapanda.model.columns import Columns
from alphapanda.model.contracts import by_name
from alphapanda.model.rows import CONTROL, Kind, Tif
from alphapanda.runs import options
from alphapanda.runs.plan import rules_of

MS = 1_000_000
TICK = 500
OPEN_NS = 9_500 * 3_600 * MS
"""09:30 in India, from midnight."""


@dataclass(frozen=True)
class Truth:
    """What is planted."""

    latency_ms: int = 0
    slippage_bp: Fraction = Fraction(0)
    share: Fraction = Fraction(1)


@dataclass
class Market:
    """Rows of one share, about 20 ms apart, whose price walks; the asks stand far above."""

    seed: int
    rows: int
    day: date = date(2025, 8, 4)
    wide: int = 200
    quotes: bool = True
    columns: Columns = field(init=False)

    def __post_init__(self) -> None:
        """Make the rows."""
        chance = random.Random(self.seed)
        ts, last = day_start_ns(self.day) + OPEN_NS, 15_000_000
        made: list[tuple[int, ...]] = []
        for _ in range(self.rows):
            ts += chance.randint(5, 35) * MS
            last += chance.choice((-3, -2, -1, 0, 1, 2, 3)) * TICK
            book = (last - self.wide * TICK, 100_000, last + self.wide * TICK, 100_000)
            made.append((ts, 0, last, chance.randint(100, 4_000), *(book if self.quotes else ())))
        names = ("ts", "row", "last", "qty", "bid", "bid_qty", "ask", "ask_qty")
        self.columns = Columns.of(**dict(zip(names, np.array(made).T, strict=False)))


@dataclass
class Venue:
    """Takes orders in a market, and fills them as planted."""

    market: Market
    truth: Truth
    orders: list[SentOrder] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    fills: list[tuple[int, int, int, int]] = field(default_factory=list)

    def send(self, at: int, kind: Kind, qty: int, *, price: int = 0, until: int = 0) -> None:
        """Send an order behind the row `at`; a limit order is cancelled behind the row `until`."""
        columns, place = self.market.columns, len(self.orders)
        ts = int(columns.ts[at])
        self.orders.append(SentOrder(place + 1, 0, ts, kind, Tif.DAY, qty, price, 0))
        self.acts.append(Act(at + 1, 0, ts, Verb.PLACE, place, qty, price))
        arrives = ts + self.truth.latency_ms * MS
        if kind == Kind.MARKET:
            self._fill_at_market(place, qty, at, arrives)
            return
        gone = int(columns.ts[until]) + self.truth.latency_ms * MS
        self.acts.append(Act(until + 1, 0, int(columns.ts[until]), Verb.CANCEL, place))
        self._fill_limit(place, qty, price, at, (arrives, gone))

    def _fill_at_market(self, place: int, qty: int, at: int, arrives: int) -> None:
        columns = self.market.columns
        behind = (n for n in range(at + 1, columns.rows) if columns.ts[n] >= arrives)
        row = next(behind, None)
        if row is None:
            return
        price = columns.last if not self.market.quotes else columns.ask if qty > 0 else columns.bid
        base = Decimal(int(price[row]))
        bp = self.truth.slippage_bp
        worse = base * bp.numerator / bp.denominator / 10_000 / TICK
        worse = worse.to_integral_value(ROUND_CEILING) * TICK
        met = int(base + worse if qty > 0 else base - worse)
        self.fills.append((place, abs(qty), met, int(columns.ts[row])))

    def _fill_limit(self, place: int, qty: int, price: int, at: int, life: Any) -> None:
        columns, left = self.market.columns, abs(qty)
        for row in range(at + 1, columns.rows):
            if not life[0] <= columns.ts[row] < life[1]:
                continue
            if (columns.last[row] < price) if qty > 0 else (columns.last[row] > price):
                size = min(left, int(self.truth.share * int(columns.qty[row])))
                left -= size
                if size:
                    self.fills.append((place, size, price, int(columns.ts[row])))

    def run(self, name: str = "planted", **given: Any) -> LiveRun:
        """Return what happened as a live run."""
        chosen = options.make({
            "strategy": "x", "data": "y", "calendar": "always", "no_jit": True, **given,
        })  # fmt: skip
        acts = sorted(self.acts, key=lambda act: act.rows)
        columns = self.market.columns
        known = frozenset(n for n in columns._fields if len(getattr(columns, n)))
        share = replace(by_name("NSE:INFY", Calendar.always()), tick_size=TICK)
        feed = Feed("planted", "tick", 0, known - {"ts", "row"}, ("NSE:INFY",), (share,),
                    (self.market.day,), columns.rows)  # fmt: skip
        return LiveRun(
            name, name, options.stored(chosen), feed, rules_of(chosen), columns,
            np.zeros(0, CONTROL), tuple(acts), tuple(self.orders),
            filled_of(self.orders, self.fills), {}, 0,
        )  # fmt: skip


def by_market(market: Market, truth: Truth, *, count: int = 30) -> Venue:
    """Return an exchange that took market orders of both sides, at even distances."""
    exchange = Venue(market, truth)
    step = (market.rows - 100) // count
    for n in range(count):
        exchange.send(n * step, Kind.MARKET, 10 if n % 2 else -10, price=0)
    return exchange


def with_limits(market: Market, truth: Truth, *, count: int = 15) -> Venue:
    """Return an exchange that took market orders and, one at a time, large limit orders."""
    exchange = Venue(market, truth)
    step = (market.rows - 100) // count
    for n in range(count):
        at, buys = n * step, n % 2 == 0
        price = int(market.columns.last[at]) + (2 - 4 * buys) * TICK
        exchange.send(at, Kind.LIMIT, 30_000 if buys else -30_000, price=price, until=at + step - 8)
        exchange.send(at + step - 4, Kind.MARKET, 10 if buys else -10)
    return exchange
