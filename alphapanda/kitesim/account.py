"""The account: positions, holdings and money, in exact ints; clients reconcile to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from alphapanda.kitesim.listings import Listing
from alphapanda.kitesim.orders import BUY, Terms, Trade
from alphapanda.model.instruments import CASH, Exchange, Segment

COMMODITY = (Exchange.MCX, Exchange.NCO)
INTRADAY, FUTURES, SHORT_OPTIONS = 20, 15, 15
"""Percent of its value that a position blocks; Zerodha's are by contract and day (SPAN)."""


@dataclass(slots=True)
class Position:
    """What is held of an instrument under a product; values are price x quantity."""

    listing: Listing
    product: str
    overnight: int = 0
    buy_qty: int = 0
    buy_value: int = 0
    sell_qty: int = 0
    sell_value: int = 0
    day_buy_qty: int = 0
    day_buy_value: int = 0
    day_sell_qty: int = 0
    day_sell_value: int = 0

    @property
    def qty(self) -> int:
        """Held now; negative: sold short, or out of holdings."""
        return self.buy_qty - self.sell_qty

    @property
    def average(self) -> int:
        """The average price of the open side, 0 when flat."""
        if self.qty > 0:
            return self.buy_value // self.buy_qty
        return self.sell_value // self.sell_qty if self.qty < 0 else 0

    @property
    def realised(self) -> int:
        """What was earned on the part that is closed."""
        closed = min(self.buy_qty, self.sell_qty)
        if not closed:
            return 0
        earned = self.sell_value * closed // self.sell_qty - self.buy_value * closed // self.buy_qty
        return earned * self.listing.multiplier

    @property
    def blocked(self) -> int:
        """The margin that it blocks."""
        return margin(self.listing, self.product, self.qty > 0, abs(self.qty), self.average)

    def book(self, side: str, qty: int, price: int) -> None:
        """Add a trade."""
        value = qty * price
        if side == BUY:
            self.buy_qty, self.buy_value = self.buy_qty + qty, self.buy_value + value
            self.day_buy_qty, self.day_buy_value = (
                self.day_buy_qty + qty, self.day_buy_value + value,
            )  # fmt: skip
        else:
            self.sell_qty, self.sell_value = self.sell_qty + qty, self.sell_value + value
            self.day_sell_qty, self.day_sell_value = (
                self.day_sell_qty + qty, self.day_sell_value + value,
            )  # fmt: skip

    def carried(self) -> Position:
        """Return it as the next day begins with it."""
        new = Position(self.listing, self.product, overnight=self.qty)
        if self.qty > 0:
            new.buy_qty, new.buy_value = self.qty, self.qty * self.average
        else:
            new.sell_qty, new.sell_value = -self.qty, -self.qty * self.average
        return new


@dataclass(slots=True)
class Holding:
    """Shares in the account."""

    listing: Listing
    average: int
    quantity: int
    """Settled."""
    t1: int = 0
    """Bought the day before."""
    used: int = 0
    """Sold today."""
    authorised: bool = True
    """Whether they may be sold without the depository's word."""

    @property
    def free(self) -> int:
        """What can be sold."""
        return self.quantity + self.t1 - self.used


@dataclass(slots=True)
class Account:
    """One person's account."""

    user_id: str
    cash: int
    """At the beginning of the day."""
    holdings: dict[str, Holding] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    first_holdings: dict[str, int] = field(init=False)
    """Shares that it began with."""

    def __post_init__(self) -> None:
        """Note what it begins with."""
        self.first_holdings = {key: held.free for key, held in self.holdings.items()}

    def position(self, listing: Listing, product: str) -> Position:
        """Return the position of an instrument under a product, a new one if there is none."""
        return self.positions.setdefault((listing.key, product), Position(listing, product))

    def book(self, trade: Trade) -> None:
        """Add a trade."""
        terms = trade.order.terms
        self.position(terms.listing, terms.product).book(terms.side, trade.qty, trade.price)
        holding = self.holdings.get(terms.listing.key)
        if holding is not None and terms.product == "CNC":
            holding.used = max(-self.position(terms.listing, "CNC").qty, 0)

    def convert(self, listing: Listing, side: str, qty: int, products: tuple[str, str]) -> bool:
        """Move so much of a position from one product to another; say if there was enough."""
        old, new = (self.position(listing, product) for product in products)
        held = old.qty if side == BUY else -old.qty
        if qty > held or products[0] == products[1]:
            return False
        price = old.average
        for position, sign in ((old, -1), (new, 1)):
            position.book(side, sign * qty, price)
        return True

    def opens(self, terms: Terms, qty: int) -> int:
        """Return how much of an order's quantity adds to a position."""
        position = self.positions.get((terms.listing.key, terms.product))
        held = 0 if position is None else position.qty
        if terms.product == "CNC" and not terms.buys:
            return 0
        return qty - min(qty, max(-held if terms.buys else held, 0))

    def required(self, terms: Terms, qty: int, price: int) -> int:
        """Return the margin that an order needs."""
        return margin(terms.listing, terms.product, terms.buys, self.opens(terms, qty), price)

    def next_day(self) -> None:
        """Carry positions into the next day; shares that were bought go to the holdings."""
        self.cash = self.cash_now()
        for holding in self.holdings.values():
            holding.quantity, holding.t1 = holding.quantity + holding.t1 - holding.used, 0
            holding.used = 0
        carried = {}
        for key, position in self.positions.items():
            if position.product == "CNC" and position.qty > 0:
                self._hold(position)
            elif position.qty and position.product != "CNC":
                carried[key] = position.carried()
        self.positions = carried
        self.holdings = {key: held for key, held in self.holdings.items() if held.free}

    def _hold(self, position: Position) -> None:
        holding = self.holdings.get(position.listing.key)
        if holding is None:
            holding = Holding(position.listing, position.average, 0)
            self.holdings[position.listing.key] = holding
        had = holding.quantity
        holding.average = (holding.average * had + position.average * position.qty) // (
            had + position.qty
        )
        holding.t1 = position.qty

    def cash_now(self) -> int:
        """Return the money after today's trades, as if each had been paid in full.

        Of a position that is carried only what was earned or lost counts.
        """
        return self.cash + sum(self._flow(position) for position in self.positions.values())

    def _flow(self, position: Position) -> int:
        if paid_in_full(position):
            flow = position.day_sell_value - position.day_buy_value
            return flow * position.listing.multiplier
        return position.realised


def paid_in_full(position: Position) -> bool:
    """Say if the position's trades move their whole value: delivery and options."""
    return position.product == "CNC" or position.listing.instrument.segment == Segment.OPTIONS


def margin(listing: Listing, product: str, buys: bool, qty: int, price: int) -> int:
    """Return what a position of some quantity blocks at a price."""
    instrument = listing.instrument
    value = qty * price * listing.multiplier
    if instrument.exchange in CASH:
        return value * INTRADAY // 100 if product == "MIS" else value if buys else 0
    if instrument.segment == Segment.OPTIONS:
        if buys:
            return value
        return qty * (instrument.strike or price) * listing.multiplier * SHORT_OPTIONS // 100
    return value * FUTURES // 100
