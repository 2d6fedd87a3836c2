"""The parts a process may be made of, by role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from alphapanda import log
from alphapanda.brokers.ports import MarketSource
from alphapanda.bus.feed_sender import FeedSender
from alphapanda.config.settings import Settings
from alphapanda.engine.compiler.program import package_sources
from alphapanda.errors import AlphaPandaError
from alphapanda.events.events import Broker, Envelope
from alphapanda.events.feeds import Feed
from alphapanda.journal.journal import FILE, Journal, manifest_of
from alphapanda.journal.records import Reader
from alphapanda.monitor.beating import Heartbeat
from alphapanda.runs.timing import STEPS
from alphapanda.runtime.failing import failure_told
from alphapanda.runtime.lifecycle import Part, Parts
from alphapanda.runtime.projecting import RunProjector
from alphapanda.runtime.relaying import RunRelay
from alphapanda.runtime.venues import ALL, Sending

AGAIN = "started again, it goes on"


class Role(StrEnum):
    """What a process may be there for."""

    FEED = "feed"
    """Publishes the rows of a feed."""
    TRADE = "trade"
    """Runs strategies over a feed, and keeps the run's journal."""
    RELAY = "relay"
    """Publishes what the journal holds."""
    PROJECT = "project"
    """Keeps the tables and the board: by the journal beside a run, else by the topics."""
    SCHEDULE = "schedule"
    """Runs notebooks at their times; alone in its process."""
    API = "api"
    """Serves the API and its page; alone in its process."""


OF_A_RUN = frozenset({Role.FEED, Role.TRADE, Role.RELAY, Role.PROJECT})
"""What a process does that is told no roles."""


@dataclass(frozen=True)
class Wanted:
    """What a process is asked to do, in the words of the command line."""

    strategies: Sequence[str]
    given: Mapping[str, Any]
    feed: Sequence[str]
    roles: frozenset[Role] = OF_A_RUN
    speed: str | None = None
    out: Path | None = None
    broker: Broker = Broker.PAPER
    """Where its orders go; the core fills those on paper."""
    sending: Sending = ALL
    """What of them leaves."""
    until: date | None = None
    """The last day of a run at a broker; None: the first on which it holds nothing over night."""
    accepts: bool = False
    """A day at a broker may be closed although the books differ."""
    deployment: str = ""
    """Whose strategies `given` has, each with what it may."""
    notes: Sequence[str] = ()
    """What is to be said of the run beside what is found."""


@dataclass
class Process:
    """A process while its parts are made."""

    settings: Settings
    roles: frozenset[Role]
    folder: Path | None = None
    feed: Feed | None = None
    """The feed that this process has the rows of."""
    phases: Sequence[Envelope] = ()
    """The changes of phase of its days."""
    source: MarketSource | None = None
    """Where the rows come from that this process trades on."""
    parts: dict[Role, Part] = field(default_factory=dict)


def sender(process: Process) -> Part | None:
    """Return what publishes the feed's rows."""
    if Role.TRADE in process.roles or process.feed is None:
        return None
    return FeedSender(process.settings, process.feed, process.phases)


def source_part(process: Process) -> Part | None:
    """Return the long-lived part of the source, where it has one."""
    if process.source is None:
        return None
    part: Part | None = process.source.part
    return part


def relay(process: Process) -> Part | None:
    """Return what publishes the run's journal."""
    if not process.settings.bus.enabled or process.folder is None:
        return None
    return RunRelay(process.settings, process.folder)


def projector(process: Process) -> Part | None:
    """Return what projects the run's journal, or the topics."""
    settings = process.settings
    if process.folder is not None:
        return RunProjector(settings, process.folder) if settings.has_database else None
    from alphapanda.projection.from_topics import TopicReader  # noqa: PLC0415 (SQLAlchemy)
    from alphapanda.projection.projector import Projector  # noqa: PLC0415

    return TopicReader(settings, Projector(settings))


PARTS: dict[Role, Callable[[Process], Part | None]] = {
    Role.FEED: sender,
    Role.TRADE: source_part,
    Role.RELAY: relay,
    Role.PROJECT: projector,
}
"""The long-lived part of each role, None where the process can do without."""


def begun(process: Process, parts: Parts, stack: ExitStack) -> Process:
    """Start the parts of a process's roles, concurrently; from now on its failure is told."""
    log.start(process.settings)
    made = {role: PARTS[role](process) for role in PARTS if role in process.roles}
    process.parts = {role: part for role, part in made.items() if part is not None}
    words = "+".join(role for role in Role if role in process.roles)
    beat = Heartbeat(
        process.settings, words, code=package_sources().hex(),
        parts={str(role): part for role, part in process.parts.items()},
        run_id=RunName(process.folder), figures=STEPS.figures,
    )  # fmt: skip
    parts.start(*process.parts.values(), beat)
    stack.enter_context(failure_told(
        process.settings, parts, words, lambda: concerned(process)
    ))  # fmt: skip
    return process


class RunName:
    """The id of the run in a folder, once its journal has begun; asked at every beat."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / FILE
        self._name = ""

    def __call__(self) -> str:
        """Return it, or an empty string."""
        if not self._name and self._file is not None and self._file.is_file():
            with suppress(OSError, AlphaPandaError, StopIteration):
                first = next(Reader(self._file).records())
                self._name = str(manifest_of(first.payload, self._file)["run_id"])
        return self._name


def concerned(process: Process) -> str:
    """Return the run, or the feed, that a process is there for."""
    if process.folder is None:
        return process.feed.id if process.feed is not None else ""
    journal = Journal(process.folder / FILE)
    with suppress(OSError, AlphaPandaError):  # there is none yet, or it is damaged
        journal.refresh()
    return str(journal.contents.manifest.get("run_id", process.folder.name))
