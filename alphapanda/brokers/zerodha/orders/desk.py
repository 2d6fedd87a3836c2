"""The orders of one run at one broker, as a machine without clock and I/O.

An event goes in, actions come out: whoever runs it tells the time and does them in order. A `Send`
is on the disk before its first byte leaves, and leaves once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.brokers.zerodha.answers import Answer, Outcome
from alphapanda.brokers.zerodha.orders import (
    adopting,
    changing,
    following,
    foreign,
    placing,
    reconciling,
)
from alphapanda.brokers.zerodha.orders.reading import (
    Cache,
    OrderRow,
    order_row,
    read_list,
    trade_row,
)
from alphapanda.brokers.zerodha.orders.reconciling import Books
from alphapanda.brokers.zerodha.orders.state import (
    CANCELS,
    Action,
    Alert,
    Read,
    Stage,
    State,
    Tracked,
)
from alphapanda.brokers.zerodha.orders.why import Why

MOST_CALLS = 8
"""Under way at once."""
FOR_CANCELS = 2
"""Of them, that wait for cancellations."""
LEAST_S = 0.25
"""Between two reads of the order book."""
UNKNOWN_S, WORKING_S, IDLE_S = 3.0, 5.0, 30.0
"""Between reads while an order is unknown, while one works, and otherwise."""
SETTLING_S = 2.0
"""The longest wait for a read behind something that has just happened to an order."""
REFUSED_S = 30.0
"""Between reads while there is no session."""
BAD_READS = 5
"""In a row, before a person is told."""


class Desk:
    """Give it what happens; take what it wants done."""

    def __init__(self, state: State, books: Books | None = None) -> None:
        self.state = state
        self.books = books or Books()
        self._reading: dict[str, float] = {}
        self._read_s = float("-inf")
        self._book_due = float("-inf")
        self._bad = 0
        self._trades_wanted = False
        self._rows, self._executions = Cache("order_id"), Cache("trade_id")

    # --- events ---------------------------------------------------------------------------------

    def take(self, requests: Iterable[OrderRequest], now_s: float) -> list[Action]:
        """Take requests that the journal has, in its order; cancellations leave before others."""
        for request in requests:
            assert request.order > 0, f"a request of order {request.order}"
            if request.verb == RequestVerb.NEW:
                placing.take(self.state, request, now_s)
            elif request.verb == RequestVerb.ADOPT:
                adopting.take(self.state, request, now_s)
                self._want(now_s)
                self.books.want("positions", now_s)
            else:
                changing.take(self.state, request, now_s)
        return self.go_on(now_s)

    def answered(self, call: int, answer: Answer, now_s: float) -> list[Action]:
        """Take the answer to a call, or that none came."""
        tracked, change = self.state.calls.pop(call)
        if change is None:
            placing.answered(self.state, tracked, answer, now_s)
            changing.begin_next(self.state, tracked, now_s)
        else:
            changing.answered(self.state, tracked, change, answer, now_s)
        self._want(now_s)
        return self.go_on(now_s)

    def wake(self, now_s: float) -> list[Action]:
        """Read the book: somebody says that an order has changed."""
        self._want(now_s)
        return self.go_on(now_s)

    def look(self, now_s: float) -> list[Action]:
        """Read book, trades and positions anew: the day is about to be closed."""
        self._trades_wanted = True
        self.books.want("positions", now_s)
        return self.wake(now_s)

    def read(self, what: str, answer: Answer, now_s: float) -> list[Action]:
        """Take a list that was read."""
        begun_s = self._reading.pop(what)
        if answer.outcome is Outcome.RATE_LIMITED:
            self.state.budget.slow_down(now_s, placing.SLOWER_S)
        if answer.outcome is Outcome.AUTH_LOST:
            placing.halt(self.state, Why.AUTH, answer.text)
        elif what == "book":
            self._take_book(answer, begun_s, now_s)
        elif what == "trades":
            self._take_trades(answer, now_s)
        else:
            reconciling.take(self.state, self.books, what, answer, now_s)
        if answer.outcome is Outcome.AUTH_LOST and what != "book":
            self.books.want(what, now_s + REFUSED_S)
        if what == "book":
            self._read_s = now_s
            self._book_due = now_s + self.interval_s(now_s)
        return self.go_on(now_s)

    def go_on(self, now_s: float) -> list[Action]:
        """Do what its time has come for, and return all that is to be done."""
        self._send(now_s)
        if "book" not in self._reading and now_s >= self._next_read():
            self._begin("book", now_s)
        if self._trades_wanted and "trades" not in self._reading and self._may_read(now_s):
            self._trades_wanted = False
            self._begin("trades", now_s)
        self._reconcile(now_s)
        actions, self.state.actions = self.state.actions, []
        return actions

    # Book and trades have their own times; the rest is read when it is wanted.
    def _reconcile(self, now_s: float) -> None:
        for what in self.books.due(now_s):
            if what in ("book", "trades"):
                del self.books.wanted[what]
                self._trades_wanted |= what == "trades"
            elif what not in self._reading and self._may_read(now_s):
                del self.books.wanted[what]
                self._begin(what, now_s)

    def due_s(self, now_s: float) -> float:
        """Return when `go_on` has something to do, if nothing happens before."""
        due = self._next_read() if "book" not in self._reading else float("inf")
        if self.state.queue and self._has_room(self.state.queue[0].priority):
            due = min(due, self.state.budget.due(now_s))
        if self._trades_wanted and "trades" not in self._reading:
            due = min(due, self.state.budget.read_due(now_s))
        if self.books.wanted:
            next_s = min(self.books.wanted.values())
            due = min(due, max(next_s, self.state.budget.read_due(now_s)))
        return due

    def login(self, now_s: float) -> list[Action]:
        """Take orders again after a new login, once the book can be read."""
        self._want(now_s)
        self._read_s = float("-inf")
        return self.go_on(now_s)

    def ignore(self, order_id: str, now_s: float) -> list[Action]:
        """Take an order in quarantine for somebody else's, as a person has decided."""
        if order_id in self.state.quarantined:
            foreign.release(self.state, order_id)
        return self.go_on(now_s)

    def resume(self, now_s: float) -> list[Action]:
        """Take orders again after a halt, as a person has decided who mended its cause."""
        for why in (Why.IP, Why.SYNC):
            self.state.unblock(-1, why)
        return self.go_on(now_s)

    # --- sending --------------------------------------------------------------------------------

    def _has_room(self, priority: int) -> bool:
        return len(self.state.calls) < MOST_CALLS - (0 if priority == CANCELS else FOR_CANCELS)

    def _send(self, now_s: float) -> None:
        state = self.state
        while state.queue and self._has_room(state.queue[0].priority):
            if state.budget.due(now_s) > now_s:
                return
            waiting = heapq.heappop(state.queue)
            tracked = state.orders[waiting.order]
            if waiting.change is not None:
                changing.leave(state, tracked, waiting.change, now_s)
            elif tracked.stage is Stage.QUEUED:
                placing.leave(state, tracked, now_s)

    # --- reading --------------------------------------------------------------------------------

    def _want(self, now_s: float) -> None:
        self._book_due = min(self._book_due, now_s)

    def _next_read(self) -> float:
        if Why.AUTH in self.state.blocks.get(-1, ()):
            return self._read_s + REFUSED_S
        due = max(self._book_due, self._read_s + LEAST_S)
        return max(due, self.state.budget.read_due(due))

    def _may_read(self, now_s: float) -> bool:
        return self.state.budget.read_due(now_s) <= now_s

    def _begin(self, what: str, now_s: float) -> None:
        self.state.budget.note_other(now_s)
        self._reading[what] = now_s
        self.state.actions.append(Read(what))

    def interval_s(self, now_s: float) -> float:
        """Return how long the book may wait to be read again."""
        alive = [one for one in self.state.orders.values() if not one.is_over]
        if not alive:
            return IDLE_S
        newest = max(one.changed_s for one in alive)
        settling = max(LEAST_S, (now_s - newest) / 2)
        doubt = any(one.stage in (Stage.UNKNOWN, Stage.CONFIRMING) for one in alive)
        pending = any(one.change is not None or not one.acknowledged for one in alive)
        if (pending or now_s - newest < SETTLING_S) and settling < SETTLING_S:
            return settling
        return UNKNOWN_S if doubt else WORKING_S

    def _take_book(self, answer: Answer, begun_s: float, now_s: float) -> None:
        state = self.state
        found = (
            read_list(answer.data, order_row, self._rows)
            if answer.outcome is Outcome.DONE
            else None
        )
        if found is None:
            self._note_bad(answer.text or "no list")
            return
        state.unblock(-1, Why.AUTH)
        rows: Sequence[OrderRow] = found.rows
        ids = {row.order_id for row in rows}
        missing = state.seen - ids
        state.seen |= ids
        for row in sorted(rows, key=lambda one: (len(one.order_id), one.order_id)):
            tracked = self._owner(row, now_s)
            if tracked is None:
                if foreign.see(state, row):
                    self._trades_wanted = True
                    self.books.want("positions", now_s)  # one of ours may be closed by it
            else:
                following.see(state, tracked, row, begun_s, now_s)
                changing.begin_next(state, tracked, now_s)
        if missing or found.odd:
            self._note_bad(f"{len(missing)} orders are missing, {len(found.odd)} are odd"
                           f"{': ' + found.odd[0] if found.odd else ''}")  # fmt: skip
        else:
            self._bad = 0
            self._take_absence(begun_s)
            self.books.done("book", now_s, good=True)
            reconciling.begin(state, self.books, now_s)
        self._trades_wanted |= following.wants_trades(state)

    # The order of a row: by its number, or by its tag where the number is not known yet. Only the
    # tag is ours: a number that an answer gave, and the book shows under another tag, was not its.
    def _owner(self, row: OrderRow, now_s: float) -> Tracked | None:
        state = self.state
        tracked = state.by_id.get(row.order_id)
        owner = next((state.by_tag[tag] for tag in row.tags if tag in state.by_tag), None)
        if owner is None or owner is tracked or (tracked is not None and tracked.request.adopts):
            return tracked
        if owner.status:  # the book has shown it by another number
            state.alert("doubled", f"{owner.tag} is {owner.broker_id} and {row.order_id}", owner)
            state.block(-1, Why.SYNC, f"two orders bear the tag {owner.tag}")
        elif owner.broker_id or tracked is not None:
            text = f"{row.order_id} bears {owner.tag}, and an answer gave it another number"
            state.alert("answers crossed", text)
            state.block(-1, Why.SYNC, text)
        if tracked is not None:
            placing.forget_number(state, tracked, now_s)
        if owner.status:
            return None
        placing.forget_number(state, owner, now_s)
        placing.adopt(state, owner, row.order_id, now_s)
        return owner

    def _take_absence(self, begun_s: float) -> None:
        for tracked in list(self.state.orders.values()):
            if tracked.stage in (Stage.UNKNOWN, Stage.CONFIRMING):
                placing.absent(self.state, tracked, begun_s)

    def _note_bad(self, why: str) -> None:
        self._bad += 1
        if self._bad == BAD_READS:
            self.state.actions.append(Alert("order book", f"no good read in {BAD_READS}: {why}"))

    def _take_trades(self, answer: Answer, now_s: float) -> None:
        found = (
            read_list(answer.data, trade_row, self._executions)
            if answer.outcome is Outcome.DONE
            else None
        )
        if found is None or found.odd:
            self.books.want("trades", now_s + reconciling.AGAIN_S)
        if found is None:
            return
        for text in found.odd:
            self.state.alert("odd trade", text)
        self.books.trades = found.rows
        booked = following.book_trades(self.state, found.rows, now_s)
        following.compare(self.state, now_s)
        if not found.odd:
            self.books.done("trades", now_s, good=True)
            reconciling.begin(self.state, self.books, now_s)
        if booked:
            self._want(now_s)  # an end may wait for them

    def reports(self) -> list[Report]:
        """Return by which terms each order works that the book has shown."""
        return [
            Report(
                int(ReportKind.ACKNOWLEDGED), one.order, one.row, one.terms.qty, one.terms.price,
                one.terms.trigger, broker_order_id=one.broker_id,
            )
            for one in list(self.state.orders.values())
            if one.stage is Stage.LIVE and one.acknowledged
        ]  # fmt: skip
