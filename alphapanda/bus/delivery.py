"""What is done with messages that have arrived: applied once, or put among the dead letters."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alphapanda import log
from alphapanda.bus.dead_letters import buried, identity
from alphapanda.bus.decoding import PoisonError, taken_in
from alphapanda.bus.dedup import Seen
from alphapanda.bus.publisher import Publisher
from alphapanda.config.settings import Settings
from alphapanda.errors import AlphaPandaError, OutsideError
from alphapanda.events.events import Envelope
from alphapanda.net.tasks import waits

LOG = log.get(__name__)
Apply = Callable[[Sequence[Envelope]], Awaitable[None]]
"""Takes envelopes in, all or none: a transaction, or something that bears a repeat."""
OUTAGES: tuple[type[Exception], ...] = (OutsideError, OSError, TimeoutError)
"""A part outside fails: waited for, as long as it takes."""
MISTAKES: tuple[type[Exception], ...] = (ArithmeticError, LookupError, TypeError, ValueError)
"""A message that our own code can't digest: a dead letter after some attempts."""
ALERT_A_MINUTE = 10
MINUTE_S = 60


class FloodError(AlphaPandaError):
    """So many dead letters that somebody has to look before more are made."""


class Arrived(NamedTuple):
    """A message and the envelope in it."""

    message: Any
    envelope: Envelope


@dataclass
class Delivered:
    """What has been done so far."""

    received: int = 0
    applied: int = 0
    repeats: int = 0
    letters: int = 0
    errors: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def one_by_one(apply: Callable[[Envelope], Awaitable[None]]) -> Apply:
    """Return an `Apply` that takes envelopes one by one, their ids bound to the log."""

    async def apply_all(envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            with log.bound(run_id=envelope.run_id, correlation_id=envelope.correlation_id):
                await apply(envelope)

    return apply_all


class Delivery:
    """Apply messages: drop repeats, wait for outages, put the rest among the dead letters."""

    def __init__(
        self, settings: Settings, apply: Apply, seen: Seen, publisher: Publisher, *, group: str,
        outages: tuple[type[Exception], ...] = OUTAGES,
        mistakes: tuple[type[Exception], ...] = MISTAKES,
    ) -> None:  # fmt: skip
        self.settings, self.apply, self.seen, self.publisher = settings, apply, seen, publisher
        self.group = group
        self.outages: tuple[type[Exception], ...] = outages
        self.mistakes: tuple[type[Exception], ...] = (PoisonError, *mistakes)
        self.delivered = Delivered()
        self.there: set[bytes] = set()
        """Letters, by identity, that need not be written a second time."""
        self.alive_s = time.monotonic()
        self.applying = False
        self._recent: deque[float] = deque(maxlen=settings.bus.letters_a_minute + 1)
        self._alerted_s = -float(MINUTE_S)

    async def deliver(self, messages: Sequence[Any]) -> None:
        """Do with messages what there is to do; afterwards none of them is needed again."""
        self.alive_s = time.monotonic()
        self.delivered.received += len(messages)
        arrived: list[Arrived] = []
        ids: set[str] = set()
        for message in messages:
            try:
                envelope = taken_in(message, self.settings.bus.message_bytes)
            except PoisonError as error:
                await self._bury(message, error)
                continue
            if envelope.id in ids:
                self.delivered.repeats += 1
            else:
                ids.add(envelope.id)
                arrived.append(Arrived(message, envelope))
        known = await self.seen.known([one.envelope.id for one in arrived]) if arrived else set()
        new = [one for one in arrived if one.envelope.id not in known]
        self.delivered.repeats += len(arrived) - len(new)
        applied = await self._apply(new)
        # After it is done, so that a crash repeats and never skips.
        if applied:
            await self.seen.remember([one.envelope.id for one in applied])
        self.delivered.applied += len(applied)
        self.alive_s = time.monotonic()

    async def _apply(self, new: Sequence[Arrived]) -> Sequence[Arrived]:
        """Apply all at once, or each by itself if one of them can't be; return those that were."""
        if not new:
            return []
        try:
            await self._attempt(new)
        except self.mistakes as error:
            if isinstance(error, PoisonError) and len(new) == 1:
                await self._bury(new[0].message, error)
                return []
            return [one for one in new if await self._apply_one(one)]
        return new

    async def _apply_one(self, one: Arrived) -> bool:
        bus = self.settings.bus
        for attempt, wait in enumerate(waits(bus.backoff_s), 1):
            try:
                await self._attempt([one])
            except self.mistakes as error:
                if isinstance(error, PoisonError) or attempt >= bus.attempts:
                    await self._bury(one.message, error)
                    return False
                await self._wait(wait)
            else:
                return True
        raise AssertionError("attempts do not end by themselves")

    async def _attempt(self, new: Sequence[Arrived]) -> None:
        """Apply; while a part outside fails, wait and try again."""
        first = new[0].envelope
        chain = first.correlation_id if len(new) == 1 else None
        with log.bound(run_id=first.run_id or None, correlation_id=chain):
            for wait in waits(self.settings.bus.backoff_s):
                self.applying = True
                try:
                    await self.apply([one.envelope for one in new])
                except self.outages as error:
                    LOG.warning("not applied, tried again", wait_s=wait, error=error)
                else:
                    return
                finally:
                    self.applying = False
                await self._wait(wait)

    async def _wait(self, wait_s: float) -> None:
        self.delivered.errors += 1
        self.alive_s = time.monotonic()  # it is not stuck: it knows what it waits for
        await asyncio.sleep(wait_s)

    async def _bury(self, message: Any, error: BaseException) -> None:
        """Put a message among the dead letters; what is not there is not committed either."""
        name = type(error).__name__
        reason = str(error) if isinstance(error, PoisonError) else f"{name}: {error}"
        told = buried(self.settings, message, reason=reason, group=self.group)
        if identity(told.headers) in self.there:
            self.delivered.repeats += 1
            return
        LOG.warning(
            "message put among the dead letters", topic=message.topic, partition=message.partition,
            offset=message.offset, bytes=len(message.value or b""), reason=reason[:200],
        )  # fmt: skip
        for wait in waits(self.settings.bus.backoff_s):
            try:
                await self.publisher.publish([told])
            except OutsideError:
                await self._wait(wait)
            else:
                break
        self.count(name)
        self._alert()

    def count(self, reason: str, letters: int = 1) -> None:
        """Count letters that have been written."""
        self.delivered.letters += letters
        self.delivered.reasons[reason] = self.delivered.reasons.get(reason, 0) + letters

    def _alert(self) -> None:
        now = time.monotonic()
        self._recent.append(now)
        many = len(self._recent) >= ALERT_A_MINUTE
        if many and self._since(ALERT_A_MINUTE) and now - self._alerted_s >= MINUTE_S:
            self._alerted_s = now
            LOG.error("many dead letters", group=self.group, letters=self.delivered.letters)

    def _since(self, letters: int) -> bool:
        """Say if the newest dead letters, so many, are of one minute."""
        return self._recent[-1] - self._recent[-letters] < MINUTE_S

    def stop_floods(self) -> None:
        """See that dead letters are exceptions; asked after a batch is committed.

        Raises:
            FloodError: if there are more in a minute than the settings allow.
        """
        most = self.settings.bus.letters_a_minute
        if len(self._recent) > most and self._since(most + 1):
            raise FloodError(
                f"more than {most} dead letters within a minute: see alphapanda dlq list, then "
                "start it again; it goes on behind them"
            )
