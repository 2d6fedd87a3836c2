"""Kite's live ticks as a source: rows as they arrive, and the clock each second of a session."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from alphapanda import log
from alphapanda.brokers.pacing import NAP_S
from alphapanda.brokers.ports import Origin, Report
from alphapanda.brokers.zerodha import sessions
from alphapanda.brokers.zerodha.addresses import Addresses
from alphapanda.brokers.zerodha.clocks import Clock, time_text
from alphapanda.brokers.zerodha.dialling import Limits
from alphapanda.brokers.zerodha.gaps import Gaps
from alphapanda.brokers.zerodha.inbox import Inbox
from alphapanda.brokers.zerodha.limits_of_day import EVERY_S, LimitsOfDay, Read
from alphapanda.brokers.zerodha.packets import decode
from alphapanda.brokers.zerodha.sessions import NoSessionError
from alphapanda.brokers.zerodha.sieve import Sieve
from alphapanda.brokers.zerodha.ticker import PER_CONNECTION, Session, State, Ticker
from alphapanda.bus.feed_sender import messages
from alphapanda.bus.publisher import Publisher
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.feeds import Feed, LiveGap, Portion, live_gap
from alphapanda.model.calendar import Calendar, Phase, day_start_ns, ist_date, session_group
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument
from alphapanda.net.tasks import see_alive
from alphapanda.store.database import Database

LOG = log.get("zerodha.feed")
SECOND = 10**9
CONNECTIONS = 3
COLUMNS = frozenset({"last", "qty", "volume", "bid", "bid_qty", "ask", "ask_qty", "oi"})
AFTER_NS = 60 * SECOND
"""Behind the day's last phase, for what is still on its way."""
SLOW = 5
"""The part of the lag at which rows are dropped that is said in the log: 2 s of 10."""
NOTHING = Columns.of()


def feed_of(instruments: Sequence[Instrument], day: date) -> Feed:
    """Return what the rows of a day will be."""
    names = tuple(instrument.name for instrument in instruments)
    own = hashlib.sha256(repr((str(day), names)).encode()).hexdigest()[:12]
    return Feed(f"kite:{day}-{own}", "tick", 0, COLUMNS, names, tuple(instruments), (day,), None)


class Hours:
    """The phases of a day of some instruments, on the run's calendar."""

    def __init__(self, calendar: Calendar, instruments: Sequence[Instrument], day: date) -> None:
        groups = {session_group(instrument) for instrument in instruments}
        found = [calendar.session(day, group) for group in groups]
        self.sessions = [session for session in found if session is not None]
        self.always = calendar.is_always

    @property
    def begin(self) -> int:
        """When the first phase of the day begins."""
        return min(session.changes[0].ts for session in self.sessions)

    @property
    def end(self) -> int:
        """When the last phase of the day has ended."""
        return max(session.changes[-1].ts for session in self.sessions)

    def running(self, ts: int) -> bool:
        """Say if the clock has to go on: from the first phase to the last."""
        return self.always or self.begin <= ts <= self.end

    def trading(self, ts: int) -> bool:
        """Say if somewhere is continuous trading, so that ticks come."""
        for session in self.sessions:
            phase = Phase.CLOSED
            for change in session.changes:
                phase = change.phase if change.ts <= ts else phase
            if phase is Phase.OPEN:
                return True
        return False

    def refuse_over(self, now_ns: int, *, goes_on: bool = False) -> None:
        """Refuse a day without sessions, or one that is over, but to a run that goes on."""
        if self.always:
            return
        if not self.sessions:
            raise UsageError(f"--feed kite: {ist_date(now_ns)} is no trading day")
        if now_ns > self.end and not goes_on:
            raise UsageError(
                f"--feed kite: it is {time_text(now_ns)}: trading is over for today, since "
                f"{time_text(self.end)}"
            )


class LiveFeed:
    """The connections of a feed: a part that lives as long as the process."""

    def __init__(
        self, settings: Settings, addresses: Addresses, instruments: Sequence[Instrument], *,
        clock: Clock, hours: Hours, limits: Limits | None = None, late_ns: int, feed: str = "",
        read: Read | None = None, every_s: float = EVERY_S,
    ) -> None:  # fmt: skip
        tokens = [instrument.token for instrument in instruments]
        self.instruments = instruments
        """As today's list has them; the token 0 of one that it does not have."""
        self.inbox = Inbox()
        self.sieve = Sieve(tokens, late_ns=late_ns)
        for row, each in enumerate(instruments):
            self.sieve.limit(row, each.lower_circuit, each.upper_circuit)
        self.gaps = Gaps(len(tokens))
        self.hear: Callable[[Report], None] = lambda _: None
        """Takes new circuit limits, as reports; called on the loop of the process's parts."""
        self.mark: Callable[[Sequence[int], bool], None] = lambda _rows, _stale: None
        """Told of instruments, by their rows, that are stale from now on, and of those that are not
        any more. The core refuses orders at their old prices by itself, once these are too old."""
        self.reread: Callable[[str], None] = lambda _: None
        """Told that the order book may have changed: with an order's id out of an update, or with
        nothing when a connection was made again, and updates may have been missed."""
        self.renewed: Callable[[str], None] = lambda _: None
        """Given the token of a session that is another than before: somebody has logged in again.
        Called on the loop of the process's parts, before the connection is dialled."""
        self.torn = self.unknown = 0
        self.lost = 0
        """Times that a connection was lost."""
        self.clock, self.hours = clock, hours
        self._settings, self._addresses = settings, addresses
        self._database = Database(settings)
        self._key = settings.zerodha.api_key.get_secret_value()
        self._newest: Session | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._feed = feed
        self._publisher = Publisher(settings) if settings.bus.enabled and feed else None
        self._telling: set[asyncio.Task[None]] = set()
        self._told: list[LiveGap] = []
        self._limits = read and LimitsOfDay(instruments, read, clock, self._say, every_s=every_s)
        self._said_slow, self._slow_ns = float("-inf"), late_ns // SLOW
        self._guard = threading.Lock()
        """Over the sieve and what it gave: rows and the clock must come in the order of time."""
        self.waits = False
        """Whether connections are dialled only once rows are wanted: a run that goes on reads its
        journal first, and what came meanwhile would be old."""
        self._wanted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stops = 0
        """Times that a run went on: what came while it stood was not seen."""
        self.tickers = [
            Ticker(
                addresses.feed, [t for t in tokens[at : at + PER_CONNECTION] if t], self._session,
                self._take,
                noticed=self._noticing(range(at, min(at + PER_CONNECTION, len(tokens)))),
                market_open=lambda: hours.trading(clock()),
                family=settings.zerodha.address_family, limits=limits,
            )
            for at in range(0, len(tokens), PER_CONNECTION)
        ]  # fmt: skip

    async def start(self) -> None:
        """Open the database, and begin to dial."""
        await self._database.start()
        if self._publisher is not None:
            await self._publisher.start()
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._dial(ticker)) for ticker in self.tickers]
        if self._limits:
            self._tasks.append(asyncio.create_task(self._limits.run()))

    def want(self) -> None:
        """Let the connections be dialled; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def _dial(self, ticker: Ticker) -> None:
        if self.waits:
            await self._wanted.wait()
        await ticker.run()

    async def stop(self) -> None:
        """Close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await asyncio.gather(*self._telling, return_exceptions=True)
        if self._publisher is not None:
            await self._publisher.stop()
        await self._database.stop()

    async def health(self) -> None:
        """See that the connections are kept.

        Raises:
            OutsideError: if one is not.
        """
        self.see_alive()

    def see_alive(self) -> None:
        """See that no connection has ended for good; from any thread.

        Raises:
            OutsideError: if one has.
        """
        for task in self._tasks:
            see_alive(task, "feed of Kite")

    @property
    def dropped(self) -> Mapping[str, int]:
        """What came and was not passed on, or came too late, by reason."""
        counts = self.sieve.counts
        found = {
            "exact repeats": counts.repeats, "of instruments not asked for": counts.foreign,
            "overtaken before they were read": self.inbox.overtaken,
            "packets of unknown length": self.unknown, "torn frames": self.torn,
            "connections lost": self.lost, "gaps, in which nothing could come": self.gaps.count,
            "times that circuit limits were not read": self._limits.failed if self._limits else 0,
            "stops, during which nothing was seen": self.stops,
            **counts.quarantined,
        }  # fmt: skip
        return {name: number for name, number in found.items() if number}

    # A database that is away when a connection is lost must not end a day's feed: the session that
    # was good before is tried, and Kite says whether it still is.
    async def _session(self) -> Session | None:
        before = self._newest
        try:
            self._newest = await self._stored()
        except NoSessionError:
            raise
        except OutsideError as error:
            LOG.warning("session not read, the one before is used", why=str(error))
        if self._newest is not None and before not in (None, self._newest):
            self.renewed(self._newest.token)
        return self._newest

    async def _stored(self) -> Session | None:
        login = await sessions.newest(self._database, self._addresses)
        now_ns = await asyncio.to_thread(self.clock)
        if login is None or now_ns >= login.expires_ns:
            return None
        return Session(self._key, sessions.token_of(self._settings, self._addresses, login))

    def _take(self, frame: bytes) -> None:
        found = decode(frame)
        self.torn += found.torn
        self.unknown += found.skipped.total()
        if len(found.ticks):
            now_ns = self.clock()
            with self._guard:
                rows = self.sieve.take(found.ticks, now_ns)
                self.inbox.put(rows)
            self._see_fresh(rows)
            self._see_lag()

    def reach(self, ts: int) -> tuple[Columns, int]:
        """Return the rows that wait, and the time behind them that the clock may be set to."""
        with self._guard:
            return self.inbox.take(0), self.sieve.reach(ts)

    def _see_lag(self) -> None:
        now = time.monotonic()
        if self.sieve.lag_ns > self._slow_ns and now - self._said_slow > 60:
            self._said_slow = now
            LOG.warning("ticks are late", lag_ms=self.sieve.lag_ns // 10**6)

    def _say(self, report: Report) -> None:
        self.sieve.limit(report.row, report.price, report.trigger)
        self.hear(report)

    def take_gaps(self) -> Sequence[LiveGap]:
        """Return the gaps that have ended since the last call; from any thread."""
        told, self._told = self._told, []
        return told

    # What a connection says of itself, with the rows of its instruments.
    def _noticing(self, rows: range) -> Callable[[str, str], None]:
        opened = [0]

        def notice(what: str, why: str) -> None:
            if what == State.DIALLING and why:
                self.lost += 1
            if what == State.AUTH_LOST:
                LOG.error("no session for the feed: alphapanda login zerodha", why=why)
            if opened[0] and ((what == State.DIALLING and why) or what == State.AUTH_LOST):
                self._lose(rows, why)
            if what == State.OPEN:
                opened[0] += 1
                if opened[0] > 1:
                    self.reread("")
            elif what == "order":
                self.reread(why)

        return notice

    def _lose(self, rows: range, why: str) -> None:
        after_ns = self.sieve.reach(0) or self.clock()
        self.mark(self.gaps.lose(rows.start, rows, after_ns, why), True)

    def _see_fresh(self, rows: Columns) -> None:
        if fresh := self.gaps.see(rows):
            self.mark(fresh, False)
        ended = self.gaps.take()
        self._told += ended
        for gap in ended:
            LOG.warning("gap in the feed", after_ns=gap.after_ns, before_ns=gap.before_ns,
                        instruments=gap.instruments, why=gap.why)  # fmt: skip
        if ended and self._publisher is not None:
            events = [live_gap(self._feed, self.sieve.counts.passed, gap) for gap in ended]
            task = asyncio.get_running_loop().create_task(self._publisher.insist(messages(events)))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)


class LiveSource:
    """The rows of a live feed, from now to the end of the day's last session."""

    def __init__(
        self, live: LiveFeed, feed: Feed, *, today: date, notes: tuple[str, ...] = (),
        simulator: float | None = None,
    ) -> None:  # fmt: skip
        self.feed = feed
        """That of the run's first day, of one that goes on."""
        self.today = today
        self.simulator = simulator
        """How fast its day passes, if it is one; 0 in steps."""
        self.part: Any = live
        self._live = live
        self._notes = notes

    @property
    def past_ns(self) -> int:
        """The time up to which nobody can trade any more: all of today once it is over."""
        now_ns, hours = self._live.clock(), self._live.hours
        over = not hours.always and now_ns > hours.end
        return now_ns if over else day_start_ns(self.today)

    @property
    def origin(self) -> Origin:
        """The broker; what was dropped so far."""
        return Origin((f"kite:{self.feed.id}",), (), self._notes, self._live.dropped)

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield rows as they come, and the time each second; what came before now is lost.

        Rows that a stopped run has had lie behind it: `taken` moves nothing in a live feed.
        """
        live, hours = self._live, self._live.hours
        live.stops += taken > 0
        live.want()
        told_s = 0
        while not stopping():
            live.see_alive()
            rows = live.inbox.take(NAP_S)
            now_ns = live.clock()
            yield Portion(0, rows)
            second = now_ns // SECOND
            if second > told_s and hours.running(now_ns):
                told_s = second
                rows, reached_ns = live.reach(second * SECOND)
                if rows.rows:
                    yield Portion(0, rows)
                yield Portion(0, NOTHING, reached_ns)
            if not hours.always and now_ns > hours.end + AFTER_NS:
                return
