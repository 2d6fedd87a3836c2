"""The probes of health that ask servers: database, Redis, the bus and its lag, Zerodha."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping

from alphapanda.bus import topics
from alphapanda.bus.backlog import Share, backlog
from alphapanda.bus.client import GROUP
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.topics import BROKERS, DLQ
from alphapanda.events.topics import topics as topics_of
from alphapanda.monitor.health import Reading, State
from alphapanda.net import redis
from alphapanda.store.database import ABSENT, Database, answering
from alphapanda.store.migrating import differing, newest, revision_of

SLOW_DATABASE_S, SLOW_REDIS_S, SLOW_BUS_S = 0.2, 0.05, 1.0
TOKEN_MINUTES = 30
LETTERS_S = 600.0
ASK_ZERODHA_S = 60.0
"""How often Kite itself is asked: it counts every call."""
READERS = f"{GROUP}.project"
TOPICS = sorted({name for broker in BROKERS for name in topics_of(broker)})


def timed(took_s: float, slow_s: float, **figures: float) -> Reading:
    """Return that something answered, degraded if it was slow."""
    facts = {"seconds": round(took_s, 6), **figures}
    if took_s > slow_s:
        return Reading(State.DEGRADED, f"answered after {took_s * 1000:,.0f} ms", facts)
    return Reading(State.OK, "", facts)


class DatabaseProbe:
    """Asks the database for an answer, and whether its schema is this version's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database: Database | None = None
        self._opening = asyncio.Lock()
        self._head = ""

    async def look(self) -> Reading:
        """Return how the database is."""
        if not self._settings.has_database:
            return Reading(State.OFF, ABSENT)
        async with self._opening:
            if self._database is None:
                made = Database(self._settings)
                await made.start()
                self._database = made
        begun = time.monotonic()
        await self._database.health()
        took = time.monotonic() - begun
        if not self._head:  # read from the migrations' files, which takes as long as all the rest
            head = await asyncio.to_thread(newest, self._settings)
            self._head = head or ""
        with answering(self._settings):
            async with self._database.engine.connect() as connection:
                now = await connection.run_sync(revision_of)
        if now != self._head:
            raise OutsideError(differing(self._settings, now))
        return timed(took, SLOW_DATABASE_S)

    async def stop(self) -> None:
        """Close its connections."""
        if self._database is not None:
            await self._database.stop()
            self._database = None


class RedisProbe:
    """Pings Redis, and sees its own mark come back as a viewer of the board would."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def look(self) -> Reading:
        """Return how Redis is."""
        settings = self._settings
        if not settings.redis.enabled:
            return Reading(State.OFF, "each process keeps its own: redis.enabled is false")
        client, lost = redis.client(settings)
        mark, channel = uuid.uuid4().hex, f"{settings.redis.prefix}:monitor"
        try:
            begun = time.monotonic()
            await redis.bounded(settings, client.ping())
            took = time.monotonic() - begun
            async with client.pubsub(ignore_subscribe_messages=True) as viewer:
                await redis.bounded(settings, viewer.subscribe(channel))
                await redis.bounded(settings, client.publish(channel, mark))
                seen = await redis.bounded(settings, heard(viewer, mark))
        except lost as error:
            raise redis.unreachable(settings, error) from error
        finally:
            await client.aclose()
        if not seen:
            return Reading(State.DOWN, "it answers, but who watches a board hears nothing")
        return timed(took, SLOW_REDIS_S)


async def heard(viewer: object, mark: str) -> bool:
    """Say that a mark came; the caller sets the limit."""
    while True:
        message = await viewer.get_message(timeout=1.0)  # type: ignore[attr-defined]
        if message is not None and message["data"] == mark.encode():
            return True


class BusProbe:
    """Asks the server of Kafka's protocol for its topics."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def look(self) -> Reading:
        """Return how the bus is."""
        if not self._settings.bus.enabled:
            return Reading(State.OFF, "events are read from the journals: bus.enabled is false")
        begun = time.monotonic()
        await topics.health(self._settings, ["paper"])
        return timed(time.monotonic() - begun, SLOW_BUS_S)


class LagProbe:
    """Asks how much the projector's group has before it, and whether it comes on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.shares: dict[tuple[str, int], Share] = {}
        """By topic and partition, as it was seen last."""
        self.letters = NewLetters()
        self._moved = time.monotonic()
        self._done = -1

    async def look(self) -> Reading:
        """Return how far behind the consumers are."""
        limits = self._settings.monitor
        if not self._settings.bus.enabled:
            return Reading(State.OFF, "there is no bus")
        found = await backlog(self._settings, READERS, [*TOPICS, *(each + DLQ for each in TOPICS)])
        self.shares = {place: share for place, share in found.items() if place[0] in TOPICS}
        self.letters.see(found, time.monotonic())
        waiting = sum(share.waiting for share in self.shares.values())
        done = sum(max(share.committed, 0) for share in self.shares.values())
        if done != self._done or not waiting:
            self._moved, self._done = time.monotonic(), done
        still_s = time.monotonic() - self._moved
        facts = {"messages": float(waiting), "still_seconds": round(still_s, 3)}
        text = f"{waiting:,} messages wait for {READERS}"
        if waiting > 20 * limits.lag_messages or (waiting and still_s > limits.lag_s):
            return Reading(State.DOWN, f"{text}; nothing was taken for {still_s:.0f} s", facts)
        if waiting > limits.lag_messages or still_s > limits.lag_s / 2:
            return Reading(State.DEGRADED, text, facts)
        return Reading(State.OK, text if waiting else "", facts)


class NewLetters:
    """Counts dead letters that come while it looks; what lay there before is on the page only.

    Those of ten minutes are one trouble, however many; later ones are another.
    """

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, int]] = {}
        """By topic, how many there were when the newest trouble began, and how many came since."""
        self._ends: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def see(self, shares: Mapping[tuple[str, int], Share], now: float) -> None:
        """Take in where the topics of dead letters end now."""
        ends: dict[str, int] = {topic.removesuffix(DLQ): 0 for topic in TOPICS}
        for (topic, _), share in shares.items():
            if topic.endswith(DLQ):
                ends[topic.removesuffix(DLQ)] += share.end
        for topic, end in ends.items():
            before = self._ends.get(topic, end)
            if end > before:
                if now - self._since.get(topic, -LETTERS_S) >= LETTERS_S:
                    self._since[topic], self.found[topic] = now, (before, 0)
                first, _ = self.found[topic]
                self.found[topic] = first, end - first
        self._ends = ends


class ZerodhaProbe:
    """Asks whether the session at Zerodha is good, and for how long yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last = Reading(State.UNKNOWN)
        self._asked = -ASK_ZERODHA_S

    async def look(self) -> Reading:
        """Return how the session is."""
        if not self._settings.zerodha.enabled:
            return Reading(State.OFF, "no broker is used: zerodha.enabled is false")
        if time.monotonic() - self._asked >= ASK_ZERODHA_S:
            self._last = await asyncio.to_thread(self._ask)
            self._asked = time.monotonic()
        return self._last

    def _ask(self) -> Reading:
        from alphapanda.brokers.zerodha.standing import stand  # noqa: PLC0415 (kiteconnect)

        try:
            found = stand(self._settings)
        except OutsideError as error:
            return Reading(State.DOWN, str(error))
        if not found.active:
            return Reading(State.DOWN, f"no session ({found.state}): alphapanda login zerodha")
        facts = {"minutes_left": float(found.minutes_left)}
        if found.minutes_left < TOKEN_MINUTES:
            return Reading(State.DEGRADED, f"it ends in {found.minutes_left} minutes", facts)
        return Reading(State.OK, f"until {found.until}", facts)
