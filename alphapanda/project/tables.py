"""Events as rows: each batch in one transaction, each event of a run once and by its place."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.model.events import Broker, Envelope, RunStatus, decode, encode
from alphapanda.project import changes
from alphapanda.project.fold import LONGEST, Fold, ImpossibleError
from alphapanda.project.live import Change
from alphapanda.project.sources import About
from alphapanda.store.base import Base
from alphapanda.store.database import Database, unreachable
from alphapanda.store.trading import PROJECTIONS, Cursor, Held, Run, Stage

CONSUMER = "projector"
MOST = 5_000
"""Events of a run in one transaction."""
MODES = {Broker.REPLAY: "backtest", Broker.PAPER: "paper", Broker.ZERODHA: "live"}
FAILURES = (SQLAlchemyError, OSError, TimeoutError)


class Place(NamedTuple):
    """How far a source has been read."""

    source: str
    position: int


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
    more: set[str] = field(default_factory=set)

    def add(self, other: Applied) -> None:
        """Add what became of further events."""
        self.changes += other.changes
        self.refused += other.refused
        self.waits |= other.waits
        self.taken += other.taken
        self.more = other.more


class Tables:
    """The projected tables of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = {
            "owner_id": database.settings.owner_id,
            "account_id": database.settings.account_id,
        }

    async def apply(self, events: Sequence[Envelope], place: Place | None = None) -> Applied:
        """Take in events of runs, and where they were read, in one transaction.

        Raises:
            OutsideError: if the database does not answer: give the same events again.
        """
        strange = [Refused(event, why) for event in events if (why := stray(event))]
        runs = by_run(event for event in events if not stray(event))
        with self._answering():
            try:
                applied = await self._together(runs, place)
            except (DataError, IntegrityError):
                applied = await self._one_by_one(runs, place)
            applied.refused += strange
            while applied.more:
                applied.add(await self._together({run: [] for run in applied.more}, None))
        return applied

    async def position(self, source: str) -> int:
        """Return how far a source has been read, -1 for not at all.

        Raises:
            OutsideError: if the database does not answer.
        """
        mine = select(Cursor.position).where(Cursor.consumer == CONSUMER, Cursor.source == source)
        with self._answering():
            async with self._database.session() as session:
                found = await session.scalar(mine)
        return -1 if found is None else found

    async def everything(self) -> Applied:
        """Return all that a new board shows, and which runs wait for an event.

        Raises:
            OutsideError: if the database does not answer.
        """
        with self._answering():
            async with self._database.session() as session:
                shown = await changes.everything(session)
                holes = await session.execute(
                    select(Run.run_id, Run.seq).where(Run.run_id.in_(select(Held.run_id)))
                )
                return Applied(shown, waits={run: seq + 1 for run, seq in holes})

    async def runs(self) -> list[str]:
        """Return the runs there are."""
        with self._answering():
            async with self._database.session() as session:
                return list(await session.scalars(select(Run.run_id).order_by(Run.run_id)))

    async def clear(self, runs: Iterable[str] | None) -> None:
        """Drop the rows of some runs, or of all, and how far these have been read."""
        with self._answering():
            async with self._database.session(writes=True) as session:
                for run in [None] if runs is None else runs:
                    for kind in PROJECTIONS:
                        await session.execute(delete(kind).where(*belongs(kind, run)))
                await session.commit()

    async def tell(self, run_id: str, about: About) -> Change:
        """Note what the manifest says of a run, and its last word."""
        with self._answering():
            async with self._database.session(writes=True) as session:
                run = await self._opened(session, run_id, about.broker, about.started_ns)
                run.mode, run.strategies = about.mode, list(about.strategies)
                run.status, run.manifest = about.status, about.manifest
                run.digest = about.digest or None
                times = select(func.max(Stage.last_ns)).where(Stage.run_id == run_id)
                last = await session.scalar(times)
                ended = about.status != RunStatus.RUNNING
                run.ended_ns = max(last or 0, run.started_ns) if ended else None
                await session.commit()
        return changes.of_run(run)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise unreachable(self._database.settings, error) from error

    async def _together(
        self, events: dict[str, list[Envelope]], place: Place | None
    ) -> Applied:  # fmt: skip
        applied = Applied()
        async with self._database.session(writes=True) as session:
            for run_id in sorted(events):  # in this order, so that two processes never deadlock
                await self._run(session, run_id, events[run_id], applied)
            await move(session, place)
            await session.commit()
        return applied

    # The database refused something: each event in a transaction of its own shows which.
    async def _one_by_one(
        self, events: dict[str, list[Envelope]], place: Place | None
    ) -> Applied:  # fmt: skip
        applied = Applied()
        for run_id in sorted(events):
            async with self._database.session(writes=True) as session:
                await self._run(session, run_id, events[run_id], applied, most=0)
                await session.commit()
            while run_id in applied.more:
                applied.add(await self._next(run_id))
        async with self._database.session(writes=True) as session:
            await move(session, place)
            await session.commit()
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
    ) -> Run:  # fmt: skip
        mine = select(Run).where(Run.run_id == run_id).with_for_update()
        if broker:
            await insert_new(session, Run, [{
                "run_id": run_id, "broker": broker, "mode": MODES[Broker(broker)],
                "strategies": [], "status": RunStatus.RUNNING, "started_ns": ts, "ended_ns": None,
                "state_ns": None, "seq": -1, "digest": None, "manifest": {}, **self._owner,
            }])  # fmt: skip
        return (await session.scalars(mine)).one()


def changed(fold: Fold, pending: int) -> list[Change]:
    """Return what a board shows otherwise now."""
    pnl = {row["strategy"]: row for row in fold.snapshots}
    return [
        changes.of_run(fold.run),
        changes.of_stages(fold.run, fold.stages.values(), pending),
        *map(changes.of_order, fold.orders.values()),
        *map(changes.of_position, fold.positions.values()),
        *map(changes.of_pnl, pnl.values()),
    ]


def by_run(events: Iterable[Envelope]) -> dict[str, list[Envelope]]:
    """Return events by run, in the order in which they came."""
    found: dict[str, list[Envelope]] = {}
    for event in events:
        found.setdefault(event.run_id, []).append(event)
    return found


def stray(event: Envelope) -> str:
    """Return why an event can belong to no run, or an empty string."""
    run = event.run_id
    if not run or len(run) > LONGEST or not run.isprintable():
        return "no run, or one with an impossible name"
    return "" if event.broker in tuple(Broker) else f"no broker {event.broker}"


async def in_order(
    session: AsyncSession, run: Run, fresh: dict[int, Envelope], most: int
) -> list[Envelope]:
    """Take the events that follow the run's last without a gap, held ones too, out of `fresh`."""
    found: list[Envelope] = []
    held: dict[int, str] = {}
    place = run.seq + 1
    while len(found) < most:
        if place in fresh:
            found.append(fresh.pop(place))
        else:
            if place not in held:
                rows = await session.execute(
                    select(Held.seq, Held.envelope)
                    .where(Held.run_id == run.run_id, Held.seq >= place)
                    .order_by(Held.seq).limit(most - len(found))
                )  # fmt: skip
                held = {row.seq: row.envelope for row in rows}
            if place not in held:
                break
            found.append(decode(held.pop(place).encode()))
        place += 1
    return found


async def hold(session: AsyncSession, run: Run, early: dict[int, Envelope]) -> int | None:
    """Keep events that came too early, drop those taken in; return the first that is held."""
    rows = [
        {"run_id": run.run_id, "seq": seq, "envelope": encode(event).decode()}
        for seq, event in early.items()
    ]
    await insert_new(session, Held, rows)
    mine = Held.run_id == run.run_id
    first = await session.scalar(select(func.min(Held.seq)).where(mine))
    if first is not None and first <= run.seq:
        await session.execute(delete(Held).where(mine, Held.seq <= run.seq))
        first = await session.scalar(select(func.min(Held.seq)).where(mine))
    return first


async def move(session: AsyncSession, place: Place | None) -> None:
    """Note how far a source has been read; never back."""
    if place is None:
        return
    now = {"position": place.position, "updated_ns": time.time_ns()}
    mine = {"consumer": CONSUMER, "source": place.source}
    await insert_new(session, Cursor, [{**mine, **now}])
    await session.execute(
        update(Cursor).where(*[getattr(Cursor, key) == value for key, value in mine.items()])
        .where(Cursor.position < place.position).values(**now)
    )  # fmt: skip


async def insert_new(
    session: AsyncSession, kind: type[Base], rows: Sequence[dict[str, Any]]
) -> None:  # fmt: skip
    """Insert the rows that are not there yet."""
    if not rows:
        return
    dialect = session.get_bind().dialect.name
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    await session.execute(insert(kind).on_conflict_do_nothing(), rows)


def belongs(kind: type[Base], run_id: str | None) -> list[Any]:
    """Return the condition that a row is a run's, or anybody's."""
    if run_id is None:
        return []
    if kind is Cursor:
        return [Cursor.consumer == CONSUMER, Cursor.source == source_of(run_id)]
    return [kind.__table__.c.run_id == run_id]


def source_of(run_id: str) -> str:
    """Return what a run's journal is called in the table of cursors."""
    return f"journal:{run_id}"
