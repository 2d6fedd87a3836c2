"""Fans out what changes to all who watch; nobody is given what is another owner's.

One watch of the board and one look at the tables a process, however many they are.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from alphapanda import log
from alphapanda.api.answers import ApiError
from alphapanda.api.auth import AuthService
from alphapanda.api.clients import EXPIRED, RESTART, REVOKED, Client
from alphapanda.api.foreign import health_for
from alphapanda.api.frames import Frame
from alphapanda.api.log_files import LogFiles, may_see
from alphapanda.api.scopes import TOPICS
from alphapanda.api.table_feed import TableFeed, Told
from alphapanda.api.who import Who
from alphapanda.config.settings import Settings
from alphapanda.errors import AlphaPandaError, OutsideError
from alphapanda.events.events import SHARED
from alphapanda.events.topics import BROKERS
from alphapanda.net import tasks
from alphapanda.projection.live import Change, Live, LocalLive, Memory, Parts
from alphapanda.store.database import Database

LOG = log.get(__name__)
RING = 2_000
WATCHED_S, IDLE_S = 0.5, 2.0
"""How often the tables are looked at, with somebody who watches and without."""
CHECK_S = 15.0
WHOLE_S = 5.0
OF_SYSTEM = ("session_phase", "feed_state", "feed_gap")
"""Words about the system that concern no owner's run: the installation's owner sees them."""


class Watcher(Protocol):
    """What the hub asks the monitor."""

    def health(self) -> Any:
        """Return the last look at every part."""

    def pipeline(self) -> Any:
        """Return figures beside those of the stages."""


class Kept(NamedTuple):
    """An event that can be sent again to one who was away."""

    number: int
    owner: str
    run: str
    frame: Frame


class Hub:
    """The board of all runs, their owners, and who watches them; a long-lived part."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.auth: AuthService | None = None
        self.monitor: Watcher | None = None
        self.memory = Memory()
        self.tables = TableFeed(settings, database)
        self.logs = LogFiles(settings)
        self.local_owner: Callable[[str], str | None] = lambda _: None
        """Returns the owner of a run of this machine that the tables may not have."""
        self.cut_off: Callable[[Any], None] = lambda _: None
        """Breaks a connection off, by its peer, at once; the server brings it."""
        self.cut: Counter[str] = Counter()
        """Streams that were ended, by the reason."""
        self.epoch = secrets.token_hex(4)
        self.board: Live
        self.clients: set[Client] = set()
        self._ring: deque[Kept] = deque(maxlen=RING)
        self._number = 0
        self._ending = False
        self._came = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to watch the board and to look at the tables."""
        self.board = board_of(self.settings)
        await self.board.start()
        with suppress(AlphaPandaError):
            await self.look()
        loops = [self._watch(broker) for broker in (*BROKERS, SHARED)]
        loops += [self._look(), self._check(), self._tail(), self._whole()]
        self._tasks = [asyncio.create_task(loop, name="hub") for loop in loops]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Let everybody go, and end."""
        self.let_go()
        await tasks.end(self._tasks)
        if self._tasks:
            self._tasks = []
            await self.board.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a mistake of ours: nobody is to watch what stands still
            LOG.error("what the streams are fed by has ended", exc_info=error)
            self.let_go()

    def let_go(self) -> None:
        """Say goodbye to all who watch, before the server closes; nobody new is let in."""
        self._ending = True
        for client in self.clients:
            client.end(RESTART)

    # --- who watches --------------------------------------------------------------------------

    def enter(self, client: Client, after: str = "") -> list[Frame]:
        """Let somebody watch, and return what he is sent first; `after` is the last id he had.

        Raises:
            ApiError: if too many watch.
        """
        if self._ending:
            raise ApiError(503, "the API is stopping", headers={"Retry-After": "2"})
        limits = self.settings.api
        mine = sum(each.who.user == client.who.user for each in self.clients)
        if mine >= limits.streams_per_user or len(self.clients) >= limits.streams:
            raise ApiError(429, "too many streams at once: close one", headers={"Retry-After": "5"})
        self.clients.add(client)
        self._came.set()
        first, reset = self._missed(client, after)
        topics = sorted(client.watched.topics)
        hello = {
            "server": "alphapanda", "epoch": self.epoch, "topics": topics, "now": time.time_ns(),
            "reset": reset,
        }  # fmt: skip
        self.show_all(client)
        return [Frame("hello", hello), *first]

    def leave(self, client: Client, reason: str = "") -> None:
        """Let somebody go who has gone, or was too slow."""
        if client in self.clients:
            self.clients.discard(client)
            self.cut[client.bye or reason or "left"] += 1

    def show_all(self, client: Client) -> None:
        """Note for somebody all that he may see, from nothing."""
        client.begin_anew()
        for change in self.memory.everything():
            if self._concerns(client, change):
                client.note(*change[1:])
        if client.sees("pipeline"):
            client.tell("pipeline", self._pipeline(client.who.owner))
        if client.sees("health") and self.monitor is not None:
            self._health(client, self.monitor.health())
        client.wake.set()

    def _missed(self, client: Client, after: str) -> tuple[list[Frame], bool]:
        if not after:
            return [], False
        epoch, _, number = after.partition(":")
        oldest = self._ring[0].number if self._ring else self._number + 1
        known = epoch == self.epoch and number.isdigit() and len(number) < 16
        if not known or not oldest - 1 <= int(number) <= self._number:
            return [], True
        return [
            kept.frame for kept in self._ring
            if kept.number > int(number) and self._hears(client, kept)
        ], False  # fmt: skip

    # --- what changes -------------------------------------------------------------------------

    def take(self, changes: Iterable[Change]) -> None:
        """Take in changes of the board, and note them for all whom they concern."""
        for given in changes:
            for change in self.memory.take(given):
                for client in self._near(change):
                    if self._concerns(client, change):
                        client.note(*change[1:])

    # A thousand prices a second for fifty who watch: most are for none of them.
    def _near(self, change: Change) -> Iterable[Client]:
        if change.part != "ticks":
            return self.clients
        return [each for each in self.clients if change.name in each.watched.names]

    def tell(self, told: Told) -> None:
        """Tell all whom it concerns of an event, and keep it for those who are away."""
        self._number += 1
        frame = Frame(told.topic, told.data, f"{self.epoch}:{self._number}")
        kept = Kept(self._number, told.owner, told.run, frame)
        self._ring.append(kept)
        for client in self.clients:
            if self._hears(client, kept):
                client.add(frame)

    def ticks(self, run: str, feed: Any) -> dict[str, Any]:
        """Return the newest tick of each instrument of a run: its own, or those of its feed.

        Never another feed's: a replay of last year beside today would value what is held today.
        """
        own = self.memory.part(SHARED, run, "ticks")
        shared = self.memory.part(SHARED, "", "ticks") if feed else {}
        return own or {name: tick for name, tick in shared.items() if tick.get("feed") == feed}

    def parts(self, owner: str, broker: str, run: str) -> Parts:
        """Return the board of a run, if it is this owner's."""
        return self.memory.parts(broker, run) if self.tables.owners.get(run) == owner else {}

    def owner_of(self, run: str) -> str | None:
        """Return whose a run is; None for one that nobody knows."""
        return self.tables.owners.get(run) or self.local_owner(run)

    def may_see(self, who: Who, line: Any) -> bool:
        """Say if a line of the log may be shown to somebody."""
        installation = self.settings.owner_id
        return may_see(who, line, installation=installation, owner_of=self.owner_of)

    def _hears(self, client: Client, kept: Kept) -> bool:
        wanted = client.watched
        return (
            kept.owner == client.who.owner and kept.frame.event in wanted.topics
            and (not wanted.run or not kept.run or kept.run == wanted.run)
        )  # fmt: skip

    def _concerns(self, client: Client, change: Change) -> bool:
        wanted = client.watched
        if not client.sees("board"):
            return False
        if change.part == "ticks" and change.name not in wanted.names:
            return False
        if not change.run_id:
            if change.part == "ticks":
                return True
            runs_it = client.who.owner == self.settings.owner_id
            return change.part != "system" or (runs_it and change.name.startswith(OF_SYSTEM))
        mine = self.tables.owners.get(change.run_id) == client.who.owner
        return mine and (not wanted.run or wanted.run == change.run_id)

    # --- the loops ----------------------------------------------------------------------------

    async def _watch(self, broker: str) -> None:
        while True:
            try:
                async with self.board.watch(broker) as changes:
                    async for some in changes:
                        self.take(some)
            except OutsideError as error:
                LOG.warning("the board is watched anew", broker=broker, error=error)
            await asyncio.sleep(1.0)

    async def _look(self) -> None:
        while True:
            with suppress(AlphaPandaError):
                await self.look()
            self._came.clear()
            await asyncio.sleep(WATCHED_S)
            if not self.clients:
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_S):
                        await self._came.wait()

    async def look(self) -> None:
        """Look at the tables, and pass on what they have gained.

        Raises:
            OutsideError: if the database does not answer.
        """
        found = await self.tables.look(copies=isinstance(self.board, LocalLive))
        if found.changes:
            self.board.put(found.changes)
        for told in found.told:
            self.tell(told)
        for client in self.clients:
            if client.who.owner in found.runs:
                self.show_all(client)

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            for client in list(self.clients):
                await self.see(client)

    async def see(self, client: Client) -> None:
        """Let somebody go who may watch no more."""
        if self.auth is None:
            return
        try:
            who = await self.auth.again(client.login)
        except ApiError:  # the database does not answer, for longer than is believed
            client.end(EXPIRED)
            return
        if who is None:
            client.end(EXPIRED)
        elif not all(who.may(scope_of(topic)) for topic in client.watched.topics):
            client.end(REVOKED)

    async def _tail(self) -> None:
        while True:
            await asyncio.sleep(WATCHED_S)
            channels = {name for client in self.clients for name in client.watched.channels}
            with suppress(OSError):
                for channel, lines in (await asyncio.to_thread(self.logs.new, channels)).items():
                    self.add_lines(channel, lines)

    def add_lines(self, channel: str, lines: Iterable[Any]) -> None:
        """Give new lines of a channel to those who watch it, each what he may see."""
        watching = [each for each in self.clients if channel in each.watched.channels]
        for line in lines:
            for client in watching:
                if self.may_see(client.who, line):
                    client.add_line(channel, line)

    async def _whole(self) -> None:
        last, health = 0.0, None
        while True:
            await asyncio.sleep(1.0)
            now, looked = time.monotonic(), None if self.monitor is None else self.monitor.health()
            due = looked != health or now - last >= WHOLE_S
            told = {
                owner: self._pipeline(owner)
                for owner in {each.who.owner for each in self.clients if each.sees("pipeline")}
            }
            for client in self.clients:
                if client.sees("pipeline"):
                    client.tell("pipeline", told[client.who.owner])
                if due and client.sees("health"):
                    self._health(client, looked)
            if due:
                last, health = now, looked

    def _health(self, client: Client, looked: Any) -> None:
        whole = client.who.owner == self.settings.owner_id
        client.tell("health", looked if whole else health_for(looked))

    def _pipeline(self, owner: str) -> dict[str, Any]:
        more = {} if self.monitor is None else self.monitor.pipeline()
        runs = {
            run: self.memory.part(broker, run, "stages")
            for broker in BROKERS for run in self.memory.runs(broker)
            if self.tables.owners.get(run) == owner
        }  # fmt: skip
        return {"runs": runs, "more": {run: more[run] for run in runs if run in more}}


def scope_of(topic: str) -> str:
    """Return the scope that a topic takes."""
    return TOPICS["logs" if topic.startswith("logs.") else topic]


def board_of(settings: Settings) -> Live:
    """Return the board: in Redis, or one in this process that the tables are copied to."""
    if not settings.redis.enabled:
        return LocalLive()
    from alphapanda.projection.live_redis import RedisLive  # noqa: PLC0415 (only where it is used)

    return RedisLive(settings)
