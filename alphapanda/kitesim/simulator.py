"""One simulated exchange with its account, its app and its day; servers ask it, data move it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphapanda import log
from alphapanda.data.replay.replay import ReplayOptions
from alphapanda.kitesim import charges
from alphapanda.kitesim.account import Account
from alphapanda.kitesim.answers import update_row
from alphapanda.kitesim.clock import VirtualClock
from alphapanda.kitesim.exchange import Exchange
from alphapanda.kitesim.gtt import Triggers
from alphapanda.kitesim.hours import Hours
from alphapanda.kitesim.ledger import Ledger
from alphapanda.kitesim.limits import Limits
from alphapanda.kitesim.listings import listings_of
from alphapanda.kitesim.logins import Logins, app_of, digest
from alphapanda.kitesim.market import Market, Quote
from alphapanda.kitesim.nights import Nights
from alphapanda.kitesim.orders import Order, Refusal, Terms
from alphapanda.kitesim.recording import Numbered, Recording
from alphapanda.kitesim.script import CHANCES, HANDSHAKES, TICKS, UPDATES, Fault, Script
from alphapanda.kitesim.setting_up import (
    answer_s,
    holdings_of,
    rules_of,
    set_prices,
    unknown,
    with_freezes,
)
from alphapanda.kitesim.ticker import Hub
from alphapanda.model.calendar import Calendar, ist_date
from alphapanda.model.money import to_scaled

LOG = log.get(__name__)
CASH = "10000000"
"""Rs 1 crore, where no script says."""
LATENCY_S = 0.02
"""Real time from a request's answer to the exchange acting on it."""
AT_ONCE = 500
"""Rows between two looks at what clients want."""
NAP_S = 0.2
"""The longest that the hours are not looked at."""
LEAST_NAP_S = 0.005


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a simulator is made of."""

    data: ReplayOptions
    instruments: Sequence[Path]
    speed: float
    """0: rows come only when a step asks for them."""
    redirect: Callable[[], str]
    """Says where the login page sends a browser, and takes a while: settings are read for it."""
    seed: int
    user_id: str
    script: Script


class Simulator:
    """The state behind both servers."""

    def __init__(self, wanted: Wanted) -> None:
        self.recording = Recording(wanted.data)
        firsts = self.recording.firsts
        replay = self.recording.replay
        start = min(row["ts"] for row in firsts.values())
        listings, notes = listings_of(replay.names, wanted.instruments)
        self.listings = with_freezes(listings, start)
        self.notes = [*replay.notes, *notes, *unknown(replay.kind, replay.columns)]
        hours = Hours(Calendar.nse())
        self.market = Market(self.listings.all, bars=replay.kind == "bar", hours=hours)
        for number, row in firsts.items():
            self.market.show(number, row)
        self.market.ts = start
        self.script = wanted.script
        self.script.begin_ns = start
        set_prices(self.market, self.script)
        self.seed = wanted.seed
        self.app = app_of(wanted.seed, wanted.user_id)
        self.logins, self.redirect = Logins(self.app, wanted.seed), wanted.redirect
        cash = to_scaled(str(self.script.account.get("cash", CASH)))
        self.first_cash = cash
        self.account = Account(wanted.user_id, cash, holdings_of(self.script, self.listings))
        self.charged: list[dict[str, Any]] = []
        """The charges of the orders of days that are over."""
        self.arrivals: list[dict[str, int]] = []
        """When requests came, by this machine's clock, which the ledger leaves out."""
        self.ledger = Ledger({"seed": wanted.seed, "user_id": wanted.user_id})
        self.exchange = Exchange(
            self.market, self.account, hours, ledger=self.ledger,
            rules=rules_of(self.script),
        )  # fmt: skip
        self.triggers = Triggers(self._place_triggered)
        self.limits = Limits(on=bool(self.script.exchange.get("limits", True)))
        self.clock = VirtualClock(start, wanted.speed)
        self.hub = Hub(self.market, self.begin)
        self.hub.spoil = self._tick_fault
        self.latency_s = float(self.script.exchange.get("latency_s", LATENCY_S))
        self.answer_s = answer_s(self.script)
        self.calls = 0
        """Of REST that were answered."""
        self.of_next_day: list[Callable[[], None]] = []
        """What happens when the next day begins."""
        self.act: Callable[[Fault], None] = lambda _: None
        """Does what a fault of an hour says."""
        self.rows = 0
        """Of the data, that have passed."""
        self.ended = False
        self.nights = Nights(self, start)
        self.on_update: list[Callable[[dict[str, Any]], None]] = []
        self._hidden: dict[str, float] = {}
        self._held: dict[str, dict[str, Any]] = {}
        """Updates that wait for a later one of their order, by its id."""
        self._begun = asyncio.Event()
        self._left, self._at = list[Numbered](), 0
        self._stepping = asyncio.Lock()

    # --- time -----------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the market's time."""
        return self.clock.now(time.monotonic())

    def begin(self) -> None:
        """Let the day run, if it waits for its first subscriber."""
        self._begun.set()

    async def run(self) -> None:
        """Let the data pass at their pace, until they end."""
        if self.clock.speed == 0:
            await asyncio.Event().wait()
        while await self._fill():
            entry = self._left[self._at]
            await self._turn_day(entry.ts)
            due = self.now()
            if entry.ts > due:
                await self._nap((entry.ts - due) / 1e9 / self.clock.speed)
                self.hours_pass()
                continue
            self._pass_rows(due)
            await asyncio.sleep(0)
        self.end()
        while True:
            await asyncio.sleep(NAP_S)
            self.hours_pass()

    async def step(self, rows: int) -> int:
        """Let so many rows pass at once and return how many there were; their time is now."""
        passed = 0
        async with self._stepping:
            while passed < rows and await self._fill():
                entry = self._left[self._at]
                if ist_date(entry.ts) != self.nights.day:
                    self._next_day(entry.ts)
                self.clock.put(entry.ts, time.monotonic(), runs=False)
                self._pass(entry)
                passed += 1
            self.hours_pass()
            if passed < rows and not self.ended:
                self.end()
        return passed

    def hours_pass(self) -> None:
        """Do what the hour asks for."""
        self._go_wrong(self.now())
        self.exchange.pass_time(self.now())
        self.report()

    def _go_wrong(self, now: int) -> None:
        for fault in self.script.of_hour(now):
            self.ledger.write("fault", self.market.ts, do=fault.do, fault=fault.number)
            self.act(fault)

    def end(self) -> None:
        """Close the market: the data have ended."""
        self.ended = True
        self.exchange.end_data(self.now())
        self.reach_close()
        self.report()
        held, self._held = self._held, {}
        for update in held.values():
            self.hub.tell("order", update)
        LOG.info("kitesim_data_end", rows=self.rows)

    def reach_close(self) -> None:
        """Let it be the close: nobody has to wait for hours in which nothing comes."""
        now = self.now()
        listings = [quote.listing for quote in self.market.quotes]
        over = self.exchange.hours.day_over(listings, now)
        if self.clock.speed and over > now:
            self.clock.put(over, time.monotonic(), runs=True)

    async def _fill(self) -> bool:
        while self._at >= len(self._left):
            found = await asyncio.to_thread(self.recording.take)
            if found is None:
                return False
            self._left, self._at = found, 0
        return True

    # Each day waits for a subscriber, with the clock at its first row.
    async def _turn_day(self, ts: int) -> None:
        if ist_date(ts) != self.nights.day and ts > self.market.ts:
            await self.nights.pass_one(ts)
            self._next_day(ts)
        if not self.clock.runs:
            await self._begun.wait()
            self.clock.start(time.monotonic())

    def _next_day(self, ts: int) -> None:
        self.exchange.end_session(self.now())
        self.report()
        self.charged += charges.of_orders(self.exchange.orders.values(), self.nights.day)
        self.exchange.next_day()
        self.nights.begin_day(ts)
        for change in self.of_next_day:
            change()
        self.of_next_day.clear()
        self.limits.orders = 0
        self.clock.put(ts, time.monotonic(), runs=False)
        self.script.begin_ns = ts
        self._begun.clear()

    def _pass_rows(self, due: int) -> None:
        end = min(self._at + AT_ONCE, len(self._left))
        day = ist_date(self._left[self._at].ts)
        while self._at < end and self._left[self._at].ts <= due:
            entry = self._left[self._at]
            if ist_date(entry.ts) != day:
                return
            self._pass(entry)

    def _pass(self, entry: Numbered) -> None:
        self._go_wrong(entry.ts)
        self._at += 1
        self.rows += 1
        quote = self.market.see(entry.number, entry.row)
        self.hub.publish(quote)
        self.exchange.see(quote, self.now())
        self.triggers.see(quote, self.now())
        if self.exchange.updates:
            self.report()

    async def _nap(self, seconds: float) -> None:
        await asyncio.sleep(min(max(seconds, LEAST_NAP_S), NAP_S))

    # --- orders ---------------------------------------------------------------------------------

    def under_way(self, order: Order) -> None:
        """Let the exchange act on an order's request after its latency."""
        loop = asyncio.get_running_loop()
        loop.call_later(self.latency_s, self._carry_out, order.order_id)

    def _carry_out(self, order_id: str) -> None:
        self.exchange.carry_out(order_id, self.now())
        self.report()

    def visible(self) -> list[Order]:
        """Return the orders that the order book shows."""
        real_s = time.monotonic()
        return [
            order for order in self.exchange.orders.values()
            if self._hidden.get(order.order_id, 0.0) <= real_s
        ]  # fmt: skip

    def hide(self, order_id: str, seconds: float) -> None:
        """Leave an order out of the order book for a while."""
        self._hidden[order_id] = time.monotonic() + seconds

    def fill_late(self, order_id: str, seconds: float) -> None:
        """Fill a cancelled order after all."""
        asyncio.get_running_loop().call_later(seconds, self._fill_late, order_id)

    def _fill_late(self, order_id: str) -> None:
        order = self.exchange.orders.get(order_id)
        if order is not None and order.cancelled:
            self.exchange.fill(order, order.cancelled, order.price, self.now())
            self.report()

    def report(self) -> None:
        """Tell clients of orders that have changed."""
        updates, self.exchange.updates = self.exchange.updates, []
        for order, row in updates:
            update = self.signed(row)
            self._send_update(order, update)
            if order.app:
                for hear in self.on_update:
                    hear(update)

    def _send_update(self, order: Order, update: dict[str, Any]) -> None:
        fault = self.script.of_instrument(
            UPDATES, order.terms.listing.key, order.terms.tag or "", self.now()
        )
        do = None if fault is None else fault.do
        if do == "flat-update":
            names = ("order_id", "status", "status_message", "meta")
            flat = {"type": "order", **{name: update[name] for name in names}}
            self.hub.tell_text(json.dumps(flat))
        elif do == "late-update" and fault is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(fault.lasts(self.seed), self.hub.tell, "order", update)
        elif do == "swap-update" and order.order_id not in self._held and not order.is_final:
            self._held[order.order_id] = update
            return
        elif do != "drop-update":
            for _ in range(2 if do == "double-update" else 1):
                self.hub.tell("order", update)
        before = self._held.pop(order.order_id, None)
        if before is not None:
            self.hub.tell("order", before)

    def _tick_fault(self, quote: Quote) -> Fault | None:
        return self.script.of_instrument(TICKS, quote.listing.key, "", self.now())

    def handshake_fault(self) -> str | None:
        """Return what goes wrong with a new connection of the ticker."""
        fault = self.script.of_instrument(HANDSHAKES, "", "", self.now())
        return None if fault is None else fault.do

    def wait_s(self) -> float:
        """Return how long an answer of REST takes, as the seed decides."""
        self.calls += 1
        least, most = self.answer_s
        part = int(digest(self.seed, f"answer {self.calls}")[:8], 16) / CHANCES
        return least + (most - least) * part

    def receive(self, method: str, path: str, params: Mapping[str, str]) -> None:
        """Write down a request that may move orders, whatever becomes of it."""
        self.arrivals.append({"entry": len(self.ledger.entries) + 1, "real_ns": time.time_ns()})
        self.ledger.write("received", self.market.ts, method=method, path=path,
                          tag=params.get("tag", ""), body=dict(params))  # fmt: skip

    def _place_triggered(self, terms: Terms, now: int, number: int) -> Order | Refusal:
        self.ledger.write("gtt", self.market.ts, verb="fire", trigger=number)
        order = self.exchange.place(terms, now, meta={"app_id": self.app.app_id, "gtt": number})
        if isinstance(order, Order):
            self.exchange.carry_out(order.order_id, now)
        return order

    def signed(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return an update of an order as clients get it, from its row of the order book."""
        text = f"{row['order_id']}{row['order_timestamp']}{self.app.api_secret}"
        checksum = hashlib.sha256(text.encode()).hexdigest()
        return update_row(row, app_id=self.app.app_id, checksum=checksum)

    # --- the book of truth ----------------------------------------------------------------------

    def export(self) -> bytes:
        """Return the ledger with what the account holds."""
        positions = {
            f"{key}:{product}": {"qty": p.qty, "buy_qty": p.buy_qty, "buy_value": p.buy_value,
                                 "sell_qty": p.sell_qty, "sell_value": p.sell_value,
                                 "overnight": p.overnight}
            for (key, product), p in sorted(self.account.positions.items())
        }  # fmt: skip
        holdings = {
            key: {"quantity": held.quantity, "t1": held.t1, "used": held.used}
            for key, held in sorted(self.account.holdings.items())
        }
        today = charges.of_orders(self.exchange.orders.values(), self.nights.day)
        charged = [*self.charged, *today]
        return self.ledger.export(
            {
                "cash": self.account.cash_now(),
                "opening_cash": self.account.cash,
                "first_cash": self.first_cash,
                "available": self.exchange.available(),
                "charges": charged,
                "charges_total": sum(row["total"] for row in charged),
                "positions": positions,
                "holdings": holdings,
                "first_holdings": self.account.first_holdings,
            }
        )

    def close(self) -> None:
        """Let the data go."""
        with suppress(ValueError):  # the generator runs in its thread still
            self.recording.close()
