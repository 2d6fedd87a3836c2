"""Where events come from, and what a run's manifest says that its events do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from alphapanda.model.events import Broker, RunStatus


class Outbox(Protocol):
    """A run's events in the order in which they were written."""

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to `limit` events behind a place: (place, JSON of the envelope)."""

    def finished(self) -> bool:
        """Say if nothing will follow."""


class About(NamedTuple):
    """A run, by its manifest and its last word."""

    broker: Broker
    mode: str
    strategies: tuple[str, ...]
    status: RunStatus
    digest: str = ""
    manifest: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    started_ns: int = 0
    """Of a run that has no events yet."""


class Source(NamedTuple):
    """A run whose events can be read; `about` says how it stands at the time of the call."""

    run_id: str
    outbox: Outbox
    about: Callable[[], About] | None = None
