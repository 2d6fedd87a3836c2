"""What the API is made of: long-lived parts, started in order, each once, stopped in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi.requests import HTTPConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as WaitedTooLong
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import log
from alphapanda.api.answers import unavailable
from alphapanda.api.auth import AuthService
from alphapanda.api.control import Control
from alphapanda.api.hub import Hub
from alphapanda.api.limits import SlidingLog
from alphapanda.api.origins import Origins
from alphapanda.api.repeats import Repeats
from alphapanda.config.settings import Settings
from alphapanda.store import migrating
from alphapanda.store.database import Database

LOG = log.get("api")
ANSWER_S = 2.5
"""How long a request waits for the database, in all."""


class Part(Protocol):
    """What lives as long as the process."""

    async def start(self) -> None:
        """Begin, or raise what the process ends with."""

    async def stop(self) -> None:
        """Let go of everything."""


class Monitor(Part, Protocol):
    """What watches the pipeline and the health of every part; other code brings it."""

    def health(self) -> Mapping[str, Any]:
        """Return the last look at every part: `{"state": ..., "parts": {...}}`."""

    def pipeline(self) -> Mapping[str, Any]:
        """Return the last figures beside those of the stages: lag, rates, what is impossible."""

    def services(self) -> list[Mapping[str, Any]]:
        """Return the processes that have given a sign of life."""

    def latency(self) -> Mapping[str, Any]:
        """Return p50, p95 and p99 by step, null where nobody has measured."""

    def lag(self) -> Mapping[str, Any]:
        """Return how much of each topic's partitions waits for the projector."""

    async def test_alerts(self) -> Mapping[str, str]:
        """Send a message by every channel of alerts; return by channel `ok`, or why not."""


class NoMonitor:
    """Stands for the monitor where there is none: everything is unknown, nothing is well."""

    async def start(self) -> None:
        """Nothing is needed."""

    async def stop(self) -> None:
        """Nothing is held."""

    def health(self) -> Mapping[str, Any]:
        """Return that nobody looks."""
        return {"state": "unknown", "parts": {}}

    def pipeline(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}

    def services(self) -> list[Mapping[str, Any]]:
        """Return none."""
        return []

    def latency(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}

    def lag(self) -> Mapping[str, Any]:
        """Return that nobody looks."""
        return {"enabled": False, "group": None, "items": []}

    async def test_alerts(self) -> Mapping[str, str]:
        """Return no channel."""
        return {}


@dataclass
class Services:
    """The parts of one API, by what they do."""

    settings: Settings
    database: Database
    auth: AuthService
    monitor: Monitor
    control: Control
    hub: Hub
    origins: Origins
    commands_log: SlidingLog
    kills_log: SlidingLog
    repeats: Repeats
    tests_log: SlidingLog = field(default_factory=lambda: SlidingLog(3, 60))
    """Counts tests of alerts: each is a message on somebody's phone."""
    ready: bool = False
    failure: BaseException | None = None
    """Why the start failed."""
    more: list[Part] = field(default_factory=list)
    """Parts that start after the monitor, such as the alerts'."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all parts in order; what began is stopped in reverse, also if a later one fails.

        Raises:
            OutsideError: if one can't start; the message says what to do.
        """
        async with AsyncExitStack() as stack:
            parts: tuple[Part, ...] = (
                self.database, Migrated(self.database), self.auth, self.hub, self.control,
                self.monitor, *self.more,
            )  # fmt: skip
            stack.push(self._note)
            for part in parts:
                await part.start()
                stack.push_async_callback(part.stop)
            self.ready = True
            try:
                yield
            finally:
                self.ready = False

    def _note(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and self.failure is None:
            self.failure = error
            LOG.error("the API can't start, or has failed", exc_info=error)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Give a session to read by, for a short while.

        Raises:
            ApiError: if the database does not answer.
        """
        async with self._session(writes=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Give a session to write by, for a short while; what is not committed is undone.

        Raises:
            ApiError: if the database does not answer.
        """
        async with self._session(writes=True) as session:
            yield session

    @asynccontextmanager
    async def _session(self, *, writes: bool) -> AsyncIterator[AsyncSession]:
        if self.auth.down:
            raise unavailable()
        try:
            async with asyncio.timeout(ANSWER_S), self.database.session(writes=writes) as session:
                yield session
        except (OperationalError, InterfaceError, WaitedTooLong, OSError, TimeoutError) as error:
            LOG.warning("the database does not answer", error=error)
            raise unavailable() from None


class Migrated:
    """Sees that the database has this version's schema; an outdated one is no start."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def start(self) -> None:
        """Look."""
        await migrating.require_current(self.database)

    async def stop(self) -> None:
        """Nothing is held."""


def services_of(connection: HTTPConnection) -> Services:
    """Return the services of the application that a request came to."""
    found: Services = connection.app.state.services
    return found
