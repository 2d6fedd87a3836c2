"""Drops the projections and makes them again from the runs' own events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from alphapanda.errors import UsageError
from alphapanda.project.projector import decoded
from alphapanda.project.sources import Source
from alphapanda.project.tables import MOST, Place, Tables, source_of
from alphapanda.store.database import Database

Show = Callable[[int, int, str, int], None]
"""Runs done, runs in all, the run at hand, its events so far."""


@dataclass
class Rebuilt:
    """What was made again."""

    runs: dict[str, int] = field(default_factory=dict)
    """Events by run."""
    refused: list[str] = field(default_factory=list)
    """Events that are none, or can't be true."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Runs that lack an event, and which."""
    dropped: list[str] = field(default_factory=list)
    """Runs of the tables that have no source any more."""


async def rebuild(
    database: Database, sources: Sequence[Source], *, only: bool = False, drop: bool = False,
    show: Show | None = None,
) -> Rebuilt:  # fmt: skip
    """Make the tables again from sources; a projector that runs meanwhile does no harm.

    `only` leaves all other runs as they are. Without it, runs of the tables that have no source are
    dropped if `drop` says so.

    Raises:
        UsageError: if there are such runs and it does not.
        OutsideError: if the database does not answer, or a source is damaged.
    """
    tables, made = Tables(database), Rebuilt()
    names = [source.run_id for source in sources]
    if not only:
        lost = sorted({*await tables.runs()} - {*names})
        if lost and not drop:
            raise UsageError(
                f"{', '.join(lost)}: in the tables, but without a journal here, so what they show "
                "would be lost: --drop says that it may be, --run RUN rebuilds the others"
            )
        made.dropped = lost
    await tables.clear(names if only else None)
    for number, source in enumerate(sources):
        async for events in again(tables, source, made):
            if show is not None:
                show(number, len(sources), source.run_id, events)
    return made


async def again(tables: Tables, source: Source, made: Rebuilt) -> AsyncIterator[int]:
    """Make the rows of one run, and yield how many events that were so far."""
    place, run = -1, source.run_id
    made.runs[run] = 0
    while found := source.outbox.read(place, MOST):
        place = found[-1][0]
        events, bad = decoded(found)
        applied = await tables.apply(events, Place(source_of(run), place))
        made.runs[run] += len(found)
        made.refused += [f"{run}: {error}" for error in bad]
        made.refused += [f"{run}: event {e.seq}: {reason}" for e, reason in applied.refused]
        for name, seq in applied.waits.items():
            made.waiting.pop(name, None)
            if seq is not None:
                made.waiting[name] = seq
        yield made.runs[run]
    if source.about is not None:
        await tables.tell(run, source.about())
