"""Makes tables again: a run's rows are dropped only where its journal, or the topics, hold it all.

What can't be made again is left as it is, and told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from alphapanda.config.settings import Settings
from alphapanda.events.events import RunStatus
from alphapanda.journal.journal import Journal
from alphapanda.projection.follower import decoded, source_in
from alphapanda.projection.from_topics import rewind
from alphapanda.projection.survey import survey
from alphapanda.projection.tables import Known, Tables

PAGE = 5_000


@dataclass
class Rebuilt:
    """What a rebuild did with the rows that were there, by run."""

    dropped: dict[str, Known] = field(default_factory=dict)
    """Dropped, to be made again."""
    kept: dict[str, str] = field(default_factory=dict)
    """Left as they were, and why."""

    async def lost(self, tables: Tables) -> dict[str, str]:
        """Return the runs that have fewer events than before they were dropped."""
        now = await tables.known() if self.dropped else {}
        return {
            run: f"{now[run].events if run in now else 0:,} of {before.events:,} events are back"
            for run, before in self.dropped.items()
            if run not in now or now[run].events < before.events
        }


async def drop_run(tables: Tables, journal: Journal, rebuilt: Rebuilt) -> bool:
    """Drop a run's rows if its journal holds what they do; say if it is to be taken in.

    Raises:
        OutsideError: if the database does not answer, or the journal is damaged.
        EventError: if it holds an event that this version does not know; nothing was dropped.
    """
    run_id = source_in(journal).run_id
    before = (await tables.known(run_id)).get(run_id)
    if before is not None:
        await asyncio.to_thread(read_through, journal)
        why = lack(journal, before)
        if why:
            rebuilt.kept[run_id] = why
            return False
        rebuilt.dropped[run_id] = before
    await tables.reset([run_id])
    return True


def read_through(journal: Journal) -> None:
    """Decode every event of a journal, as it is now.

    Raises:
        DamageError: if it is damaged.
        EventError: if one is none that this version knows.
    """
    journal.refresh()  # the tables may be taken from a run that trades
    place = -1
    while found := journal.read(place, PAGE):
        for each in found:
            decoded(*each)
        place = found[-1][0]


def lack(journal: Journal, known: Known) -> str:
    """Say what the tables know of a run that its journal does not hold; empty if it holds all."""
    last = max(known.seq, *known.held, -1)
    if last >= journal.seq:
        return f"its journal holds {journal.seq:,} of its {last + 1:,} events: it was cut"
    ended = known.status in (RunStatus.ENDED, RunStatus.RECOVERED)
    if ended and not journal.contents.ended:
        return "its journal has lost the run's end: it was cut"
    return ""


async def drop_for_topics(
    settings: Settings, tables: Tables, journals: Sequence[Journal], rebuilt: Rebuilt
) -> None:
    """Let the group begin anew, and drop the runs without a journal that the topics hold whole.

    Raises:
        UsageError: if the topics have lost their oldest messages, or a projector reads them now.
        OutsideError: if server or database do not answer; nothing was dropped then.
    """
    here = {source_in(journal).run_id for journal in journals}
    known = await tables.known()
    lacks = await survey(settings, {run: one for run, one in known.items() if run not in here})
    await rewind(settings)
    whole = [run for run, why in lacks.items() if not why]
    rebuilt.kept |= {run: why for run, why in lacks.items() if why}
    rebuilt.dropped |= {run: known[run] for run in whole}
    await tables.reset(whole)
