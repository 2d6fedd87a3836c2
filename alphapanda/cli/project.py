"""The command `project`: journals, or the topics, into tables and board; again from nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from alphapanda import config, log
from alphapanda.cli.flags import Json, option
from alphapanda.cli.journals import open_journals
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import progress_bar
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import EventError
from alphapanda.journal.journal import DamageError, Journal
from alphapanda.projection.follower import Follower, source_in
from alphapanda.projection.from_topics import TopicReader
from alphapanda.projection.projector import Projector
from alphapanda.projection.rebuild import Rebuilt, drop_for_topics, drop_run
from alphapanda.projection.tables import Known, Tables
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
    dropped: list[str] = field(default_factory=list)
    """Runs whose rows were dropped and made again."""
    kept: dict[str, str] = field(default_factory=dict)
    """Runs that can't be made again from what is here: their rows are as they were, and why."""
    lost: dict[str, str] = field(default_factory=dict)
    """Runs that were dropped and are not all back: what is missing."""
    bare: list[str] = field(default_factory=list)
    """Runs in the tables without their manifest: it is on no topic, only in a journal."""
    seconds: float = 0


def project(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN...]", help="By their journals. (default: topics, or all)"),
    ] = None,
    rebuild: Annotated[
        bool, option("--rebuild", text="Drop their rows, or all for the topics, and begin anew.")
    ] = False,
    json: Json = False,
) -> int:
    """Bring the tables and the board to what the topics say, or the journals under runs/."""
    settings = config.load()
    topics = settings.bus.enabled and not runs
    begun = time.monotonic()
    with log.running(settings), progress_bar(quiet=json, what="project", unit="events") as bar:
        show: Show = lambda done, total: None if bar is None else bar(done, total, 0)  # noqa: E731
        if topics:
            made = asyncio.run(from_topics(settings, rebuild=rebuild, show=show))
        else:
            made = asyncio.run(from_journals(settings, runs or [], rebuild=rebuild, show=show))
    made.seconds = round(time.monotonic() - begun, 3)
    if json:
        print_json(asdict(made))
    else:
        print_table(Text("\n".join(lines(made))))
    if made.damaged:
        raise OutsideError("\nalphapanda: ".join(made.damaged))
    findings = made.refused, made.letters, made.waiting, made.kept, made.lost
    return FINDING if any(findings) else 0


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
    if made.dropped:
        told.append(f"{count(len(made.dropped))} dropped and made again")
    told += [f"{run}: LEFT AS IT WAS, {why}" for run, why in made.kept.items()]
    told += [f"{run}: LOST, {why}" for run, why in made.lost.items()]
    if made.bare:
        told.append(
            f"{count(len(made.bare))} without manifest and options, as an earlier release "
            f"published them (first {made.bare[0]}): where its journal is, alphapanda project RUN"
        )
    if made.kept:
        told.append("what publishes a journal again: alphapanda relay RUN --again")
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
    found = here(made, runs, settings.runs_dir)
    projector = Projector(settings, patient=rebuild)
    rebuilt = Rebuilt() if rebuild else None
    await projector.start()
    try:
        await take_in(made, projector, found, rebuilt, show)
        if rebuilt is not None:
            if not runs:
                left_out(rebuilt, await projector.tables.known(), made.runs)
            await reported(made, rebuilt, projector.tables)
    finally:
        await projector.stop()
    return noted(made, projector)


def here(made: Projected, runs: Sequence[str], runs_dir: Path) -> list[tuple[Path, Journal]]:
    """Return the journals of some runs, or of all under runs/; those damaged are noted."""
    named = [(folder, opened(folder)) for folder in (folder_of(run, runs_dir) for run in runs)]
    found: list[tuple[Path, Journal]] = []
    for folder, journal in named if runs else open_journals(runs_dir):
        if isinstance(journal, Journal):
            found.append((folder, journal))
        else:
            made.damaged.append(f"{folder}: {journal}")
    return found


async def take_in(
    made: Projected, projector: Projector, found: Sequence[tuple[Path, Journal]],
    rebuilt: Rebuilt | None, show: Show,
) -> None:  # fmt: skip
    """Take in journals; for a rebuild a run at a time: what a crash leaves undone is as it was."""
    done, total = 0, sum(journal.seq for _, journal in found)
    for folder, journal in found:
        follower = Follower(projector, source_in(journal))
        made.runs.append(follower.source.run_id)
        try:
            if rebuilt is None or await drop_run(projector.tables, journal, rebuilt):
                while await follower.step():
                    show(min(done + (follower.position or 0), total), total)
        except (DamageError, EventError) as error:
            made.damaged.append(f"{folder}: {error}")
        done += journal.seq


def left_out(rebuilt: Rebuilt, known: Mapping[str, Known], runs: Sequence[str]) -> None:
    """Note the runs of the tables that have no journal here."""
    why = "no journal of it is here, and no topics are read"
    rebuilt.kept |= {run: why for run in known if run not in runs}


async def reported(made: Projected, rebuilt: Rebuilt, tables: Tables) -> None:
    """Note what became of the rows that a rebuild found."""
    made.dropped, made.kept = [*rebuilt.dropped], rebuilt.kept
    made.lost = await rebuilt.lost(tables)


def opened(folder: Path) -> Journal | DamageError:
    """Return a run's journal, or what is wrong with it."""
    try:
        return Journal.open(folder)
    except DamageError as error:
        return error


async def from_topics(settings: Settings, *, rebuild: bool, show: Show) -> Projected:
    """Take in what is on the topics now; for a rebuild from journals where some are here.

    Raises:
        UsageError: if all is to be made again, and the topics have lost their oldest messages.
        OutsideError: if database or server do not answer; what was taken in stays.
    """
    made = Projected("topics")
    rebuilt = Rebuilt()
    if rebuild:
        await from_journals_first(settings, made, rebuilt, show)
    projector = Projector(settings, patient=rebuild)
    reader = TopicReader(settings, projector)
    await reader.start()
    try:
        await reader.caught_up(show)
        await reported(made, rebuilt, projector.tables)
        made.bare = await projector.tables.without_manifest()
    finally:
        await reader.stop()
    made.letters = reader.processor.delivery.delivered.letters
    return noted(made, projector)


async def from_journals_first(
    settings: Settings, made: Projected, rebuilt: Rebuilt, show: Show
) -> None:
    """Make again the runs whose journals are here; the topics begin anew for the others."""
    found = here(made, [], settings.runs_dir)
    projector = Projector(settings, patient=True)
    await projector.start()
    try:
        await drop_for_topics(settings, projector.tables, [one for _, one in found], rebuilt)
        await take_in(made, projector, found, rebuilt, show)
    finally:
        await projector.stop()
    noted(made, projector)


def noted(made: Projected, projector: Projector) -> Projected:
    """Return what was done, with what the projector says of it."""
    progress = projector.progress
    made.events += progress.taken
    made.refused += progress.refused
    made.waiting = {run: seq for run, (seq, _) in progress.holes.items()}
    return made
