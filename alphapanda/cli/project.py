"""The command `project`: journals, or the topics, into tables and board; again from nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.text import Text

from alphapanda import config, log
from alphapanda.cli.journals import journals
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import progress_bar
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import EventError
from alphapanda.journal.journal import DamageError, Journal
from alphapanda.projection.follower import Follower, source_in
from alphapanda.projection.from_topics import TopicReader, rewind
from alphapanda.projection.projector import Projector
from alphapanda.research.table import count
from alphapanda.runs.folders import folder_of

FINDING = 1

Show = Callable[[int, int], None]


@dataclass
class Projected:
    """What was done."""

    source: str
    """`journals` or `topics`."""
    runs: list[str] = field(default_factory=list)
    """Run ids, of those that were read."""
    events: int = 0
    """That are in the tables now and were not before."""
    refused: int = 0
    letters: int = 0
    """Messages that were put among the dead letters: refused events, and what is no event."""
    waiting: dict[str, int] = field(default_factory=dict)
    """By run: the event that is missing, so that later ones wait."""
    damaged: list[str] = field(default_factory=list)
    """Journals that can't be read, and why."""
    seconds: float = 0


def project(runs: Sequence[str], *, rebuild: bool, json: bool) -> int:
    """Project and tell what was done; return the exit status."""
    settings = config.load()
    topics = settings.bus.enabled and not runs
    begun = time.monotonic()
    log.start(settings)
    try:
        with progress_bar(quiet=json, what="project", unit="events") as bar:
            show: Show = lambda done, total: None if bar is None else bar(done, total, 0)  # noqa: E731
            if topics:
                made = asyncio.run(from_topics(settings, rebuild=rebuild, show=show))
            else:
                made = asyncio.run(from_journals(settings, runs, rebuild=rebuild, show=show))
    finally:
        log.stop()
    made.seconds = round(time.monotonic() - begun, 3)
    if json:
        print_json(asdict(made))
    else:
        print_table(Text("\n".join(lines(made))))
    if made.damaged:
        raise OutsideError("\nalphapanda: ".join(made.damaged))
    return FINDING if made.refused or made.letters or made.waiting else 0


def lines(made: Projected) -> list[str]:
    """Return what was done as people read it."""
    rate = f", {count(round(made.events / made.seconds))}/s" if made.seconds else ""
    told = [f"{count(made.events)} events taken in from the {made.source}{rate}"]
    if made.runs:
        told[0] = f"{len(made.runs)} run{'s' * (len(made.runs) != 1)}: {told[0]}"
    if made.refused:
        told.append(f"{made.refused} events can't be true and were passed over: see the log")
    if made.letters:
        told.append(f"{made.letters} new dead letters: alphapanda dlq list")
    told += [f"{run}: event {seq} is missing" for run, seq in made.waiting.items()]
    return told


async def from_journals(
    settings: Settings, runs: Sequence[str], *, rebuild: bool, show: Show
) -> Projected:  # fmt: skip
    """Take in the journals of some runs, or of all under runs/.

    Raises:
        UsageError: if a run has no journal; nothing was done then.
        OutsideError: if the database does not answer; what was taken in stays.
    """
    made = Projected("journals")
    named = [(folder, opened(folder)) for folder in map(folder_of, runs)]
    found: list[tuple[Path, Journal]] = []
    for folder, journal in named if runs else journals():
        if isinstance(journal, Journal):
            found.append((folder, journal))
        else:
            made.damaged.append(f"{folder}: {journal}")
    done, total = 0, sum(journal.seq for _, journal in found)
    projector = Projector(settings, patient=rebuild)
    await projector.start()
    try:
        for folder, journal in found:
            follower = Follower(projector, source_in(journal))
            run_id = follower.source.run_id
            made.runs.append(run_id)
            if rebuild:  # a run at a time: what a crash leaves undone is as it was
                await projector.tables.clear(run_id)
            try:
                while await follower.step():
                    show(min(done + (follower.position or 0), total), total)
            except (DamageError, EventError) as error:
                made.damaged.append(f"{folder}: {error}")
            done += journal.seq
    finally:
        await projector.stop()
    return noted(made, projector)


def opened(folder: Path) -> Journal | DamageError:
    """Return a run's journal, or what is wrong with it."""
    try:
        return Journal.open(folder)
    except DamageError as error:
        return error


async def from_topics(settings: Settings, *, rebuild: bool, show: Show) -> Projected:
    """Take in what is on the topics now.

    Raises:
        UsageError: if all is to be made again, and the topics no longer hold all.
        OutsideError: if database or server do not answer; what was taken in stays.
    """
    projector = Projector(settings, patient=rebuild)
    reader = TopicReader(settings, projector)
    if rebuild:
        await cleared(settings)
    await reader.start()
    try:
        await reader.caught_up(show)
    finally:
        await reader.stop()
    made = Projected("topics", letters=reader.processor.delivery.delivered.letters)
    return noted(made, projector)


async def cleared(settings: Settings) -> None:
    """Let the group begin anew, then drop the tables' rows: in between, repeats change nothing."""
    await rewind(settings)
    projector = Projector(settings, patient=True)
    await projector.start()
    try:
        await projector.tables.clear()
    finally:
        await projector.stop()


def noted(made: Projected, projector: Projector) -> Projected:
    """Return what was done, with what the projector says of it."""
    progress = projector.progress
    made.events, made.refused = progress.taken, progress.refused
    made.waiting = {run: seq for run, (seq, _) in progress.holes.items()}
    return made
