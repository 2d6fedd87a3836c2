"""The simulated exchange in virtual time: what answers, orders and lists do is decided by a seed.

The exchange is kitesim's own, with its ledger; the wire between is replaced by a table of faults,
and a clock that jumps from event to event.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.brokers.zerodha.answers import Answer, unanswered
from alphapanda.brokers.zerodha.orders.desk import IDLE_S, Desk
from alphapanda.brokers.zerodha.orders.guard import Guard
from alphapanda.brokers.zerodha.orders.restoring import restore
from alphapanda.brokers.zerodha.orders.sent import (
    ANSWERED,
    SENT,
    Before,
    answered_facts,
    sent_facts,
)
from alphapanda.brokers.zerodha.orders.state import (
    Action,
    Alert,
    Read,
    Say,
    Send,
    Stage,
    State,
)
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.kitesim.account import Account, Holding
from alphapanda.kitesim.answers import (
    funds_row,
    holding_row,
    order_row,
    position_row,
    trade_row,
)
from alphapanda.kitesim.checks import Rules
from alphapanda.kitesim.exchange import Exchange
from alphapanda.kitesim.hours import Hours
from alphapanda.kitesim.ledger import Ledger
from alphapanda.kitesim.listings import listings_of
from alphapanda.kitesim.market import Market
from alphapanda.kitesim.orders import Order, Refusal, Terms
from alphapanda.kitesim.terms import changes_of, place_terms
from alphapanda.model.calendar import Calendar, SessionGroup
from tests.support.orders import DEPLOYMENT, INFY, ROWS, RUN
from tests.support.venue_faults import FAULTS, LIST_FAULTS, PROFILE, Way, done, error

OPEN_NS = 1_766_980_800 * 10**9
"""2025-12-29 09:30 IST."""
CASH = 100_000_000_000
LISTINGS = listings_of(("NSE:INFY",), [])[0]
ALWAYS = Calendar.always()
DEADLINE_S = 8.0


@dataclass
class World:
    """A desk with its journal, on an exchange; `run` lets time pass until all is quiet."""

    seed: int
    way: Way = field(default_factory=Way)
    rules: Rules = field(default_factory=Rules)
    squares_off_ns: int = 0
    """From when on the broker squares off; 0: never."""
    reprice_s: float = 0.0
    """After so long a market order that closes, and rests, is one again; 0: never."""

    def __post_init__(self) -> None:
        """Open the market at Rs 1,500 with ten shares on each side."""
        self.random = random.Random(self.seed)
        self.now_s = 1_000.0
        self.market = Market(LISTINGS.all, bars=False)
        holding = {"NSE:INFY": Holding(LISTINGS.all[0], 14_000_000, 10_000)}
        self.account = Account("SIM001", CASH, holding)
        self.ledger = Ledger({"seed": self.seed})
        self.exchange = Exchange(
            self.market, self.account, Hours(ALWAYS), ledger=self.ledger, rules=self.rules
        )
        self.market.show(0, self.row(1_500, 10))
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.count = 0
        self.arrived: list[tuple[float, str, str]] = []
        """When, verb and tag of each request that reached the exchange."""
        self.hidden: dict[str, float] = {}
        self.rows: dict[str, tuple[object, dict[str, Any]]] = {}
        self.trade_rows: list[dict[str, Any]] = []
        self.faulted: Counter[str] = Counter()
        self.journal: list[OrderRequest | Report] = []
        self.waiting: list[Report] = []
        """Said, and not yet in the journal."""
        self.log: list[tuple[int, Mapping[str, Any]]] = []
        self.alerts: list[Alert] = []
        self.said_s: list[tuple[float, Report]] = []
        self.epoch = 0
        self.timer = 0
        self.healed = False
        self.reads = 0
        self.lists_as = ""
        """How every bad list is bad; empty: by the seed."""
        self.list_answer: Answer | None = None
        """What every list is answered with."""
        self.change_answer: Answer | None = None
        self.keep_trades = True
        """Whether the list of trades is shown as it is; else it is empty."""
        self.begin()

    # --- the process ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Start a process, which knows the journal and what was sent."""
        self.epoch += 1
        before = Before()
        for kind, facts in self.log:
            before.recall(kind, facts, 0)
        state = State(
            Tags(RUN, DEPLOYMENT), ROWS, squares_off=lambda _: self.squares_off_ns,
            reprice_s=self.reprice_s,
        )  # fmt: skip
        restore(state, self.journal, before, self.now_s)
        self.guard = Guard(
            self.epoch, lambda: self.epoch, sent=before.places, reprices=self.reprice_s > 0
        )
        self.approve([one for one in self.journal if isinstance(one, OrderRequest)])
        for tag, broker_id in before.ids.items():
            self.guard.know(tag, broker_id)
        for tracked in state.orders.values():
            self.guard.know(tracked.tag, tracked.broker_id)
        self.desk = Desk(state)
        self.do(self.desk.go_on(self.now_s))

    def approve(self, requests: list[OrderRequest]) -> None:
        """Let the guard know of requests that are in the journal."""
        for request in requests:
            tag = self.desk_tags.of(request.order)
            if request.verb == RequestVerb.NEW:
                self.guard.approve(tag, request, ROWS[request.row])
            elif request.verb == RequestVerb.ADOPT:
                self.guard.adopt(tag, request, ROWS[request.row])
            else:
                self.guard.approve_change(tag, request)

    @property
    def desk_tags(self) -> Tags:
        """The tags of the run."""
        return Tags(RUN, DEPLOYMENT)

    def send(self, *requests: OrderRequest) -> None:
        """Let the core ask for something: it is in the journal first."""
        self.journal += requests
        self.approve(list(requests))
        self.do(self.desk.take(requests, self.now_s))

    def send_at(self, after_s: float, *requests: OrderRequest) -> None:
        """Let the core ask for something later."""
        self.later(after_s, lambda: self.send(*requests))

    def die(self) -> None:
        """Let the process die: what it said and nobody wrote down is lost."""
        kept = self.random.randrange(len(self.waiting) + 1)
        self.journal += self.waiting[:kept]
        self.waiting.clear()
        self.begin()

    def do(self, actions: list[Action]) -> None:
        """Do what a desk wants."""
        for action in actions:
            if isinstance(action, Say):
                self.waiting.append(action.report)
                self.said_s.append((self.now_s, action.report))
            elif isinstance(action, Alert):
                self.alerts.append(action)
            elif isinstance(action, Read):
                self.read(action.what)
            else:
                self.leave(action)
        self.set_timer()
        self.later(0.01, self.keep)

    def keep(self) -> None:
        """Write what was said into the journal."""
        self.journal += self.waiting
        self.waiting.clear()

    def set_timer(self) -> None:
        """Let the desk go on at its time."""
        self.timer += 1
        due_s = self.desk.due_s(self.now_s)
        if due_s < float("inf"):
            mine = self.timer
            self.later(max(due_s - self.now_s, 0.001), lambda: self.tick(mine))

    def tick(self, timer: int) -> None:
        """Let the desk go on, unless something has happened since."""
        if timer == self.timer:
            self.do(self.desk.go_on(self.now_s))

    # --- the wire -------------------------------------------------------------------------------

    def leave(self, send: Send) -> None:
        """Send a request: written down first, looked at by the guard."""
        if send.verb == "place":
            self.guard.pass_place(send.tag, send.path, send.body)
        else:
            self.guard.pass_change(send.tag, send.path, send.body, cancels=send.verb == "cancel")
        ns = self.ns()
        self.log.append((SENT, sent_facts(send, epoch=self.epoch, day=0, now_ns=ns)))
        chance = self.way.place if send.verb == "place" else self.way.change
        names = [self.way.fixed] if self.way.fixed and send.verb == "place" else list(FAULTS)
        goes_wrong = bool(self.way.fixed and send.verb == "place") or (
            not self.healed and self.random.random() < chance
        )
        name = self.random.choice(names) if goes_wrong else ""
        if name == "403 address" and not self.way.fixed:
            name = "429"  # it stops everything, which is another test
        self.faulted[name] += 1
        epoch = self.epoch
        self.later(self.random.uniform(0.005, 0.2), lambda: self.arrive(send, name, epoch))

    def arrive(self, send: Send, name: str, epoch: int) -> None:
        """Let a request reach the exchange, and its answer begin to come back."""
        fault = FAULTS.get(name)
        answer = self.change_answer if send.verb != "place" else None
        if answer is not None:
            self.later(0.1, lambda: self.answer(send, answer, epoch))
            return
        if fault is None or fault.acts:
            answer = self.carry(send)
        if fault is not None and not (
            fault.acts and answer is not None and answer.outcome != "done"
        ):
            answer = fault.answer()
        assert answer is not None
        wait_s = DEADLINE_S if fault is not None and fault.waits else self.random.uniform(0.01, 0.3)
        self.later(wait_s, lambda: self.answer(send, answer, epoch))

    def carry(self, send: Send) -> Answer:
        """Do what a request asks for."""
        params = dict(parse_qsl(send.body.decode()))
        self.arrived.append((self.now_s, send.verb, send.tag))
        order_id = send.path.rpartition("/")[2]
        if send.verb == "place":
            terms = place_terms(params, "regular", LISTINGS)
            found = terms if isinstance(terms, Refusal) else self.exchange.place(terms, self.ns())
        elif send.verb == "modify":
            changes = changes_of(params)
            found = changes if isinstance(changes, Refusal) else self.exchange.modify(
                order_id, changes, self.ns())  # fmt: skip
        else:
            found = self.exchange.cancel(order_id, self.ns())
        if isinstance(found, Refusal):
            return error(found.code, found.error_type, found.message)
        if send.verb == "place":
            hidden_s = self.way.hidden_s
            hidden_s = self.random.choice((0, 0, 0.5, 8, 90, 120)) if hidden_s < 0 else hidden_s
            self.hidden[found.order_id] = self.now_s + hidden_s
        self.later(self.random.uniform(0.01, 0.1), lambda: self.act(found.order_id))
        return done({"order_id": found.order_id})

    def place_foreign(
        self, qty: int, rupees: float, *, tag: str | None, product: str = "CNC"
    ) -> None:  # fmt: skip
        """Let somebody else place an order."""
        side = "BUY" if qty > 0 else "SELL"
        terms = Terms(
            LISTINGS.all[0], "regular", side, "LIMIT", product, abs(qty), round(rupees * 10_000),
            tag=tag,
        )  # fmt: skip
        order = self.exchange.place(terms, self.ns(), app=False)
        assert isinstance(order, Order)
        self.act(order.order_id)

    def square_off(self) -> None:
        """Let the broker close what is held for the day."""
        self.exchange.square_off(SessionGroup.EQUITY, self.ns())
        self.update()

    def act(self, order_id: str) -> None:
        """Let the exchange act on a request."""
        self.exchange.carry_out(order_id, self.ns())
        self.update()

    def answer(self, send: Send, answer: Answer, epoch: int) -> None:
        """Let an answer come, if its process lives."""
        if epoch == self.epoch:
            self.log.append((ANSWERED, answered_facts(
                send, answer, epoch=epoch, now_ns=self.ns(), took_ms=0)))  # fmt: skip
            if isinstance(answer.data, dict):
                self.guard.know(send.tag, answer.data.get("order_id"))
            self.do(self.desk.answered(send.call, answer, self.now_s))

    def read(self, what: str) -> None:
        """Read a list, or what comes in its place."""
        epoch, took_s = self.epoch, self.random.uniform(0.01, 0.2)
        bad = not self.healed and self.random.random() < self.way.lists
        how = (self.lists_as or self.random.choice(LIST_FAULTS)) if bad else ""
        self.reads += 1
        rows: Any = {
            "book": self.book, "trades": self.executions, "positions": self.positions,
            "holdings": self.holdings, "funds": self.funds, "triggers": list,
            "profile": lambda: PROFILE,
        }[what]()  # fmt: skip
        if how in ("short", "shuffled") and isinstance(rows, list):
            self.random.shuffle(rows)
            rows = rows[: len(rows) // 2] if how == "short" else rows
        instead = {"empty": [], "no list": None}
        answer = done(instead.get(how, rows)) if how != "fails" else unanswered("cut")
        answer = self.list_answer or answer
        self.later(took_s + 5 * (how == "late"), lambda: self.come(what, answer, epoch))

    def come(self, what: str, answer: Answer, epoch: int) -> None:
        """Let a list come, if its process lives."""
        if epoch == self.epoch:
            if what == "book":
                self.guard.read_book(answer.data)
            self.do(self.desk.read(what, answer, self.now_s))

    def book(self) -> list[dict[str, Any]]:
        """Return the order book as it shows itself now."""
        return [
            self.shown(order) for order in self.exchange.orders.values()
            if self.hidden.get(order.order_id, 0.0) <= self.now_s
        ]  # fmt: skip

    def shown(self, order: Order) -> dict[str, Any]:
        """Return an order's row, made once for each of its states."""
        state = (order.status, order.filled, order.qty, order.price, order.request_ts,
                 order.update_ts, len(order.tags))  # fmt: skip
        known = self.rows.get(order.order_id)
        if known is None or known[0] != state:
            known = self.rows[order.order_id] = state, order_row(order, "SIM001")
        return known[1]

    def executions(self) -> list[dict[str, Any]]:
        """Return the trades."""
        if not self.keep_trades:
            return []
        known = self.trade_rows
        known += [trade_row(trade) for trade in self.exchange.trades[len(known) :]]
        return list(known)

    def positions(self) -> dict[str, Any]:
        """Return the positions."""
        quote = self.market.by_key["NSE:INFY"]
        held = self.account.positions.values()
        return {"net": [position_row(one, quote, net=True) for one in held], "day": []}

    def holdings(self) -> list[dict[str, Any]]:
        """Return the shares."""
        quote = self.market.by_key["NSE:INFY"]
        return [holding_row(one, quote) for one in self.account.holdings.values()]

    def funds(self) -> dict[str, Any]:
        """Return the money."""
        blocked = self.exchange.blocked()
        return {"equity": funds_row(self.account, blocked=blocked, commodity=False)}

    def update(self) -> None:
        """Wake the desk for what has changed, some of it twice, late or never."""
        epoch = self.epoch
        for _ in self.exchange.updates:
            if self.random.random() >= self.way.lost_updates:
                self.later(self.random.uniform(0.0, 1.0), lambda: self.wake(epoch))
        self.exchange.updates.clear()

    def wake(self, epoch: int) -> None:
        """Wake the desk."""
        if epoch == self.epoch:
            self.do(self.desk.wake(self.now_s))

    # --- time and market ------------------------------------------------------------------------

    def ns(self) -> int:
        """Return the market's time."""
        return OPEN_NS + round((self.now_s - 1_000) * 1e9)

    def row(self, rupees: float, qty: int) -> dict[str, int]:
        """Return a tick with a book around a price."""
        last = round(rupees * 20) * 500
        return {
            "ts": self.ns(), "last": last, "qty": qty, "bid": last - 500, "bid_qty": qty,
            "ask": last + 500, "ask_qty": qty,
        }  # fmt: skip

    def price(self, rupees: float, qty: int = 10) -> None:
        """Let a price pass."""
        self.exchange.see(self.market.see(0, self.row(rupees, qty)), self.ns())
        self.update()

    def later(self, after_s: float, act: Callable[[], None]) -> None:
        """Do something later."""
        self.count += 1
        heapq.heappush(self.events, (self.now_s + after_s, self.count, act))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end_s = self.now_s + seconds
        while self.events and self.events[0][0] <= end_s:
            self.now_s, _, act = heapq.heappop(self.events)
            act()
        self.now_s = end_s
        self.keep()

    def run_until_quiet(self, seconds: float) -> None:
        """Let time pass until the book has shown everything and nothing is under way."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.run(10)
            shown = self.now_s > max(self.hidden.values(), default=0.0) + IDLE_S + 5
            orders = self.desk.state.orders.values()
            if shown and all(o.is_over or (o.stage is Stage.LIVE and not o.change) for o in orders):
                return

    # --- what must hold -------------------------------------------------------------------------

    def of(self, order: int, *kinds: ReportKind) -> list[Report]:
        """Return what the journal has been told of an order."""
        return [
            one for one in self.journal
            if isinstance(one, Report) and one.order == order and one.kind in kinds
        ]  # fmt: skip

    def check(self) -> None:
        """Hold the journal to the exchange's ledger: I1, I2, I3, I4 and I10."""
        placed = Counter(
            e["tag"] for e in self.ledger.entries if e["kind"] == "placed" and e["app"]
        )
        assert all(count == 1 for count in placed.values()), ("placed twice", placed)
        sent = Counter(facts["tag"] for kind, facts in self.log
                       if kind == SENT and facts["verb"] == "place")  # fmt: skip
        assert all(count == 1 for count in sent.values()), ("sent twice", sent)
        trades = sorted((str(10_000_000 + t.number), t.qty if t.order.terms.buys else -t.qty,
                         t.price) for t in self.exchange.trades if t.order.app)  # fmt: skip
        fills = sorted((one.trade_id, one.qty, one.price) for one in self.journal
                       if isinstance(one, Report) and one.kind == ReportKind.FILLED)  # fmt: skip
        assert fills == trades, ("fills", fills, "trades", trades)
        ours = sum(qty for (row, _), qty in self.desk.state.held.items() if row == 0)
        assert ours == sum(qty for _, qty, _ in trades)
        times = [at for at, _, _ in self.arrived]
        for first, ninth in zip(times, times[8:], strict=False):
            assert ninth - first > 0.8, "more than 8 messages in a second"


assert ROWS[0] is INFY
