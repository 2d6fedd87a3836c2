"""The live board in Redis: hashes that anybody may read, and a channel that tells of changes.

This process's memory is the truth and Redis a copy. What changes is sent in the background, of each
name only the latest, so a Redis that is gone, flushed or silent delays nobody; when it is back, or
its mark is missing, everything is sent anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.project.live import BOUNDS, BROKERS, Change, Memory, Value, Viewer

LOG = log.get(__name__)
GATHER_S = 0.02
"""Changes of so long are sent together."""
BEAT_S = 1.0
"""How often Redis is looked at when nothing changes."""
BACKOFF_S = (0.1, 2.0)
KEEP_S = 7 * 86_400
CHUNK = 1_000


class RedisLive:
    """A board in Redis. It shows what this process puts, and reads what another one put."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.redis
        self._memory = Memory()
        self._unsent: dict[tuple[str, str, str], Change] = {}
        self._whole = False
        self._new = asyncio.Event()
        self._writes = False
        self._ending = False
        self._sender: asyncio.Task[None] | None = None
        self._viewers: set[Viewer] = set()
        self._trouble = ""
        self._client: Any = None

    async def start(self) -> None:
        """Begin; a server that does not answer is tried again."""
        assert self._client is None, "the board has been started already"
        self._client = client_of(self._settings)

    async def stop(self) -> None:
        """Send what is left, if Redis takes it, and end all watching."""
        if self._sender is not None:
            self._ending = True
            self._new.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._sender), 2 * self._settings.timeout_s)
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        for viewer in self._viewers:
            viewer.end()
        if self._client is not None:
            await self._client.aclose()
        self._client = self._sender = None

    async def health(self) -> None:
        """Ask Redis for an answer.

        Raises:
            OutsideError: if there is none, or changes are not getting there.
        """
        try:
            await self._bounded(self._client.ping())
        except failures() as error:
            raise unreachable(error) from error
        if self._trouble:
            raise OutsideError(self._trouble)

    def put(self, changes: Iterable[Change]) -> None:
        """Show changes, soon."""
        for given in changes:
            for change in self._memory.take(given):
                self._unsent[change.broker, change.part, change.name] = change
        self._new.set()
        if self._sender is None and self._client is not None:
            self._sender = asyncio.create_task(self._send())

    async def get(self, broker: str, part: str) -> dict[str, Value]:
        """Return a part of the board, by name.

        Raises:
            OutsideError: if Redis does not answer.
        """
        try:
            found = await self._bounded(self._client.hgetall(self._key(broker, part)))
        except failures() as error:
            raise unreachable(error) from error
        return {name.decode(): msgspec.json.decode(value) for name, value in found.items()}

    @asynccontextmanager
    async def watch(self, broker: str) -> AsyncIterator[AsyncIterator[list[Change]]]:
        """Give changes as they come, first all there is, and all there is after a gap."""
        viewer = Viewer(broker, [])
        self._viewers.add(viewer)
        listener = asyncio.create_task(self._listen(viewer))
        try:
            yield viewer.changes()
        finally:
            self._viewers.discard(viewer)
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    def _key(self, *parts: str) -> str:
        return ":".join((self._settings.prefix, "live", *parts))

    async def _bounded(self, call: Any) -> Any:
        async with asyncio.timeout(2 * self._settings.timeout_s):
            return await call

    # --- the way there ------------------------------------------------------------------------

    async def _send(self) -> None:
        pause = BACKOFF_S[0]
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._new.wait(), BEAT_S)
            if not self._ending:
                await asyncio.sleep(GATHER_S)
            self._new.clear()
            unsent, self._unsent = self._unsent, {}
            try:
                await self._copy(list(unsent.values()))
            except failures() as error:
                self._whole = False
                await self._failed(error)
                if self._ending:
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, BACKOFF_S[1])
                self._new.set()
                continue
            pause = BACKOFF_S[0]
            if self._trouble:
                LOG.warning("Redis is back: the board was sent anew")
                self._trouble = ""
            if self._ending and not self._unsent:
                return

    async def _failed(self, error: BaseException) -> None:
        if not self._trouble:
            LOG.warning("the board does not reach Redis", error=type(error).__name__)
        self._trouble = str(unreachable(error))
        # A connection whose answer was not waited for would give it to the next question.
        with suppress(*failures()):
            await self._client.connection_pool.disconnect(inuse_connections=True)

    async def _copy(self, changes: list[Change]) -> None:
        if self._whole:
            self._whole = await self._bounded(self._client.exists(self._key("mark"))) == 1
        fresh = not self._whole
        if fresh:
            changes = self._memory.everything()
        elif not changes:
            return
        async with self._client.pipeline(transaction=True) as pipe:
            if fresh:
                pipe.delete(*(self._key(b, part) for b in BROKERS for part in BOUNDS))
            for broker in {change.broker: None for change in changes}:
                theirs = [change for change in changes if change.broker == broker]
                for start in range(0, len(theirs), CHUNK):
                    self._add(pipe, broker, theirs[start : start + CHUNK])
            pipe.set(self._key("mark"), 1, ex=KEEP_S)
            await self._bounded(pipe.execute())
        self._whole = True

    def _add(self, pipe: Any, broker: str, changes: list[Change]) -> None:
        for part in {change.part: None for change in changes}:
            there = [c for c in changes if c.part == part]
            key = self._key(broker, part)
            values = {c.name: msgspec.json.encode(c.value) for c in there if c.value is not None}
            gone = [c.name for c in there if c.value is None]
            if values:
                pipe.hset(key, mapping=values)
            if gone:
                pipe.hdel(key, *gone)
            pipe.expire(key, KEEP_S)
        pipe.publish(self._key(broker), msgspec.json.encode([c[1:] for c in changes]))

    # --- the way back -------------------------------------------------------------------------

    async def _listen(self, viewer: Viewer) -> None:
        trouble: tuple[type[BaseException], ...] = (*failures(), OutsideError)
        pause = BACKOFF_S[0]
        while True:
            try:
                async with self._client.pubsub() as channel:
                    await self._bounded(channel.subscribe(self._key(viewer.broker)))
                    for part in BOUNDS:
                        for name, value in (await self.get(viewer.broker, part)).items():
                            viewer.note(Change(viewer.broker, part, name, value))
                    pause = BACKOFF_S[0]
                    await self._hear(viewer, channel)
            except trouble:
                await asyncio.sleep(pause)
                pause = min(2 * pause, BACKOFF_S[1])

    async def _hear(self, viewer: Viewer, channel: Any) -> None:
        silent = 0
        while silent < 2:
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=BEAT_S)
            if message is None or message["type"] != "message":
                silent += 1
                await self._bounded(channel.ping())  # its answer is a message too
                continue
            silent = 0
            for part, name, value in msgspec.json.decode(message["data"]):
                viewer.note(Change(viewer.broker, part, name, value))


def client_of(section: Any) -> Any:
    """Return a client that sends nothing twice and waits for nothing long.

    Raises:
        UsageError: if its package is not installed.
    """
    try:
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415 (may be absent)
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Redis needs the package {error.name}: pip install 'alphapanda[servers]'"
        ) from None
    pool = BlockingConnectionPool.from_url(
        section.url.get_secret_value(), max_connections=section.connections,
        timeout=section.timeout_s, socket_timeout=section.timeout_s,
        socket_connect_timeout=section.connect_timeout_s, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    return Redis.from_pool(pool)


def failures() -> tuple[type[BaseException], ...]:
    """Return what a Redis that is gone or silent raises."""
    from redis.exceptions import RedisError  # noqa: PLC0415 (may be absent)

    return RedisError, OSError, TimeoutError


def unreachable(error: BaseException) -> OutsideError:
    """Return the error that says what to do when there is no Redis."""
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    return OutsideError(
        f"Redis does not answer ({why}): start it, or set ALPHAPANDA_REDIS__URL, or "
        "ALPHAPANDA_REDIS__ENABLED=false for a board in the process"
    )
