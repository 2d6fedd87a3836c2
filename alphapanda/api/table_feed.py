"""What the tables have gained: events that nobody may miss, owners of runs, copies for a board."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.api.refusals import sentence
from alphapanda.api.shapes import alert_shown, command_shown, row_shown
from alphapanda.config.settings import Settings
from alphapanda.projection import changes
from alphapanda.projection.live import BOUNDS, RUNS, Change
from alphapanda.projection.rows import read
from alphapanda.store.access import CommandRequest
from alphapanda.store.database import Database, answering
from alphapanda.store.people import Alert
from alphapanda.store.trading import Fill, Order, PnlSnapshot, Position, Run, Signal, Stage
from alphapanda.store.words import AlertState, SignalStatus

LOOK_S = 2.0
KNOWN_RUNS = 500
AT_ONCE = 500
"""Events of a run and kind that one look takes; the others come with the next."""
STREAMED = ("paper", "live")


class Told(NamedTuple):
    """An event for those of an owner who watch a topic."""

    topic: str
    owner: str
    run: str
    data: dict[str, Any]


@dataclass
class Found:
    """What a look has found."""

    told: list[Told] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)
    """Owners with a run that was not known before."""


class TableFeed:
    """Looks at the tables for all who watch; nobody looks for himself."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.owners: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._alerts: dict[str, tuple[str, int]] = {}
        self._commands: dict[str, str] = {}
        self._begun = False

    async def look(self, *, copies: bool) -> Found:
        """Return what is new; `copies`: also what a board shows otherwise now.

        Raises:
            OutsideError: if the database does not answer.
        """
        # What was looked at counts as seen only with the whole: a look that fails on its way loses
        # what it has found, and the next one has to find it again.
        found = Found()
        with answering(self.settings):
            async with asyncio.timeout(LOOK_S), self.database.session() as session:
                owners, seen = await self._runs(session, found, copies=copies)
                alerts = await self._alert(session, found)
                commands = await self._command(session, found)
        self.owners.update(owners)
        self._seen.update(seen)
        self._alerts, self._commands, self._begun = alerts, commands, True
        return found

    async def _runs(
        self, session: AsyncSession, found: Found, *, copies: bool
    ) -> tuple[dict[str, str], dict[str, int]]:
        owners: dict[str, str] = {}
        seen: dict[str, int] = {}
        begun = func.coalesce(Run.state_ns, Run.started_ns)
        rows = (await session.execute(
            select(Run.run_id, Run.owner_id, Run.mode, Run.seq)
            .order_by(begun.desc()).limit(KNOWN_RUNS)
        )).all()  # fmt: skip
        for place, (run, owner, mode, now) in enumerate(rows):
            if run not in self.owners:
                owners[run] = owner
                found.runs.add(owner)
                if not self._begun or mode not in STREAMED:
                    seen[run] = -1 if copies and place < RUNS else now
            before = seen.get(run, self._seen.get(run, -1))
            if now == before:
                continue
            if copies and place < RUNS:
                found.changes += await board_since(session, run, before)
            streamed = self._begun and mode in STREAMED
            told, seq = await activity(session, run, before, now) if streamed else ([], now)
            found.told += told
            seen[run] = seq
        return owners, seen

    async def _alert(self, session: AsyncSession, found: Found) -> dict[str, tuple[str, int]]:
        rows = list(await session.scalars(
            select(Alert).where(Alert.state != AlertState.RESOLVED)
            .order_by(Alert.ts.desc()).limit(AT_ONCE)
        ))  # fmt: skip
        now = {str(row.id): (row.state, row.count) for row in rows}
        gone = [key for key in self._alerts if key not in now]
        if gone and self._begun:
            ended = await session.scalars(
                select(Alert)
                .where(Alert.state == AlertState.RESOLVED)
                .order_by(Alert.last_ns.desc())
                .limit(AT_ONCE)
            )
            rows += [row for row in ended if str(row.id) in gone]
        for row in rows:
            if self._begun and self._alerts.get(str(row.id)) != (row.state, row.count):
                shown = alert_shown(row)
                found.told.append(Told("alerts", row.owner_id, row.run_id or "", shown))
        return now

    async def _command(self, session: AsyncSession, found: Found) -> dict[str, str]:
        rows = await session.scalars(
            select(CommandRequest).order_by(CommandRequest.requested_ns.desc()).limit(100)
        )
        now = {}
        for row in list(rows)[::-1]:
            now[row.id] = row.state
            if self._begun and self._commands.get(row.id) != row.state:
                shown = {"type": "command", **command_shown(row)}
                found.told.append(Told("activity", row.owner_id, row.run_id, shown))
        return now


async def activity(
    session: AsyncSession, run: str, after: int, upto: int
) -> tuple[list[Told], int]:  # fmt: skip
    """Return the fills, refusals and orders of a run behind an event, and up to which event."""
    found: list[tuple[int, str, Any]] = []
    tables: dict[str, tuple[Any, Any]] = {
        "fill": (Fill, true()), "order": (Order, true()),
        "refusal": (Signal, Signal.status == SignalStatus.REJECTED),
    }  # fmt: skip
    for kind, (table, only) in tables.items():
        rows: list[Any] = list(await session.scalars(
            select(table).where(table.run_id == run, table.seq > after, table.seq <= upto, only)
            .order_by(table.seq).limit(AT_ONCE)
        ))  # fmt: skip
        found += [(row.seq, kind, row) for row in rows]
        if len(rows) == AT_ONCE:
            upto = min(upto, rows[-1].seq)
    found.sort(key=lambda each: each[:2])
    told = [
        Told("activity", row.owner_id, run, {"type": kind, **told_of(row)})
        for seq, kind, row in found if seq <= upto
    ]  # fmt: skip
    return told, upto


def told_of(row: Any) -> dict[str, Any]:
    """Return a row, and a refusal in words too."""
    shown = row_shown(row)
    if isinstance(row, Signal):
        shown["sentence"] = sentence(row)
    return shown


async def board_since(session: AsyncSession, run_id: str, after: int) -> list[Change]:
    """Return what a board shows otherwise of a run since an event."""
    run = await session.get(Run, run_id)
    if run is None:
        return []
    if after < 0:
        return await changes.everything(session, run)
    newest = (
        select(func.max(PnlSnapshot.seq)).where(PnlSnapshot.run_id == run_id)
        .group_by(PnlSnapshot.strategy)
    )  # fmt: skip
    orders = await read(session, Order, Order.run_id == run_id, Order.seq > after)
    return [
        changes.of_run(run),
        *changes.of_stages(run, await read(session, Stage, Stage.run_id == run_id),
                           await changes.waiting(session, run_id)),
        *map(changes.of_position, await read(
            session, Position, Position.run_id == run_id, Position.seq > after)),
        *map(changes.of_order, by_seq(orders)[-BOUNDS["orders"]:]),
        *map(changes.of_pnl, await read(
            session, PnlSnapshot, PnlSnapshot.run_id == run_id, PnlSnapshot.seq > after,
            PnlSnapshot.seq.in_(newest))),
    ]  # fmt: skip


def by_seq(rows: Sequence[Any]) -> list[Any]:
    """Return rows in the order in which they last changed."""
    return sorted(rows, key=lambda row: row.seq)
