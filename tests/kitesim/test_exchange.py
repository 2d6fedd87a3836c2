"""The exchange alone: orders' lives, money and positions, and the same bytes each time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.kitesim.account import Account, Holding
from alphapanda.kitesim.checks import Rules
from alphapanda.kitesim.exchange import Exchange
from alphapanda.kitesim.hours import Hours
from alphapanda.kitesim.ledger import Ledger
from alphapanda.kitesim.listings import Listings, listings_of
from alphapanda.kitesim.market import Market
from alphapanda.kitesim.orders import Order, Refusal
from alphapanda.kitesim.terms import changes_of, place_terms
from alphapanda.model.calendar import Calendar

OPEN_NS = 1_766_980_800_000_000_000
"""2025-12-29 09:30 IST."""
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
CASH = 10_000_000_000
INFY, FUTURE = 0, 1
KEYS = ("NSE:INFY", "NFO:NIFTY25DECFUT")


@dataclass
class Desk:
    """An exchange, and a hand that places orders on it."""

    listings: Listings = field(default_factory=lambda: listings_of(KEYS, [])[0])
    now: int = OPEN_NS
    rules: Rules = field(default_factory=Rules)
    cash: int = CASH

    def __post_init__(self) -> None:
        """Open the market at Rs 1,500 and Rs 26,000."""
        self.market = Market(self.listings.all, bars=False)
        self.account = Account("SIM001", self.cash)
        self.ledger = Ledger({"seed": 1})
        self.exchange = Exchange(
            self.market, self.account, Hours(Calendar.nse()), ledger=self.ledger, rules=self.rules
        )
        for number, price in ((INFY, 1500), (FUTURE, 26000)):
            self.market.show(number, self.row(price, 10, 10))
        self.market.ts = self.now

    def row(self, rupees: float, bid_qty: int, ask_qty: int) -> dict[str, int]:
        """Return a tick with a book of Rs 0.05 around a price."""
        last = round(rupees * 10_000)
        return {
            "ts": self.now, "last": last, "qty": 10, "bid": last - 500, "bid_qty": bid_qty,
            "ask": last + 500, "ask_qty": ask_qty,
        }  # fmt: skip

    def tick(self, rupees: float, qty: int = 10, number: int = INFY) -> None:
        """Let a price pass, a second later."""
        self.now += SECOND
        self.exchange.see(self.market.see(number, self.row(rupees, qty, qty)), self.now)

    def ask(self, *, key: str = KEYS[INFY], variety: str = "regular", **params: Any) -> Any:
        """Ask for an order and return it, or its refusal; the exchange has not acted yet."""
        exchange, _, symbol = key.partition(":")
        words = {
            "transaction_type": "BUY", "product": "CNC", "order_type": "LIMIT", "quantity": "10",
            **{name: str(value) for name, value in params.items()},
        }  # fmt: skip
        terms = place_terms(
            {"exchange": exchange, "tradingsymbol": symbol, **words}, variety, self.listings
        )
        return terms if isinstance(terms, Refusal) else self.exchange.place(terms, self.now)

    def place(self, **params: Any) -> Order:
        """Place an order that is not refused at the call."""
        order = self.ask(**params)
        assert isinstance(order, Order), order
        self.exchange.carry_out(order.order_id, self.now)
        return order

    def modify(self, order: Order, **params: Any) -> Order | Refusal:
        """Change an order."""
        changes = changes_of({name: str(value) for name, value in params.items()})
        assert not isinstance(changes, Refusal), changes
        return self.exchange.modify(order.order_id, changes, self.now)


def statuses(order: Order) -> list[str]:
    """Return the states of an order's history."""
    return [row["status"] for row in order.history]


def test_a_market_order_fills_by_the_book_and_rests_as_a_limit_order() -> None:
    """What the book does not fill stays open at the protected price, and the next rows fill it."""
    desk = Desk()
    order = desk.place(order_type="MARKET", quantity=25, market_protection=2)
    assert (order.status, order.filled, order.kind) == ("OPEN", 10, "LIMIT")
    assert order.tags == ["mktp", "mktp:2.00"]
    assert order.price == 15_300_000
    desk.tick(1500.10)
    desk.tick(1500.10)
    assert (order.status, order.filled) == ("COMPLETE", 25)
    assert [trade.qty for trade in desk.exchange.trades] == [10, 10, 5]
    assert [trade.price for trade in desk.exchange.trades] == [15_000_500, 15_300_000, 15_300_000]


def test_a_resting_order_waits_for_its_price() -> None:
    """A limit order below the market fills when the price comes to it, at its own price."""
    desk = Desk()
    order = desk.place(price=1490)
    desk.tick(1495)
    assert order.filled == 0
    desk.tick(1489.95)
    assert (order.status, order.average) == ("COMPLETE", 14_900_000)


def test_stops_wait_for_their_trigger() -> None:
    """SL and SL-M are TRIGGER PENDING until the price reaches the trigger, then they are orders."""
    desk = Desk()
    limit = desk.place(order_type="SL", trigger_price=1510, price=1511)
    market = desk.place(order_type="SL-M", trigger_price=1510, market_protection=-1, quantity=3)
    assert limit.status == market.status == "TRIGGER PENDING"
    desk.tick(1509.95, 100)
    assert limit.status == market.status == "TRIGGER PENDING"
    desk.tick(1510, 100)
    assert limit.status == market.status == "COMPLETE"
    assert statuses(limit)[-3:] == ["TRIGGER PENDING", "OPEN", "COMPLETE"]


def test_an_ioc_order_leaves_nothing_behind() -> None:
    """What is not filled at once is cancelled."""
    order = Desk().place(order_type="MARKET", quantity=25, validity="IOC", market_protection=-1)
    assert (order.status, order.filled, order.cancelled) == ("CANCELLED", 10, 15)


def test_a_request_under_way_bars_others() -> None:
    """Between a request and the exchange's act an order can't be changed nor cancelled."""
    desk = Desk()
    order = desk.place(price=1490)
    assert isinstance(desk.modify(order, price=1491), Order)
    refused = desk.modify(order, price=1492)
    assert isinstance(refused, Refusal)
    assert "being processed" in refused.message
    assert isinstance(desk.exchange.cancel(order.order_id, desk.now), Refusal)
    desk.exchange.carry_out(order.order_id, desk.now)
    assert (order.status, order.price) == ("OPEN", 14_910_000)


def test_a_fill_may_win_against_a_cancel() -> None:
    """An order that fills while its cancel is under way stays filled."""
    desk = Desk()
    order = desk.place(price=1490)
    desk.exchange.cancel(order.order_id, desk.now)
    desk.tick(1485)
    desk.exchange.carry_out(order.order_id, desk.now)
    assert order.status == "COMPLETE"


def test_the_quantity_of_a_change_is_the_total() -> None:
    """Of a partly filled order a change names the whole quantity; no less than is filled."""
    desk = Desk()
    order = desk.place(order_type="MARKET", quantity=25, market_protection=-1)
    assert isinstance(desk.modify(order, quantity=10), Refusal)
    desk.modify(order, quantity=15)
    desk.exchange.carry_out(order.order_id, desk.now)
    desk.tick(1500)
    assert (order.status, order.filled, order.qty) == ("COMPLETE", 15, 15)


def test_a_change_is_refused_for_what_an_order_would_be() -> None:
    """More than money, shares or the day's range allow is refused; the order stands as it was."""
    desk = Desk()
    desk.account.holdings["NSE:INFY"] = Holding(desk.listings.by_key["NSE:INFY"], 14_000_000, 50)
    sold = desk.place(price=1550, transaction_type="SELL", quantity=30)
    bought = desk.place(price=1450, quantity=5)
    for order, values in ((sold, {"quantity": 51}), (sold, {"price": 5_000}),
                          (bought, {"quantity": 1_000_000})):  # fmt: skip
        refused = desk.modify(order, **values)
        assert isinstance(refused, Refusal), values
        assert order.status == "OPEN"
    assert [order.qty for order in (sold, bought)] == [30, 5]
    assert desk.modify(sold, quantity=50) is sold
    assert desk.modify(bought, price=1451, quantity=6) is bought


def test_what_is_refused_at_the_call_is_in_no_book() -> None:
    """Bad terms and too little money are refused with Kite's words."""
    desk = Desk(cash=10_000_000)
    for words, params in {
        "market protection": {"order_type": "MARKET"},
        "Tick size": {"price": "1490.01"},
        "Insufficient funds": {"price": 1490},
        "not allowed using NRML": {"price": 1490, "product": "NRML"},
        "more than 20": {"price": 1490, "tag": "a" * 21},
        "does not exist": {"price": 1490, "key": "NSE:NONE"},
        "`quantity`": {"price": 1490, "quantity": "1.5"},
    }.items():
        refused = desk.ask(**params)
        assert isinstance(refused, Refusal), words
        assert words in refused.message
    assert desk.exchange.orders == {}


def test_what_clients_send_beside_the_terms_is_accepted() -> None:
    """Protection 0 of a limit order, quantities with a point, autoslice=false."""
    order = Desk().place(price=1490, market_protection=0, quantity="5.0", autoslice="False")
    assert (order.status, order.qty) == ("OPEN", 5)


def test_the_book_rejects_later_what_the_call_let_pass() -> None:
    """Circuits, stock that is not there, money by setting, closed markets: REJECTED rows."""
    desk = Desk(cash=200_000_000, rules=Rules(margin_at_call=False))
    assert "circuit" in (desk.place(price=1000).message or "")
    assert "holding" in (desk.place(price=1500, transaction_type="SELL").message or "")
    assert "Insufficient funds" in (desk.place(price=1500, quantity=1000).message or "")
    desk.now += 9 * 60 * MINUTE
    assert "closed" in (desk.place(price=1500).message or "")
    assert {order.status for order in desk.exchange.orders.values()} == {"REJECTED"}


def test_an_order_above_the_freeze_quantity_is_sliced() -> None:
    """Autoslice makes orders of at most the freeze quantity that share a parent."""
    desk = Desk()
    listing = desk.listings.by_key[KEYS[FUTURE]]
    object.__setattr__(listing.instrument, "freeze_quantity", 30)
    terms = place_terms(
        {"exchange": "NFO", "tradingsymbol": "NIFTY25DECFUT", "transaction_type": "BUY",
         "product": "NRML", "order_type": "LIMIT", "quantity": "70", "price": "26000"},
        "regular", desk.listings,
    )  # fmt: skip
    assert not isinstance(terms, Refusal)
    made = desk.exchange.place_slices(terms, desk.now)
    assert not isinstance(made, Refusal)
    parent, slices = made
    assert [piece.qty for piece in slices if isinstance(piece, Order)] == [30, 30, 10]
    assert all(f"autoslice:{parent}" in piece.tags for piece in slices if isinstance(piece, Order))


def test_intraday_positions_are_squared_off_and_orders_lapse() -> None:
    """At 15:20 the broker closes MIS; at the day's end what still works is cancelled."""
    desk = Desk()
    desk.place(order_type="MARKET", quantity=5, product="MIS", market_protection=-1)
    resting = desk.place(price=1450)
    desk.now = OPEN_NS + 350 * MINUTE  # 15:20
    desk.tick(1501)
    desk.exchange.pass_time(desk.now)
    assert desk.account.positions["NSE:INFY", "MIS"].qty == 0
    assert resting.status == "OPEN"
    desk.now += 60 * MINUTE
    desk.exchange.pass_time(desk.now)
    assert resting.status == "CANCELLED"


def test_an_after_market_order_is_sent_when_the_market_opens() -> None:
    """AMO REQ RECEIVED overnight, an order in the morning."""
    desk = Desk(now=OPEN_NS - 120 * MINUTE)
    order = desk.ask(variety="amo", price=1490)
    assert order.status == "AMO REQ RECEIVED"
    desk.now = OPEN_NS
    desk.exchange.pass_time(desk.now)
    assert order.status == "OPEN"


def test_delivered_shares_become_holdings() -> None:
    """What was bought for delivery is held as T1 the next day, and the money is gone."""
    desk = Desk()
    desk.place(order_type="MARKET", quantity=10, market_protection=-1)
    desk.exchange.next_day()
    held = desk.account.holdings["NSE:INFY"]
    assert (held.t1, held.quantity, held.average) == (10, 0, 15_000_500)
    assert desk.account.cash == CASH - 10 * 15_000_500
    sold = desk.place(price=1490, transaction_type="SELL", quantity=10)
    assert sold.status == "COMPLETE"
    assert (held.used, desk.account.positions["NSE:INFY", "CNC"].qty) == (10, -10)


STEP = st.one_of(
    st.tuples(st.just("tick"), st.integers(1450, 1550), st.integers(0, 40)),
    st.tuples(
        st.just("place"), st.sampled_from(["BUY", "SELL"]), st.sampled_from(["CNC", "MIS"]),
        st.sampled_from(["MARKET", "LIMIT", "SL"]), st.integers(1, 60), st.integers(1440, 1560),
    ),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("modify"), st.integers(0, 30), st.integers(1440, 1560), st.integers(1, 80)),
    st.tuples(st.just("fill"), st.integers(0, 30)),
)  # fmt: skip


def play(steps: list[Any]) -> Desk:
    """Do what a list of steps says."""
    desk = Desk()
    desk.account.holdings["NSE:INFY"] = Holding(desk.listings.by_key["NSE:INFY"], 14_000_000, 50)
    for what, *values in steps:
        orders = list(desk.exchange.orders.values())
        if what == "tick":
            desk.tick(values[0], values[1])
        elif what == "place":
            side, product, kind, qty, price = values
            made = desk.ask(
                transaction_type=side, product=product, order_type=kind, quantity=qty, price=price,
                trigger_price=price if kind == "SL" else 0, market_protection=-1,
            )  # fmt: skip
            if isinstance(made, Order) and qty % 3:
                desk.exchange.carry_out(made.order_id, desk.now)
        elif orders:
            order = orders[values[0] % len(orders)]
            if what == "cancel":
                desk.exchange.cancel(order.order_id, desk.now)
            elif what == "modify":
                desk.modify(order, price=values[1], quantity=values[2])
            else:
                desk.exchange.carry_out(order.order_id, desk.now)
    return desk


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_the_books_always_agree(steps: list[Any]) -> None:
    """Money is conserved, positions are the sum of trades, and fills never exceed an order."""
    check_books(play(steps))


def check_books(desk: Desk) -> None:
    """See that an exchange's trades, orders, positions, holdings and ledger are one book."""
    exchange, account = desk.exchange, desk.account
    bought = {"CNC": 0, "MIS": 0}
    paid = 0
    for trade in exchange.trades:
        sign = 1 if trade.order.terms.buys else -1
        bought[trade.order.terms.product] += sign * trade.qty
        paid += sign * trade.qty * trade.price
    for product, qty in bought.items():
        position = account.positions.get(("NSE:INFY", product))
        assert (0 if position is None else position.qty) == qty
    flows = sum(p.sell_value - p.buy_value for p in account.positions.values())
    assert flows == -paid
    for order in exchange.orders.values():
        fills = [trade for trade in exchange.trades if trade.order is order]
        assert order.filled == sum(trade.qty for trade in fills) <= order.qty
        assert order.value == sum(trade.qty * trade.price for trade in fills)
        if order.status == "COMPLETE":
            assert order.filled == order.qty
        if order.status == "CANCELLED":
            assert order.filled + order.cancelled == order.qty
        for trade in fills:
            assert trade.price > 0
    held = account.holdings["NSE:INFY"]
    sold = account.positions.get(("NSE:INFY", "CNC"))
    assert held.free >= 0
    assert sold is None or held.used == max(-sold.qty, 0)
    written = [entry for entry in desk.ledger.entries if entry["kind"] == "trade"]
    assert [(e["qty"], e["price"]) for e in written] == [
        (trade.qty, trade.price) for trade in exchange.trades
    ]


@settings(max_examples=15, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_the_same_steps_write_the_same_ledger(steps: list[Any]) -> None:
    """Two exchanges that are asked the same write the same bytes, and only ints and texts."""
    first, second = (play(steps).ledger.export({}) for _ in range(2))
    assert first == second
    for entry in json.loads(first)["entries"]:
        assert not any(isinstance(value, float) for value in entry.values())
