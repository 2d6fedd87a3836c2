"""A stream processor: a member of a consumer group that applies what arrives, once, in order.

Offsets are committed by hand, after success. A client that is stuck is replaced by a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from alphapanda import log
from alphapanda.bus.backlog import backlog
from alphapanda.bus.client import (
    GROUP,
    close_client,
    connection,
    failures,
    kafka,
    milliseconds,
    open_client,
)
from alphapanda.bus.dedup import Seen, seen_of
from alphapanda.bus.delivery import MISTAKES, OUTAGES, Apply, Delivery
from alphapanda.bus.publisher import OVERHEAD, Publisher, largest
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.net.tasks import see_alive, waits

LOG = log.get(__name__)
BATCH = 500
POLL_MS = 200
CHECKS = 4
"""How often the watchdog looks within the time after which a client is stuck."""


@dataclass
class Progress:
    """How a processor gets on; `lag` is what waits in its partitions, as its client knows."""

    lag: int = 0
    batches: int = 0
    replaced: int = 0
    rebalances: int = 0
    failed_commits: int = 0
    started_s: float = 0


class Processor:
    """Applies envelopes of some topics; `start`, `health`, `stop`, each as often as wanted.

    `apply` takes a batch, all or none; `each` makes one of a function of a single envelope.
    What it raises decides: PoisonError is a dead letter, one of `outages` is waited for as long
    as it takes, one of `mistakes` is a dead letter after `bus.attempts`, anything else ends it.
    """

    def __init__(
        self, settings: Settings, *, name: str, topics: Sequence[str], apply: Apply,
        seen: Seen | None = None, outages: tuple[type[Exception], ...] = OUTAGES,
        mistakes: tuple[type[Exception], ...] = MISTAKES, batch: int = BATCH,
    ) -> None:  # fmt: skip
        self.settings, self.name, self.topics = settings, name, list(topics)
        self.batch = batch
        self.group = f"{GROUP}.{name}"
        self.progress = Progress()
        self.publisher = Publisher(settings)
        self.seen = seen if seen is not None else seen_of(settings, group=name)
        self.delivery = Delivery(
            settings, apply, self.seen, self.publisher, group=self.group, outages=outages,
            mistakes=mistakes,
        )  # fmt: skip
        self._consumer: Any = None
        self._loop: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()
        self._stopping = False

    async def start(self) -> None:
        """Connect and join the group.

        Raises:
            OutsideError: if the server does not answer.
        """
        assert self._watch is None, f"{self.name} has been started already"
        self._stopping = False
        self.progress.started_s = time.monotonic()
        await self._open()
        self._watch = asyncio.create_task(self._watched(), name=f"watch {self.name}")
        LOG.info("processor started", group=self.group, topics=self.topics)

    async def stop(self) -> None:
        """Finish the batch in hand, commit it, leave the group; within the time limit."""
        if self._watch is None:
            return
        limit = self.settings.bus.stop_timeout_s
        self._stopping = True
        self._watch.cancel()
        await asyncio.wait([self._watch])
        self._watch = None
        if self._loop is not None:
            await asyncio.wait([self._loop], timeout=limit / 4)
        await self._close()
        await self.publisher.stop()
        await self.seen.stop()
        LOG.info("processor stopped", group=self.group, **self.figures())

    async def health(self) -> None:
        """See that it runs and has not been without a sign of life.

        Raises:
            OutsideError: if it does not, or is stuck.
        """
        see_alive(self._watch, f"processor {self.name}")
        if self._loop is None:
            raise OutsideError(
                f"the processor {self.name} has no client: a stuck one is being replaced"
            )
        silent = time.monotonic() - self.delivery.alive_s
        if self.progress.lag and silent > 2 * self.settings.bus.stuck_after_s:
            raise OutsideError(
                f"the processor {self.name} has {self.progress.lag} messages before it and has "
                f"done nothing for {silent:.0f} s"
            )

    def figures(self) -> dict[str, Any]:
        """Return lag, throughput, errors: what a monitor shows."""
        done = self.delivery.delivered
        age = max(time.monotonic() - self.progress.started_s, 1e-9)
        return {
            "lag": self.progress.lag, "received": done.received, "applied": done.applied,
            "repeats": done.repeats, "letters": done.letters, "errors": done.errors,
            "replaced": self.progress.replaced, "rebalances": self.progress.rebalances,
            "per_second": round(done.received / age, 1),
        }  # fmt: skip

    async def _open(self) -> None:
        consumer = kafka().AIOKafkaConsumer(**consuming(self.settings, self.group))
        consumer.subscribe(self.topics, listener=listener(self))
        await open_client(consumer, self.settings)
        self._consumer = consumer
        self.delivery.alive_s = time.monotonic()
        self._loop = asyncio.create_task(self._consume(consumer), name=self.name)

    async def _close(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
            await asyncio.wait([loop])
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_client(consumer, self.settings)

    async def _consume(self, consumer: Any) -> None:
        while not self._stopping:
            # A rebalance waits for the lock: partitions change hands between two batches.
            async with self._busy:
                parts = await consumer.getmany(timeout_ms=POLL_MS, max_records=self.batch)
                if parts:
                    await self.delivery.deliver([one for part in parts.values() for one in part])
                    await self._commit(
                        consumer, {place: part[-1].offset + 1 for place, part in parts.items()}
                    )
                    self.progress.batches += 1
                    self.delivery.stop_floods()
            self.progress.lag = sum(waiting(consumer))
            await asyncio.sleep(0)  # whoever waits for the lock gets it

    async def _commit(self, consumer: Any, offsets: dict[Any, int]) -> None:
        lost = failures()
        try:
            async with asyncio.timeout(self.settings.bus.request_timeout_s):
                await consumer.commit(offsets)
        except lost as error:
            # The partition is another's now, or the next commit takes this one in: repeats at most.
            self.progress.failed_commits += 1
            LOG.warning("offsets not committed", group=self.group, error=error)

    async def _watched(self) -> None:
        """Replace a client that makes no progress although messages wait, or that has failed."""
        bus = self.settings.bus
        behind_s: float | None = None
        while True:
            loop = self._loop
            assert loop is not None
            await asyncio.wait([loop], timeout=bus.stuck_after_s / CHECKS)
            if loop.done():
                await self._replace(self._failure(loop))
                behind_s = None
                continue
            # Looked at again when the server has answered: a page may have come meanwhile.
            if self._alive() or not await self._behind() or self._alive():
                behind_s = None
            elif behind_s is None:
                behind_s = time.monotonic()
            elif time.monotonic() - max(behind_s, self.delivery.alive_s) >= (
                bus.stuck_after_s * (CHECKS - 1) / CHECKS
            ):
                await self._replace(TimeoutError(f"no progress in {bus.stuck_after_s:g} s"))
                behind_s = None

    def _alive(self) -> bool:
        """Say if something came, or was done, a moment ago, or a page is being applied.

        One that is slow to apply would never be applied by a client that is new each time.
        """
        silent = time.monotonic() - self.delivery.alive_s
        return self.delivery.applying or silent < self.settings.bus.stuck_after_s / CHECKS

    def _failure(self, loop: asyncio.Task[None]) -> BaseException | None:
        """Return why a client has ended; what is no failure of the server's would come again."""
        if loop.cancelled():  # from inside the client
            return None
        error = loop.exception()
        if error is not None and not isinstance(error, failures()):
            LOG.error("processor ended", group=self.group, exc_info=error)
            raise error
        return error

    async def _replace(self, why: BaseException | None) -> None:
        LOG.warning("consumer replaced", group=self.group, reason=why, **self.figures())
        self.progress.replaced += 1
        await self._close()
        for wait in waits(self.settings.bus.backoff_s):
            try:
                await self._open()
            except OutsideError as error:
                LOG.warning("no new consumer yet", group=self.group, wait_s=wait, error=error)
                await asyncio.sleep(wait)
            else:
                return

    async def _behind(self) -> bool:
        """Say if messages wait: in our partitions, or, if we have none, in any of the group's."""
        try:
            shares = await backlog(self.settings, self.group, self.topics)
        except OutsideError:
            return False  # without a server nobody is stuck
        mine = {(each.topic, each.partition) for each in self._consumer.assignment()}
        return any(
            share.waiting > 0 for place, share in shares.items() if not mine or place in mine
        )


def listener(processor: Processor) -> Any:
    """Return what is told of partitions that come and go."""
    base: Any = kafka().ConsumerRebalanceListener

    class Assignment(base):  # type: ignore[misc]
        """Waits for the batch in hand before partitions go, and logs both."""

        async def on_partitions_revoked(self, revoked: Any) -> None:
            if revoked:
                LOG.info(
                    "partitions revoked", group=processor.group, partitions=list_partitions(revoked)
                )
            with suppress(TimeoutError):
                async with asyncio.timeout(processor.settings.bus.session_timeout_s / 2):
                    async with processor._busy:
                        pass

        async def on_partitions_assigned(self, assigned: Any) -> None:
            processor.progress.rebalances += 1
            LOG.info(
                "partitions assigned", group=processor.group, partitions=list_partitions(assigned)
            )

    return Assignment()


def list_partitions(places: Any) -> list[str]:
    """Return partitions as text, in order."""
    return sorted(f"{place.topic}/{place.partition}" for place in places)


def waiting(consumer: Any) -> list[int]:
    """Return how many messages wait in each partition, as far as the client knows."""
    found = []
    for place in consumer.assignment():
        state = consumer._subscription.subscription.assignment.state_value(place)
        if state is not None and state.has_valid_position and state.highwater is not None:
            found.append(max(0, state.highwater - state.position))
    return found


def consuming(settings: Settings, group: str) -> dict[str, Any]:
    """Return what a group's consumer is made with; no default of the library loses messages."""
    bus = settings.bus
    return {
        **connection(settings),
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "session_timeout_ms": milliseconds(bus.session_timeout_s),
        "heartbeat_interval_ms": milliseconds(bus.session_timeout_s / 4),
        "max_partition_fetch_bytes": largest(settings) + OVERHEAD,
    }
