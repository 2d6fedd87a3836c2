"""Zerodha as a venue: the gateway of a run, opened with today's session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from alphapanda import log
from alphapanda.brokers.ports import OrderRequest, Report
from alphapanda.brokers.zerodha import sessions
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.clocks import clock_of
from alphapanda.brokers.zerodha.live_feed import LiveFeed
from alphapanda.brokers.zerodha.orders.gateway import Gateway
from alphapanda.brokers.zerodha.orders.opening import Trading, open_gateway
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import Broker
from alphapanda.model.calendar import DAY, IST, Calendar, ist_date, session_group
from alphapanda.model.instruments import Instrument

LOG = log.get("zerodha.orders")
DEPLOYMENT = "AP"
"""On the tags of runs that are no deployment's."""
READY_S = 30.0
"""In which the order book has to be read before anything trades."""


class ZerodhaVenue:
    """Opens the gateway of a run, and lets the feed's updates wake it."""

    broker = Broker.ZERODHA

    def __init__(
        self, settings: Settings, live: LiveFeed, *, instruments: Sequence[Instrument],
        calendar: Calendar, folder: Path,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._live = live
        self._instruments = instruments
        self._calendar = calendar
        self._folder = folder
        self._gateway: Gateway | None = None

    def connect(self, run_id: str, history: Iterable[OrderRequest | Report]) -> Gateway:
        """Return the gateway of a run, which has read the order book.

        Raises:
            NoSessionError: without a session.
            LockError: if another process trades this account's run.
            OutsideError: if Kite does not answer.
        """
        settings, addresses = self._settings, addresses_of(self._settings)
        clock = clock_of(settings, addresses)
        with sessions.database_of(settings) as (runner, database):
            login = sessions.require_valid(
                runner.run(sessions.newest(database, addresses)), clock()
            )  # fmt: skip
        token = sessions.token_of(settings, addresses, login)
        trading = Trading(
            run_id, DEPLOYMENT, self._instruments, self._folder, settings.runs_dir,
            day=(clock() + IST) // DAY, history=history, over=self._over(clock),
        )  # fmt: skip
        gateway = open_gateway(settings, addresses, token, trading=trading)
        self._gateway = gateway
        gateway.start()
        late = getattr(gateway, "wait_ready", lambda s: [])(READY_S)
        if late:
            raise OutsideError(
                f"Zerodha did not say within {READY_S:.0f} s how the account stands "
                f"({', '.join(late)}): nothing was sent; start again"
            )
        self._live.hear = gateway.tell
        self._live.reread = lambda _: gateway.wake()
        return gateway

    def close(self) -> None:
        """End the gateway; what is under way is looked up at the next start."""
        self._live.hear = lambda _: None
        self._live.reread = lambda _: None
        if self._gateway is not None:
            self._gateway.stop()

    def _over(self, clock: Callable[[], int]) -> Callable[[int], bool]:
        def over(row: int) -> bool:
            now = clock()
            group = session_group(self._instruments[row])
            session = self._calendar.session(ist_date(now), group)
            return session is None or now >= session.close

        return over
