"""The live board in Redis: hashes that anybody may read, and a channel that tells of changes.

What this process shows is in its memory, and Redis has a copy. What changes is sent in the
background, of each name only the latest, so a Redis that is gone, flushed or silent delays nobody;
when it is back, or the mark of this process is missing, all that it shows is sent anew.

`live:BROKER:runs` is a sorted set of the latest runs, `live:BROKER:run:RUN` a hash of a run's board
with fields `part/name`, `live:BROKER` the channel.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.net import redis
from alphapanda.net.tasks import waits
from alphapanda.projection.live import RUNS, Change, Memory, Parts, Viewer

LOG = log.get(__name__)
GATHER_S = 0.02
"""Changes of so long are sent together."""
BEAT_S = 1.0
"""How often Redis is looked at when nothing changes."""
BACKOFF_S, MOST_S = 0.1, 2.0
KEEP_S = 86_400
"""A board that nobody writes any more goes after this; a writer renews its own."""
CHUNK = 1_000
UNSENT = 20_000
"""Changes that wait for a slow Redis, beyond which all there is now is sent instead."""


class RedisLive:
    """A board in Redis. It shows what this process puts, and reads what any process put."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client, self._failures = redis.client(settings)
        self._memory = Memory()
        self._mark = self._key("mark", uuid.uuid4().hex)
        self._unsent: dict[tuple[str, ...], Change] = {}
        self._whole = False
        """Whether Redis has, or is being sent, all but what is unsent."""
        self._new = asyncio.Event()
        self._ending = False
        self._sender: asyncio.Task[None] | None = None
        self._viewers: set[Viewer] = set()
        self._trouble = ""
        self.shows = self._memory.shows

    async def start(self) -> None:
        """Begin; a server that does not answer is tried again."""
        assert self._sender is None, "the board has been started already"
        self._sender = asyncio.create_task(self._send(), name="board")

    async def stop(self) -> None:
        """Send what is left, if Redis takes it in time, and end all watching."""
        if self._sender is not None:
            self._ending = True
            self._new.set()
            await asyncio.wait([self._sender], timeout=4 * self._settings.redis.timeout_s)
            self._sender.cancel()
            await asyncio.wait([self._sender])
            self._sender = None
        for viewer in self._viewers:
            viewer.end()
        await self._client.aclose()

    async def health(self) -> None:
        """Ask Redis for an answer.

        Raises:
            OutsideError: if there is none, or changes are not getting there.
        """
        await self._asked(self._client.ping())
        if self._trouble:
            raise OutsideError(self._trouble)

    def put(self, changes: Iterable[Change]) -> None:
        """Show changes, soon."""
        for given in changes:
            for change in self._memory.take(given):
                if self._whole:
                    self._unsent[change[:4]] = change
            if len(self._unsent) > UNSENT:
                self._begin_anew()
        self._new.set()

    async def runs(self, broker: str) -> list[str]:
        """Return the runs that are shown, the one that changed last at the end."""
        found = await self._asked(self._client.zrange(self._key(broker, "runs"), 0, -1))
        return [run.decode() for run in found]

    async def get(self, broker: str, run_id: str) -> Parts:
        """Return a run's board.

        Raises:
            OutsideError: if Redis does not answer.
        """
        found = await self._asked(self._client.hgetall(self._key(broker, "run", run_id)))
        parts: Parts = {}
        for field, value in found.items():
            part, _, name = field.decode().partition("/")
            parts.setdefault(part, {})[name] = msgspec.json.decode(value)
        return parts

    @asynccontextmanager
    async def watch(self, broker: str) -> AsyncIterator[AsyncIterator[list[Change]]]:
        """Give changes as they come, first all there is, and all there is after a gap."""
        viewer = Viewer(broker)
        self._viewers.add(viewer)
        listener = asyncio.create_task(self._listen(viewer))
        try:
            yield viewer.changes()
        finally:
            self._viewers.discard(viewer)
            listener.cancel()
            await asyncio.wait([listener])

    def _key(self, *parts: str) -> str:
        return ":".join((self._settings.redis.prefix, "live", *parts))

    async def _bounded(self, call: Any) -> Any:
        return await redis.bounded(self._settings, call)

    async def _asked(self, call: Any) -> Any:
        try:
            return await self._bounded(call)
        except self._failures as error:
            raise redis.unreachable(self._settings, error) from error

    # --- the way there ------------------------------------------------------------------------

    async def _send(self) -> None:
        pauses = waits(BACKOFF_S, MOST_S)
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._new.wait(), BEAT_S)
            if not self._ending:
                await asyncio.sleep(GATHER_S)
            self._new.clear()
            unsent, self._unsent = self._unsent, {}
            try:
                await self._copy(list(unsent.values()))
            except self._failures as error:
                await self._failed(error)
                if self._ending:
                    return
                await asyncio.sleep(next(pauses))
                self._new.set()
                continue
            pauses = waits(BACKOFF_S, MOST_S)
            if self._trouble:
                LOG.warning("Redis is back: the board was sent anew")
                self._trouble = ""
            if self._ending and self._whole and not self._unsent:
                return

    async def _failed(self, error: Exception) -> None:
        self._begin_anew()
        if not self._trouble:
            LOG.warning("the board does not reach Redis", error=type(error).__name__)
        self._trouble = str(redis.unreachable(self._settings, error))
        # A connection whose answer was not waited for would give it to the next question.
        with suppress(*self._failures):
            await self._client.connection_pool.disconnect(inuse_connections=True)

    def _begin_anew(self) -> None:
        self._whole = False
        self._unsent.clear()  # memory has it

    async def _copy(self, changes: list[Change]) -> None:
        if self._whole and not await self._bounded(self._client.exists(self._mark)):
            self._begin_anew()
        anew = not self._whole
        if anew:
            changes, self._whole = self._memory.everything(), True
        elif not changes:
            return
        async with self._client.pipeline(transaction=True) as pipe:
            for board in {change[:2]: None for change in changes}:
                theirs = [change for change in changes if change[:2] == board]
                self._add(pipe, *board, theirs, anew=anew)
            # A Redis flushed since it was asked must not look as if it had all there is.
            pipe.set(self._mark, 1, ex=KEEP_S, xx=not anew)
            await self._bounded(pipe.execute())

    def _add(
        self, pipe: Any, broker: str, run_id: str, changes: list[Change], *, anew: bool
    ) -> None:  # fmt: skip
        key, runs = self._key(broker, "run", run_id), self._key(broker, "runs")
        if run_id:
            if anew:
                pipe.delete(key)
            pipe.zadd(runs, {run_id: time.time()})
            pipe.zremrangebyrank(runs, 0, -RUNS - 1)
            pipe.expire(runs, KEEP_S)
        for start in range(0, len(changes), CHUNK):
            chunk = changes[start : start + CHUNK]
            values = {
                f"{c.part}/{c.name}": msgspec.json.encode(c.value)
                for c in chunk if c.value is not None
            }  # fmt: skip
            gone = [f"{c.part}/{c.name}" for c in chunk if c.value is None]
            if values:
                pipe.hset(key, mapping=values)
            if gone:
                pipe.hdel(key, *gone)
            pipe.publish(self._key(broker), msgspec.json.encode([c[1:] for c in chunk]))
        pipe.expire(key, KEEP_S)

    # --- the way back -------------------------------------------------------------------------

    async def _listen(self, viewer: Viewer) -> None:
        broker, pauses = viewer.broker, waits(BACKOFF_S, MOST_S)
        trouble: tuple[type[Exception], ...] = (*self._failures, OutsideError)
        while True:
            try:
                async with self._client.pubsub() as channel:
                    await self._bounded(channel.subscribe(self._key(broker)))
                    for run_id in ("", *await self.runs(broker)):
                        for part, names in (await self.get(broker, run_id)).items():
                            for name, value in names.items():
                                viewer.note(Change(broker, run_id, part, name, value))
                    pauses = waits(BACKOFF_S, MOST_S)
                    await self._hear(viewer, channel)
            except trouble:
                await asyncio.sleep(next(pauses))

    async def _hear(self, viewer: Viewer, channel: Any) -> None:
        silent = 0
        while silent < 2:
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=BEAT_S)
            if message is None:
                silent += 1
                await self._bounded(channel.ping())  # its answer is a message too
                continue
            silent = 0
            if message["type"] == "message":
                for each in msgspec.json.decode(message["data"]):
                    viewer.note(Change(viewer.broker, *each))
