"""The exchange: orders from request to last fill, against quotes as they come; no clock of its own.

Callers say when it is. A request has two steps: it is registered, with an answer; and later
`carry_out` lets the exchange act on it. In between the order is under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from alphapanda.kitesim import orders
from alphapanda.kitesim.account import Account, paid_in_full
from alphapanda.kitesim.answers import history_row, order_row
from alphapanda.kitesim.checks import (
    Rules,
    Standing,
    refused_at_call,
    refused_change,
    refused_later,
)
from alphapanda.kitesim.hours import Hours
from alphapanda.kitesim.ledger import Ledger
from alphapanda.kitesim.listings import Listing
from alphapanda.kitesim.market import Market, Quote
from alphapanda.kitesim.matching import match, protected_price, triggered
from alphapanda.kitesim.orders import Order, Refusal, Terms, Trade
from alphapanda.kitesim.terms import UNPROTECTED, Changes, refusal_of
from alphapanda.model.calendar import MINUTE, Phase, SessionGroup, ist_date, session_group

MODIFICATIONS = 25
SLICES = 10
LAPSED = "Order lapsed: the session is over."


class Exchange:
    """Orders, trades and the account, moved by requests and by quotes."""

    def __init__(
        self, market: Market, account: Account, hours: Hours, *, ledger: Ledger,
        rules: Rules | None = None,
    ) -> None:  # fmt: skip
        self.market, self.account, self.hours = market, account, hours
        self.ledger, self.rules = ledger, rules or Rules()
        self.orders: dict[str, Order] = {}
        """Of the day."""
        self.trades: list[Trade] = []
        """Of the day."""
        self.updates: list[tuple[Order, dict[str, Any]]] = []
        """Changes that clients are to hear of; whoever sends them empties the list."""
        self._number = self._trade_number = 0
        self._working: dict[str, dict[str, Order]] = {}
        self._wanted: dict[str, Terms] = {}
        self._done: set[tuple[SessionGroup, int, str]] = set()

    # --- requests ---------------------------------------------------------------------------

    def place(
        self, terms: Terms, now: int, *, app: bool = True, meta: dict[str, Any] | None = None,
        tags: tuple[str, ...] = (),
    ) -> Order | Refusal:  # fmt: skip
        """Register an order, or refuse it at the call."""
        refusal = refused_at_call(terms, self._standing(terms, now), self.rules)
        if refusal is not None:
            self._write("refused", request="place", key=terms.listing.key, text=refusal.message)
            return refusal
        order_id = self.next_id(now)
        order = Order(
            self._number, order_id, terms, now, app, kind=terms.kind, price=terms.price,
            trigger=terms.trigger, qty=terms.qty, request_ts=now, waits_for="place",
            tags=[*([terms.tag] if terms.tag else []), *tags], meta=meta or {},
        )  # fmt: skip
        self.orders[order_id] = order
        self._write(
            "placed", order=order_id, key=terms.listing.key, side=terms.side, qty=terms.qty,
            type=terms.kind, price=terms.price, trigger=terms.trigger, product=terms.product,
            tag=terms.tag, app=app,
        )  # fmt: skip
        if terms.variety == "amo":
            self._move(order, orders.AMO_RECEIVED)
            order.waits_for = None
            return order
        for status in (orders.RECEIVED, orders.VALIDATION, orders.OPEN_PENDING):
            self._move(order, status)
        return order

    def place_slices(self, terms: Terms, now: int) -> tuple[str, list[Order | Refusal]] | Refusal:
        """Register an order above the freeze quantity as several; return their parent's id too."""
        freeze = terms.listing.instrument.freeze_quantity
        lot = max(terms.listing.instrument.lot_size, 1)
        freeze -= freeze % lot
        count = -(-terms.qty // freeze)
        if count > SLICES:
            return Refusal(f"Autoslice makes at most {SLICES} orders, and this needs {count}.")
        parent = self.next_id(now)
        tags = ("autoslice", f"autoslice:{parent}")
        sizes = [min(freeze, terms.qty - n * freeze) for n in range(count)]
        return parent, [self.place(replace(terms, qty=size), now, tags=tags) for size in sizes]

    def modify(self, order_id: str, changes: Changes, now: int) -> Order | Refusal:
        """Register a change of an order, or refuse it."""
        order = self._changeable(order_id, "modified")
        if isinstance(order, Refusal):
            return order
        if order.modifications >= MODIFICATIONS:
            return Refusal(f"Maximum allowed order modifications exceeded ({MODIFICATIONS}).",
                           "OrderException")  # fmt: skip
        wanted = self._changed(order, changes)
        refusal = self._refused(order, wanted, now)
        if refusal is not None:
            return refusal
        order.modifications += 1
        order.request_ts, order.waits_for = now, "modify"
        self._write("modify", order=order_id, qty=wanted.qty, type=wanted.kind, price=wanted.price,
                    trigger=wanted.trigger)  # fmt: skip
        if order.status != orders.AMO_RECEIVED:
            self._move(order, orders.MODIFY_VALIDATION)
            self._move(order, orders.MODIFY_PENDING)
        self._wanted[order_id] = wanted
        return order

    def cancel(self, order_id: str, now: int) -> Order | Refusal:
        """Register the request to cancel an order, or refuse it."""
        order = self._changeable(order_id, "cancelled")
        if isinstance(order, Refusal):
            return order
        order.request_ts, order.waits_for = now, "cancel"
        self._write("cancel", order=order_id)
        self._move(order, orders.CANCEL_PENDING)
        return order

    def carry_out(self, order_id: str, now: int) -> None:
        """Let the exchange act on the request that is under way for an order."""
        order = self.orders.get(order_id)
        if order is None or order.waits_for is None:
            return
        act: dict[str, Callable[[Order, int], None]] = {
            "place": self._arrive, "modify": self._modified, "cancel": self._cancelled,
        }  # fmt: skip
        request, order.waits_for = order.waits_for, None
        if not order.is_final:
            act[request](order, now)

    # --- time and prices ----------------------------------------------------------------------

    def see(self, quote: Quote, now: int) -> None:
        """Let working orders of an instrument meet its new quote."""
        for order in list(self._working.get(quote.listing.key, {}).values()):
            if order.waits_for == "place":
                continue
            if order.awaits_trigger:
                if triggered(order, quote):
                    self._trigger(order, quote, now)
            elif order.works:
                self._match(order, quote, now, arrives=False)

    def pass_time(self, now: int) -> None:
        """Do what the hour asks for: send AMOs, square off, end days and orders' lives."""
        for order in list(self.orders.values()):
            if order.status == orders.AMO_RECEIVED and order.waits_for is None:
                if self.hours.phase(order.terms.listing, now) == Phase.OPEN:
                    order.waits_for = "place"
                    self.carry_out(order.order_id, now)
            elif order.expires_ts is not None and now >= order.expires_ts and not order.is_final:
                self._end(order, now, "Order validity has expired.")
        for group in SessionGroup:
            session = self.hours.session(group, now)
            if session is None:
                continue
            day = ist_date(now).toordinal()
            if session.square_off and now >= session.square_off:
                self._once(group, day, "square off", partial(self.square_off, group, now))
            if now >= session.changes[-1].ts:
                self._once(group, day, "end", partial(self.end_session, now, group))

    def square_off(self, group: SessionGroup, now: int) -> None:
        """Close the intraday positions of a group by market orders, as the broker does."""
        for order in self._open_orders(group):
            if order.terms.product == "MIS":
                self._end(order, now, "MIS orders are cancelled at the square-off.")
        for position in list(self.account.positions.values()):
            listing = position.listing
            if position.product != "MIS" or not position.qty or listing.is_index:
                continue
            if session_group(listing.instrument) == group:
                side = orders.SELL if position.qty > 0 else orders.BUY
                terms = Terms(listing, "regular", side, orders.MARKET, "MIS", abs(position.qty),
                              protection=500)  # fmt: skip
                closing = self.place(terms, now, app=False)
                if isinstance(closing, Order):
                    self.carry_out(closing.order_id, now)

    def end_session(self, now: int, group: SessionGroup | None = None) -> None:
        """Let what still works lapse, of a group or of all."""
        for order in self._open_orders(group):
            self._end(order, now, LAPSED)

    def end_data(self, now: int) -> None:
        """Close every session: no price will come any more."""
        self.end_session(now)
        self.hours.over = True
        self._write("data end")

    def next_day(self) -> None:
        """Begin a day with empty books of orders and trades."""
        self.orders.clear()
        self.trades.clear()
        self._working.clear()
        self._wanted.clear()
        self.account.next_day()
        self._write("day")

    # --- what others ask for --------------------------------------------------------------------

    def convert(self, listing: Listing, side: str, qty: int, products: tuple[str, str]) -> bool:
        """Move a position from one product to another; say if there was enough of it."""
        done = self.account.convert(listing, side, qty, products)
        self._write("convert", key=listing.key, qty=qty, products=list(products), done=done)
        return done

    def next_id(self, now: int) -> str:
        """Return an order's id: 19 digits, as Kite's are since 2025."""
        self._number += 1
        return f"{ist_date(now):%y%m%d}{self._number:013d}"

    def blocked(self) -> int:
        """Return the margin that working orders and positions block."""
        waiting = sum(
            self.account.required(order.terms, order.qty - order.filled, self.priced(order))
            for order in self.orders.values() if not order.is_final
        )  # fmt: skip
        return waiting + sum(
            position.blocked for position in self.account.positions.values()
            if position.qty and not (paid_in_full(position) and position.qty > 0)
            and position.product != "CNC"
        )  # fmt: skip

    def available(self) -> int:
        """Return the money that a new order may use."""
        return self.account.cash_now() - self.blocked()

    def priced(self, order: Order | Terms) -> int:
        """Return the price at which an order is margined."""
        terms = order.terms if isinstance(order, Order) else order
        return order.price or order.trigger or self.market.by_key[terms.listing.key].last

    # --- an order's life ------------------------------------------------------------------------

    # What an order meets; `order`: it is registered already, and counts itself among the others.
    def _standing(self, terms: Terms, now: int, order: Order | None = None) -> Standing:
        required = self.account.required(terms, terms.qty, self.priced(order or terms))
        sold = sum(
            other.qty - other.filled for other in self.orders.values()
            if other is not order and not other.is_final and not other.terms.buys
            and (other.terms.listing.key, other.terms.product) == (terms.listing.key, "CNC")
        )  # fmt: skip
        position = self.account.positions.get((terms.listing.key, "CNC"))
        sold -= position.qty if position is not None and position.qty > 0 else 0
        return Standing(
            self.market.by_key[terms.listing.key], self.hours.phase(terms.listing, now),
            self.available() + (0 if order is None else required), required,
            self.account.holdings.get(terms.listing.key), sold,
        )  # fmt: skip

    def _refused(self, order: Order, wanted: Terms, now: int) -> Refusal | None:
        if wanted.kind in (orders.MARKET, orders.SLM) and not wanted.protection:
            return Refusal(UNPROTECTED)
        if (refusal := refusal_of(wanted)) is not None:
            return refusal
        if wanted.qty <= order.filled:
            return Refusal("Invalid `quantity`: so much is filled already.")
        left, more = wanted.qty - order.filled, wanted.qty - order.qty
        return refused_change(wanted, left, more, self._standing_changed(order, wanted, now))

    # What a change meets: money and shares that the order has are free for it.
    def _standing_changed(self, order: Order, wanted: Terms, now: int) -> Standing:
        freed = self.account.required(order.terms, order.qty - order.filled, self.priced(order))
        required = self.account.required(wanted, wanted.qty - order.filled, self.priced(wanted))
        return self._standing(order.terms, now, order)._replace(
            available=max(self.available(), 0) + freed, required=required
        )

    def _arrive(self, order: Order, now: int) -> None:
        refusal = refused_later(order.terms, self._standing(order.terms, now, order), self.rules)
        if refusal is not None:
            self._reject(order, *refusal)
            return
        order.exchange_id = f"{1_100_000_000_000_000 + order.number}"
        order.exchange_ts = now
        if order.terms.validity == "TTL":
            order.expires_ts = now + order.terms.ttl_minutes * MINUTE
        self._working.setdefault(order.terms.listing.key, {})[order.order_id] = order
        quote = self.market.by_key[order.terms.listing.key]
        if order.awaits_trigger:
            self._move(order, orders.TRIGGER_PENDING)
            if triggered(order, quote):
                self._trigger(order, quote, now)
            return
        self._open(order, quote, now)

    def _trigger(self, order: Order, quote: Quote, now: int) -> None:
        order.triggered = True
        order.exchange_ts = now
        self._write("triggered", order=order.order_id)
        self._open(order, quote, now)

    def _open(self, order: Order, quote: Quote, now: int) -> None:
        if order.kind in (orders.MARKET, orders.SLM):
            order.price, band = protected_price(order, quote)
            order.kind = orders.LIMIT
            order.tags += [tag for tag in ("mktp", f"mktp:{band // 100}.{band % 100:02d}")
                           if tag not in order.tags]  # fmt: skip
        order.update_ts = now
        self._move(order, orders.OPEN)
        self._match(order, quote, now, arrives=True)
        if order.terms.validity == "IOC" and not order.is_final:
            self._end(order, now, "Unfilled part of an IOC order is cancelled.")

    def _match(self, order: Order, quote: Quote, now: int, *, arrives: bool) -> None:
        if self.hours.phase(order.terms.listing, now) != Phase.OPEN:
            return
        found = match(order, quote, arrives=arrives, largest=self.rules.largest_fill)
        if found is None:
            return
        if order.terms.buys:
            quote.taken_ask += found.qty
        else:
            quote.taken_bid += found.qty
        self.fill(order, found.qty, found.price, now)

    def fill(self, order: Order, qty: int, price: int, now: int) -> None:
        """Book an execution."""
        self._trade_number += 1
        trade = Trade(self._trade_number, order, qty, price, now)
        self.trades.append(trade)
        order.filled, order.value = order.filled + qty, order.value + qty * price
        order.fills.append((qty, price))
        order.exchange_ts = order.update_ts = now
        self.account.book(trade)
        terms = order.terms
        self._write(
            "trade", trade=trade.number, order=order.order_id, qty=qty, price=price,
            key=terms.listing.key, side=terms.side, product=terms.product, tag=terms.tag,
            app=order.app,
        )  # fmt: skip
        if order.filled == order.qty:
            order.cancelled = 0
            self._move(order, orders.COMPLETE)
            self._forget(order)
        elif not order.is_final:
            self._move(order, order.status)
        self._tell(order)

    def _modified(self, order: Order, now: int) -> None:
        wanted = self._wanted.pop(order.order_id)
        if wanted.qty <= order.filled:
            order.qty = order.filled
            self._move(order, orders.COMPLETE)
            self._forget(order)
            return
        waiting = order.status == orders.AMO_RECEIVED
        order.terms, order.kind, order.qty = wanted, wanted.kind, wanted.qty
        order.price, order.trigger = wanted.price, wanted.trigger
        order.modified = True
        self._tell(order)
        if waiting:
            return
        self._move(order, orders.MODIFIED)
        order.exchange_ts = order.update_ts = now
        quote = self.market.by_key[order.terms.listing.key]
        if order.awaits_trigger:
            self._move(order, orders.TRIGGER_PENDING)
            if triggered(order, quote):
                self._trigger(order, quote, now)
        else:
            self._open(order, quote, now)

    def _cancelled(self, order: Order, now: int) -> None:
        self._end(order, now, None)

    def _end(self, order: Order, now: int, why: str | None) -> None:
        order.cancelled = order.qty - order.filled
        order.message, order.update_ts = why, now
        order.waits_for = None
        self._move(order, orders.CANCELLED)
        self._forget(order)
        self._tell(order)

    def _reject(self, order: Order, message: str, raw: str) -> None:
        order.message, order.message_raw = message, raw
        self._move(order, orders.REJECTED)
        self._forget(order)
        self._tell(order)

    def _move(self, order: Order, status: str) -> None:
        order.status = status
        order.history.append(history_row(order, self.account.user_id))
        self._write("status", order=order.order_id, status=status, filled=order.filled)

    def _tell(self, order: Order) -> None:
        self.updates.append((order, order_row(order, self.account.user_id)))

    def _forget(self, order: Order) -> None:
        self._working.get(order.terms.listing.key, {}).pop(order.order_id, None)

    def _changeable(self, order_id: str, verb: str) -> Order | Refusal:
        order = self.orders.get(order_id)
        if order is None:
            return Refusal("Couldn't find that `order_id`.", "GeneralException", 404)
        if order.is_final:
            return Refusal(f"Order cannot be {verb} as it is not open.")
        if order.waits_for is not None:
            again = "try again later." if verb == "modified" else "Try later."
            join = ", " if verb == "modified" else ". "
            return Refusal(f"Order cannot be {verb} as it is being processed{join}{again}")
        return order

    def _changed(self, order: Order, changes: Changes) -> Terms:
        now = replace(order.terms, kind=order.kind if order.triggered else order.terms.kind,
                      price=order.price, trigger=order.trigger, qty=order.qty)  # fmt: skip
        if now.kind == orders.MARKET:
            now = replace(now, kind=order.kind)
        values: dict[str, Any] = {
            "kind": changes.kind, "qty": changes.qty, "price": changes.price,
            "trigger": changes.trigger, "validity": changes.validity,
            "disclosed": changes.disclosed, "protection": changes.protection,
        }  # fmt: skip
        return replace(now, **{name: value for name, value in values.items() if value is not None})

    def _open_orders(self, group: SessionGroup | None) -> list[Order]:
        return [
            order for order in self.orders.values()
            if not order.is_final and order.status != orders.AMO_RECEIVED
            and group in (None, session_group(order.terms.listing.instrument))
        ]  # fmt: skip

    def _once(self, group: SessionGroup, day: int, what: str, act: Callable[[], None]) -> None:
        if (group, day, what) not in self._done:
            self._done.add((group, day, what))
            act()

    def _write(self, kind: str, **values: Any) -> None:
        self.ledger.write(kind, self.market.ts, **values)
