"""Zerodha as a venue: the gateway of a run, opened with today's session."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alphapanda import log
from alphapanda.brokers.ports import ForeignOrder, OrderRequest, Report, ReportKind
from alphapanda.brokers.zerodha import sessions
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.clocks import Clock, clock_of
from alphapanda.brokers.zerodha.live_feed import LiveFeed
from alphapanda.brokers.zerodha.orders import adopting
from alphapanda.brokers.zerodha.orders.closing import NAME as CLOSING
from alphapanda.brokers.zerodha.orders.closing import expected_on
from alphapanda.brokers.zerodha.orders.gateway import Gateway
from alphapanda.brokers.zerodha.orders.mornings import listed_otherwise, new_limits
from alphapanda.brokers.zerodha.orders.opening import Trading, open_gateway
from alphapanda.brokers.zerodha.orders.tags import mark_of
from alphapanda.config.settings import Settings
from alphapanda.errors import AlphaPandaError, OutsideError
from alphapanda.events.events import Broker
from alphapanda.model.calendar import DAY, IST, Calendar, ist_date, session_group
from alphapanda.model.charges import Schedule
from alphapanda.model.commands import Choice
from alphapanda.model.instruments import Instrument
from alphapanda.model.limits import RejectionCode

LOG = log.get("zerodha.orders")
READY_S = 30.0
"""In which the order book has to be read before anything trades."""


class ZerodhaVenue:
    """Opens the gateway of a run, and lets the feed's updates wake it."""

    broker = Broker.ZERODHA

    def __init__(
        self, settings: Settings, live: LiveFeed, *, instruments: Sequence[Instrument],
        calendar: Calendar, schedule: Schedule, folder: Path, deployment: str = "",
        products: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self._settings = settings
        self._live = live
        self._instruments = instruments
        self._calendar = calendar
        self._schedule = schedule
        self._folder = folder
        self._mark = mark_of(deployment)
        self._products = products
        self._clock: Clock = time.time_ns
        self._gateway: Gateway | None = None

    def connect(self, run_id: str, history: Iterable[OrderRequest | Report]) -> Gateway:
        """Return the gateway of a run, which has read the order book.

        Raises:
            NoSessionError: without a session.
            LockError: if another process trades this account's run.
            OutsideError: if Kite does not answer.
        """
        settings, addresses = self._settings, addresses_of(self._settings)
        self._clock = clock = clock_of(settings, addresses)
        with sessions.database_of(settings) as (runner, database):
            login = sessions.require_valid(
                runner.run(sessions.newest(database, addresses)), clock()
            )  # fmt: skip
        token = sessions.token_of(settings, addresses, login)
        history, today = list(history), ist_date(clock())
        trading = Trading(
            run_id, self._mark, self._instruments, self._folder, settings.runs_dir,
            day=(clock() + IST) // DAY, history=history, products=self._products,
            over=self._over,
            squares_off=self._squares_off,
            expected=expected_on(self._folder, today),
            changed=listed_otherwise(self._instruments, self._live.instruments, today),
        )  # fmt: skip
        gateway = open_gateway(settings, addresses, token, trading=trading)
        self._gateway = gateway
        gateway.start()
        problems = gateway.wait_ready(READY_S)
        if problems:
            raise OutsideError(
                f"the account is not as it must be before orders are sent: {'; '.join(problems)}"
            )
        gateway.tell(*new_limits(self._instruments, self._live.instruments, history, today))
        self._live.hear = gateway.tell
        self._live.reread = lambda _: gateway.wake()
        self._live.renewed = gateway.use_token
        self._live.mark = lambda rows, stale: gateway.tell(*marked(rows, stale=stale))
        return gateway

    def decide(self, choice: Choice, order_id: str) -> str:
        """Do what an operator has decided about orders; return why it can't be done."""
        gateway = self._gateway
        if gateway is None:
            return "this run sends no orders"
        if choice is Choice.RESUME:
            gateway.resume()
            return ""
        held_up = gateway.desk.state.quarantined
        if order_id not in held_up:
            known = ", ".join(sorted(held_up)) or "none"
            return f"{order_id} is not in quarantine; in it: {known}"
        gateway.ignore(order_id)
        return ""

    def find(self, order_id: str) -> ForeignOrder | str:
        """Return an order of the account that no run sent, or why it can't be taken over."""
        if self._gateway is None:
            return "this run sends no orders"
        return adopting.find(self._gateway.desk.state, order_id)

    def close_day(self) -> str:
        """Compare the day with the broker's books; return what speaks against closing it."""
        gateway = self._gateway
        if gateway is None or not all(map(self._over, range(len(self._instruments)))):
            return ""
        try:
            day = ist_date(self._clock())
            closing = gateway.close_day(self._folder, self._schedule, day)
        except AlphaPandaError as error:
            return f"the day could not be compared with the broker's: {error}"
        LOG.info("day closed", agrees=closing.agrees)
        if closing.agrees:
            return ""
        return f"{self._folder / CLOSING} names what is not the broker's"

    def close(self) -> None:
        """End the gateway; what is under way is looked up at the next start."""
        self._live.hear = lambda _: None
        self._live.reread = lambda _: None
        self._live.renewed = lambda _: None
        self._live.mark = lambda _rows, _stale: None
        if self._gateway is not None:
            self._gateway.stop()

    def _over(self, row: int) -> bool:
        now = self._clock()
        session = self._calendar.session(ist_date(now), session_group(self._instruments[row]))
        return session is None or now >= session.close

    def _squares_off(self, row: int) -> int:
        group = session_group(self._instruments[row])
        session = self._calendar.session(ist_date(self._clock()), group)
        return 0 if session is None or session.square_off is None else session.square_off


def marked(rows: Iterable[int], *, stale: bool) -> Iterator[Report]:
    """Yield that instruments take no new risk while their ticks are missing, or do again."""
    kind = ReportKind.BLOCKED if stale else ReportKind.UNBLOCKED
    for row in rows:
        yield Report(kind, row=int(row), reason=int(RejectionCode.STALE_DATA))
