"""Events as rows: each batch in one transaction, each event of a run once and by its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import String, cast, delete, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import faults
from alphapanda.events.events import Broker, Envelope, RunStatus
from alphapanda.events.topics import BROKERS
from alphapanda.projection import changes
from alphapanda.projection.facts import LONGEST, ImpossibleError
from alphapanda.projection.fold import Fold
from alphapanda.projection.live import Change
from alphapanda.projection.rows import add
from alphapanda.projection.sequence import hold, in_order
from alphapanda.store.database import Database, answering
from alphapanda.store.trading import PROJECTIONS, Held, Run

MOST = 5_000
"""Events of a run in one transaction."""
MODES = {Broker.REPLAY: "backtest", Broker.PAPER: "paper", Broker.ZERODHA: "live"}


class About(NamedTuple):
    """What a run's manifest says that its events do not."""

    mode: str
    strategies: tuple[str, ...]
    manifest: dict[str, Any]


class Known(NamedTuple):
    """What the tables know of a run: events up to `seq`, the later ones that wait, its status."""

    seq: int
    held: frozenset[int]
    status: str | None
    """How it stands by its last word; None if nothing was said."""

    @property
    def events(self) -> int:
        """Return how many events of its sequence are here."""
        return self.seq + 1 + len(self.held)


class Refused(NamedTuple):
    """An event that can't be true, and why; it was passed over."""

    event: Envelope
    reason: str


@dataclass
class Applied:
    """What became of some events."""

    changes: list[Change] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    waits: dict[str, int | None] = field(default_factory=dict)
    """By run, the seq that others wait for; None if none does."""
    taken: int = 0
    begun: set[str] = field(default_factory=set)
    """Runs of which nothing had been taken in before."""
    more: set[str] = field(default_factory=set)

    def add(self, other: Applied) -> None:
        """Add what became of further events."""
        self.changes += other.changes
        self.refused += other.refused
        self.waits |= other.waits
        self.taken += other.taken
        self.begun |= other.begun
        self.more = other.more


class Tables:
    """The projected tables of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = {
            "owner_id": database.settings.owner_id,
            "account_id": database.settings.account_id,
        }

    async def apply(self, events: Sequence[Envelope]) -> Applied:
        """Take in events of runs in one transaction.

        Raises:
            OutsideError: if the database does not answer: give the same events again.
        """
        runs, strange = by_run(events)
        with answering(self._database.settings):
            try:
                applied = await self._together(runs)
            except (DataError, IntegrityError):
                applied = await self._one_by_one(runs)
            applied.refused += strange
            await self._go_on(applied)
        return applied

    async def release(self) -> Applied:
        """Take in events that are held though none is missing: their process died between pages.

        Raises:
            OutsideError: if the database does not answer.
        """
        ready = select(Held.run_id).join(Run, Run.run_id == Held.run_id)
        applied = Applied()
        with answering(self._database.settings):
            async with self._database.session() as session:
                applied.more = {*await session.scalars(ready.where(Held.seq == Run.seq + 1))}
            await self._go_on(applied)
        return applied

    async def place(self, run_id: str) -> int:
        """Return up to where a run's outbox has been taken in, -1 for not at all.

        Raises:
            OutsideError: if the database does not answer.
        """
        with answering(self._database.settings):
            async with self._database.session() as session:
                run = await session.get(Run, run_id)
        # Without a state its start has not been taken in; with no event, it may not have been.
        return -1 if run is None or run.state_ns is None or run.seq < 0 else run.seq + 1

    async def shown(self, runs: Sequence[str] | None = None) -> Applied:
        """Return all that a board shows of some runs, or of the latest, and what they wait for.

        Raises:
            OutsideError: if the database does not answer.
        """
        applied = Applied()
        with answering(self._database.settings):
            async with self._database.session() as session:
                for run_id in await changes.latest(session) if runs is None else runs:
                    run = await session.get(Run, run_id)
                    if run is not None:
                        applied.changes += await changes.everything(session, run)
                        waits = await session.scalar(
                            select(Held.seq).where(Held.run_id == run_id).limit(1)
                        )
                        applied.waits[run_id] = None if waits is None else run.seq + 1
        return applied

    async def clear(self, run_id: str | None = None) -> None:
        """Drop the rows of a run, or of all, in one transaction.

        Raises:
            OutsideError: if the database does not answer.
        """
        mine = [] if run_id is None else [Run.run_id == run_id]
        with answering(self._database.settings):
            async with self._database.session(writes=True) as session:
                # Locked first, in the order of `_together`: a page comes wholly before or after.
                await session.execute(
                    select(Run.run_id).where(*mine).order_by(Run.run_id).with_for_update()
                )
                await session.execute(delete(Run).where(*mine))
                for kind in PROJECTIONS:
                    run = kind.__table__.c.run_id
                    gone = delete(kind).where(run.not_in(select(Run.run_id)))  # not one just begun
                    await session.execute(gone if run_id is None else gone.where(run == run_id))
                await session.commit()
        faults.at("rows dropped")

    async def known(self, run_id: str | None = None) -> dict[str, Known]:
        """Return what is known of a run, or of each.

        Raises:
            OutsideError: if the database does not answer.
        """
        mine = [] if run_id is None else [Run.run_id == run_id]
        held: dict[str, set[int]] = {}
        with answering(self._database.settings):
            async with self._database.session() as session:
                runs = await session.execute(
                    select(Run.run_id, Run.seq, Run.status, Run.state_ns).where(*mine)
                )
                late = await session.execute(select(Held.run_id, Held.seq))
                for run, seq in late:
                    held.setdefault(run, set()).add(seq)
                return {
                    run: Known(seq, frozenset(held.get(run, ())), status if said else None)
                    for run, seq, status, said in runs
                }

    async def without_manifest(self) -> list[str]:
        """Return the runs of which no manifest is known: events of earlier releases hold none.

        Raises:
            OutsideError: if the database does not answer.
        """
        bare = select(Run.run_id).where(cast(Run.manifest, String) == "{}").order_by(Run.run_id)
        with answering(self._database.settings):
            async with self._database.session() as session:
                return list(await session.scalars(bare))

    async def reset(self, runs: Sequence[str]) -> None:
        """Drop what the events of some runs have led to; what their manifests say stays.

        Raises:
            OutsideError: if the database does not answer; nothing was dropped then.
        """
        first = {"seq": -1, "status": RunStatus.RUNNING, "state_ns": None, "ended_ns": None,
                 "digest": None}  # fmt: skip
        with answering(self._database.settings):
            for run_id in runs:
                async with self._database.session(writes=True) as session:
                    mine = Run.run_id == run_id
                    await session.execute(select(Run.run_id).where(mine).with_for_update())
                    await session.execute(update(Run).where(mine).values(first))
                    for kind in PROJECTIONS:
                        if kind is not Run:
                            column = kind.__table__.c.run_id
                            await session.execute(delete(kind).where(column == run_id))
                    await session.commit()
                faults.at("rows dropped")

    async def tell(self, run_id: str, about: About) -> bool:
        """Note what the manifest of a run says; False if no event of it has been taken in.

        Raises:
            OutsideError: if the database does not answer.
        """
        with answering(self._database.settings):
            async with self._database.session(writes=True) as session:
                run = await self._opened(session, run_id)
                if run is None:
                    return False
                run.mode, run.manifest = about.mode, about.manifest
                run.strategies = list(about.strategies)
                await session.commit()
        return True

    async def _go_on(self, applied: Applied) -> None:
        while applied.more:
            applied.add(await self._together({run: [] for run in applied.more}))

    async def _together(self, events: dict[str, list[Envelope]]) -> Applied:
        applied = Applied()
        async with self._database.session(writes=True) as session:
            for run_id in sorted(events):  # in this order, so that two processes never deadlock
                await self._run(session, run_id, events[run_id], applied)
            faults.at("page written")
            await session.commit()
        return applied

    # The database refused something: each event in a transaction of its own shows which.
    async def _one_by_one(self, events: dict[str, list[Envelope]]) -> Applied:
        applied = Applied()
        for run_id in sorted(events):
            async with self._database.session(writes=True) as session:
                await self._run(session, run_id, events[run_id], applied, most=0)
                await session.commit()
            while run_id in applied.more:
                applied.add(await self._next(run_id))
        return applied

    async def _next(self, run_id: str) -> Applied:
        for skip in (False, True):
            applied = Applied()
            try:
                async with self._database.session(writes=True) as session:
                    await self._run(session, run_id, [], applied, most=1, skip=skip)
                    await session.commit()
            except (DataError, IntegrityError):
                if skip:
                    raise
            else:
                break
        return applied

    async def _run(
        self, session: AsyncSession, run_id: str, events: list[Envelope], applied: Applied, *,
        most: int = MOST, skip: bool = False,
    ) -> None:  # fmt: skip
        first = events[0] if events else None
        run = await self._opened(session, run_id, *((first.broker, first.ts) if first else ()))
        if run is None:  # dropped meanwhile, with what was held
            applied.more.discard(run_id)
            return
        if run.seq < 0 and run.state_ns is None:
            applied.begun.add(run_id)
        fresh = {event.seq: event for event in reversed(events) if event.seq > run.seq}
        ready = await in_order(session, run, fresh, most)
        fold = Fold(run)
        await fold.load(session, ready)
        words = [event for event in events if event.seq < 0]
        for event in (*words, *ready):
            try:
                take = fold.skip if skip else fold.take
                (take if event.seq >= 0 else fold.state)(event)
            except ImpossibleError as error:
                applied.refused.append(Refused(event, str(error)))
        await fold.save(session)
        applied.taken += len(ready)
        waits = await hold(session, run, fresh)
        applied.waits[run_id] = None if waits is None else run.seq + 1
        applied.more.discard(run_id)
        if waits == run.seq + 1:
            applied.more.add(run_id)
            applied.waits[run_id] = None
        pending = await changes.waiting(session, run_id)
        applied.changes += changed(fold, pending)

    async def _opened(
        self, session: AsyncSession, run_id: str, broker: str = "", ts: int = 0
    ) -> Run | None:  # fmt: skip
        mine = select(Run).where(Run.run_id == run_id).with_for_update()
        while True:  # dropped by another between the two statements, it is made anew
            if broker:
                await add(session, Run, [{
                    "run_id": run_id, "broker": broker, "mode": MODES[Broker(broker)],
                    "strategies": [], "status": RunStatus.RUNNING, "started_ns": ts,
                    "ended_ns": None, "state_ns": None, "seq": -1, "digest": None, "manifest": {},
                    **self._owner,
                }])  # fmt: skip
            run = (await session.scalars(mine)).one_or_none()
            if run is not None or not broker:
                return run


def changed(fold: Fold, pending: int) -> list[Change]:
    """Return what a board shows otherwise now."""
    pnl = {row.strategy: row for row in fold.snapshots}
    return [
        changes.of_run(fold.run),
        *changes.of_stages(fold.run, fold.stages.values(), pending),
        *map(changes.of_order, fold.touched(fold.orders)),
        *map(changes.of_position, fold.touched(fold.positions)),
        *map(changes.of_pnl, pnl.values()),
    ]


def by_run(events: Iterable[Envelope]) -> tuple[dict[str, list[Envelope]], list[Refused]]:
    """Return events by run, in the order in which they came, and those that belong to none."""
    found: dict[str, list[Envelope]] = {}
    strange = []
    for event in events:
        if event.run_id in found and event.broker in BROKERS:
            found[event.run_id].append(event)
        elif why := stray(event):
            strange.append(Refused(event, why))
        else:
            found[event.run_id] = [event]
    return found, strange


def stray(event: Envelope) -> str:
    """Return why an event can belong to no run, or an empty string."""
    run = event.run_id
    if not run or len(run) > LONGEST or not run.isprintable():
        return "no run, or one with an impossible name"
    return "" if event.broker in BROKERS else f"no broker {event.broker}"
