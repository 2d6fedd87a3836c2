"""Ids of envelopes that have been applied: in the process, or in Redis for all of a group."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.net.redis import bounded, client

LOG = log.get(__name__)


class Seen(Protocol):
    """Knows which envelopes have been applied."""

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Return those of some ids that have been remembered."""

    async def remember(self, ids: Sequence[str]) -> None:
        """Remember ids, once what they name has been applied."""

    async def stop(self) -> None:
        """Close connections."""


class SeenHere:
    """The newest ids, in this process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Return those of some ids that have been remembered."""
        return {each for each in ids if each in self._ids}

    async def remember(self, ids: Sequence[str]) -> None:
        """Remember ids, and forget the oldest beyond the bound."""
        for each in ids:
            self._ids[each] = None
            self._ids.move_to_end(each)
        while len(self._ids) > self.most:
            self._ids.popitem(last=False)

    async def stop(self) -> None:
        """Do nothing: there is no connection."""


class SeenInRedis:
    """Ids in Redis for a while, and the newest in this process too.

    Redis is a cache: without it the process's own ids count, and what is applied must bear a
    repeat, as everything that is applied has to after a crash.
    """

    def __init__(self, settings: Settings, *, group: str) -> None:
        self.here = SeenHere(settings.bus.dedup_ids)
        self._settings = settings
        self.failures = 0
        self._prefix = f"{settings.redis.prefix}:seen:{group}:"
        self._keep_ms = max(1, round(settings.bus.dedup_keep_s * 1000))
        self._redis, self._errors = client(settings)
        self._told = False

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Return those of some ids that have been remembered."""
        known = await self.here.known(ids)
        others = [each for each in ids if each not in known]
        if others:
            call = self._redis.mget([self._prefix + each for each in others])
            try:
                found = await bounded(self._settings, call)
            except self._errors as error:
                self._failed(error)
            else:
                self._told = False
                known |= {each for each, value in zip(others, found, strict=True) if value}
        return known

    async def remember(self, ids: Sequence[str]) -> None:
        """Remember ids."""
        await self.here.remember(ids)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for each in ids:
                    pipe.set(self._prefix + each, b"1", px=self._keep_ms)
                await bounded(self._settings, pipe.execute())
        except self._errors as error:
            self._failed(error)

    async def stop(self) -> None:
        """Close connections."""
        await self._redis.aclose()

    def _failed(self, error: BaseException) -> None:
        self.failures += 1
        if not self._told:
            LOG.warning("no Redis: repeats are known in this process alone", error=error)
        self._told = True


def seen_of(settings: Settings, *, group: str) -> Seen:
    """Return where a group's ids are kept: in Redis where it is used, else in the process."""
    if settings.redis.enabled:
        return SeenInRedis(settings, group=group)
    return SeenHere(settings.bus.dedup_ids)
