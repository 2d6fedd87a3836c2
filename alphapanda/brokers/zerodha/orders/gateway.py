"""Orders to Zerodha and reports from there: the shell around a desk, on a thread of its own.

The core hands over requests and takes reports; it never waits for the network. A broken promise
(the egress guard, a full disk) ends the thread: `see_alive` says so, and nothing more leaves.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path

from alphapanda import log
from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report
from alphapanda.brokers.zerodha.answers import Answer
from alphapanda.brokers.zerodha.orders.closing import Closing, charge_rows, close, held_overnight
from alphapanda.brokers.zerodha.orders.desk import Desk
from alphapanda.brokers.zerodha.orders.guard import Guard
from alphapanda.brokers.zerodha.orders.sent import SentLog
from alphapanda.brokers.zerodha.orders.state import Action, Alert, Read, Say, Send
from alphapanda.brokers.zerodha.orders.waking import waker
from alphapanda.brokers.zerodha.orders.wire import Wire
from alphapanda.errors import OutsideError
from alphapanda.model.charges import Schedule

LOG = log.get("zerodha.orders")
LONGEST_S = 1.0
"""Between two looks at the clock."""
STOP_S = 10.0
NAP_S = 0.05
OVER_S = 10.0
"""The longest that the day's end waits for what the broker's books have still to show."""
Alarm = Callable[[Alert], None]
"""Tells a person."""


class Gateway:
    """One account's orders of one run. Everything but `run` may be called from any thread."""

    def __init__(
        self, desk: Desk, wire: Wire, sent: SentLog, *, guard: Guard, alarm: Alarm | None = None,
        lock: int = -1, updates: str = "", family: str = "ipv4",
    ) -> None:  # fmt: skip
        """Put the parts together; `updates` is the address of the stream, empty for none.

        `lock` is the account's, closed in the end.
        """
        self.desk = desk
        self._lock = lock
        self._wire, self._sent, self._guard = wire, sent, guard
        self._alarm = alarm or note
        self._reports: deque[Report] = deque()
        self._came = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._stopping = False
        self._timer: asyncio.TimerHandle | None = None
        self._ended: asyncio.Event | None = None
        self._updates, self._family = updates, family

    # --- for the core's thread ------------------------------------------------------------------

    def start(self) -> None:
        """Begin the thread, which reads the order book at once."""
        self._thread = threading.Thread(target=self._live, name="zerodha orders", daemon=True)
        self._thread.start()
        self._ready.wait()
        self.see_alive()

    def submit(self, requests: Sequence[OrderRequest]) -> None:
        """Hand over requests that are in the journal, on the disk; returns at once.

        Raises:
            EgressError: if the guard has stopped everything.
            OutsideError: if the thread has failed otherwise.
        """
        self.see_alive()
        self._call(partial(self._take, tuple(requests)))

    def wake(self) -> None:
        """Say that an order has changed: the order book is read."""
        self._call(lambda: self._do(self.desk.wake(self._now())))

    def use_token(self, token: str) -> None:
        """Go on with another session."""
        self._wire.use_token(token)
        self._call(lambda: self._do(self.desk.login(self._now())))

    def ignore(self, order_id: str) -> None:
        """Take an order in quarantine for somebody else's, as a person has decided."""
        self._call(lambda: self._do(self.desk.ignore(order_id, self._now())))

    def resume(self) -> None:
        """Take orders again after a halt, as a person has decided who mended its cause."""
        self._call(lambda: self._do(self.desk.resume(self._now())))

    def take(self, wait_s: float = 0.0) -> list[Report]:
        """Return the reports that have come; none, after so many seconds, if none came."""
        with self._came:
            if not self._reports and wait_s > 0:
                self._came.wait(wait_s)
            found = list(self._reports)
            self._reports.clear()
        if not found:
            self.see_alive()
        return found

    def wait_ready(self, timeout_s: float) -> list[str]:
        """Wait until the broker's books were read and compared; return what speaks against trading.

        Strategies do not start before it returns nothing.
        """
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self.see_alive()
            books = self.desk.books
            if books.is_ready or books.problems:
                return list(books.problems.values())
            with self._came:
                self._came.wait(NAP_S)
        return [f"not read within {timeout_s:g} s: {', '.join(sorted(self.desk.books.left))}"]

    def close_day(self, folder: Path, schedule: Schedule, day: date) -> Closing:
        """Compare the day with the broker's once all orders are over, or some do not end.

        What came out is written, and returned.

        Raises:
            OutsideError: if the disk does not take the report.
        """
        state = self.desk.state
        self._look_again(time.monotonic() + OVER_S)
        rows = charge_rows(state)
        answer = self._wire.read("charges", rows).result() if rows else None
        data = [] if answer is None else answer.data
        evening = [self._wire.read(what).result().data for what in ("positions", "holdings")]
        closing = close(
            state, self.desk.books, data, schedule=schedule, day=day, held=held_overnight(*evening)
        )
        closing.write(folder)
        return closing

    # Lists of two moments may differ where nothing does: they are read anew before the last word.
    def _look_again(self, until: float) -> None:
        state, books = self.desk.state, self.desk.books
        before = books.compared
        self._call(lambda: self._do(self.desk.look(self._now())))
        while time.monotonic() < until and (
            books.compared == before or books.is_unsure or not state.is_settled
        ):
            self.see_alive()
            time.sleep(NAP_S)

    def tell(self, *reports: Report) -> None:
        """Let reports through that come from elsewhere, as from the feed."""
        with self._came:
            self._reports.extend(reports)
            self._came.notify_all()

    def see_alive(self) -> None:
        """See that the thread goes on.

        Raises:
            AssertionError: if the guard stopped it.
            OutsideError: if it failed otherwise.
        """
        failure = self._failure
        if isinstance(failure, (AssertionError, OutsideError)):
            raise failure
        if failure is not None:
            raise AssertionError(f"the order gateway failed: {failure!r}") from failure

    def stop(self) -> None:
        """End the thread; requests under way are looked up at the next start."""
        if self._thread is not None:
            self._stopping = True
            if self._ended is not None:
                self._call(self._ended.set)
            self._thread.join(STOP_S)
        self._wire.close()
        self._sent.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def approve(self, requests: Iterable[OrderRequest]) -> None:
        """Tell the guard of requests that are in the journal."""
        state = self.desk.state
        for request in requests:
            tag = state.tags.of(request.order)
            if request.verb == RequestVerb.NEW:
                self._guard.approve(tag, request, state.instruments[request.row])
            elif request.verb == RequestVerb.ADOPT:
                self._guard.adopt(tag, request, state.instruments[request.row])
            else:
                self._guard.approve_change(tag, request)

    # --- the port -------------------------------------------------------------------------------

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Send requests that are already in the journal, on the disk; each one once."""
        self.submit(requests)

    async def reports(self) -> AsyncIterator[Report]:
        """Yield what the broker says of orders, as it comes."""
        while not self._stopping:
            for report in await asyncio.to_thread(self.take, LONGEST_S):
                yield report

    async def open_orders(self) -> Sequence[Report]:
        """Return what waits to be told, and the state of every order that is open at the broker."""
        return [*self.take(), *self.desk.reports()]

    # --- on the thread --------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001 (whoever calls next is told)
            self._failure = error
            LOG.error("order gateway stopped", why=str(error))  # noqa: TRY400
        finally:
            self._ready.set()
            with self._came:
                self._came.notify_all()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ready.set()
        self._do(self.desk.go_on(self._now()))
        stream = None
        if self._updates:
            ticker = waker(self._updates, self._wire, self.wake, family=self._family)
            stream = asyncio.create_task(ticker.run())
        await self._ended.wait()
        if stream is not None:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    def _now(self) -> float:
        return time.monotonic()

    def _call(self, what: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._guarded, what)

    # A broken promise ends the thread: the loop would only log what a callback raises.
    def _guarded(self, what: Callable[[], None]) -> None:
        assert self._ended is not None
        if self._failure is not None:
            return
        try:
            what()
        except BaseException as error:  # noqa: BLE001
            self._failure = error
            self._ended.set()

    def _take(self, requests: Sequence[OrderRequest]) -> None:
        self.approve(requests)
        self._do(self.desk.take(requests, self._now()))

    def _do(self, actions: Sequence[Action]) -> None:
        said = []
        for action in actions:
            if isinstance(action, Send):
                self._send(action)
            elif isinstance(action, Read):
                call = self._wire.read(action.what)
                self._then(call, partial(self._was_read, action.what))
            elif isinstance(action, Say):
                said.append(action.report)
            else:
                self._alarm(action)
        if said:
            with self._came:
                self._reports.extend(said)
                self._came.notify_all()
        self._set_timer()

    def _send(self, send: Send) -> None:
        if send.verb == "place":
            self._guard.pass_place(send.tag, send.path, send.body)
        else:
            cancels = send.verb == "cancel"
            self._guard.pass_change(send.tag, send.path, send.body, cancels=cancels)
        begun = time.monotonic()
        self._sent.sending(send, time.time_ns())
        self._then(self._wire.send(send), partial(self._was_answered, send, begun))

    def _was_answered(self, send: Send, begun: float, answer: Answer) -> None:
        took_ms = round(1_000 * (time.monotonic() - begun))
        self._sent.answered(send, answer, time.time_ns(), took_ms)
        LOG.info(
            "order request", verb=send.verb, order=send.order, tag=send.tag, took_ms=took_ms,
            outcome=answer.outcome, status=answer.status, why=answer.text,
        )  # fmt: skip
        if isinstance(answer.data, dict):
            self._guard.know(send.tag, answer.data.get("order_id"))
        self._do(self.desk.answered(send.call, answer, self._now()))

    def _was_read(self, what: str, answer: Answer) -> None:
        if what == "book":
            self._guard.read_book(answer.data)
        self._do(self.desk.read(what, answer, self._now()))

    def _then(self, call: Future[Answer], act: Callable[[Answer], None]) -> None:
        call.add_done_callback(lambda done: self._call(lambda: act(done.result())))

    def _set_timer(self) -> None:
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        now_s = self._now()
        wait_s = min(max(self.desk.due_s(now_s) - now_s, 0.0), LONGEST_S)
        self._timer = self._loop.call_later(wait_s, self._guarded, self._tick)

    def _tick(self) -> None:
        self._do(self.desk.go_on(self._now()))


def note(alert: Alert) -> None:
    """Write an alert into the log."""
    LOG.warning("order alert", alert=alert.word, why=alert.text, order=alert.order)
