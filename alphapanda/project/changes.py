"""Rows as the live board shows them: money as decimal strings, as in events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.model.events import SHARED, Bar, Envelope, EventType, Tick
from alphapanda.model.money import text
from alphapanda.project.fold import REFUSED
from alphapanda.project.live import BOUNDS, Change, Value
from alphapanda.store.trading import Order, PnlSnapshot, Position, Run, Signal, Stage
from alphapanda.store.words import SignalStatus

MONEY = {
    "filled_value", "price", "trigger_price", "cost", "realised", "charges", "last", "unrealised",
    "pnl",
}  # fmt: skip
HIDDEN = {"owner_id", "account_id", "broker", "event_id", "manifest"}
RAW, VALIDATED, REJECTED = (
    str(kind)
    for kind in (
        EventType.TRADING_SIGNAL, EventType.VALIDATED_SIGNAL, EventType.REJECTED_SIGNAL,
    )
)  # fmt: skip
RUNS = 20
"""Runs, the latest, that a new board shows."""


def shown(row: Mapping[str, Any]) -> Value:
    """Return a row's columns as a board shows them."""
    visible = {column: value for column, value in row.items() if column not in HIDDEN}
    return {c: text(value) if c in MONEY else value for c, value in visible.items()}


def columns(row: Any) -> dict[str, Any]:
    """Return a row of a table by column."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def of_order(row: Order) -> Change:
    """Return how an order stands."""
    return Change(row.broker, "orders", f"{row.run_id}/{row.order_id}", shown(columns(row)))


def of_position(row: Position) -> Change:
    """Return what is held."""
    named = f"{row.run_id}/{row.strategy}/{row.instrument}"
    return Change(row.broker, "positions", named, shown(columns(row)))


def of_pnl(row: Mapping[str, Any]) -> Change:
    """Return a strategy's P&L."""
    return Change(row["broker"], "pnl", f"{row['run_id']}/{row['strategy']}", shown(row))


def of_run(row: Run) -> Change:
    """Return how a run stands."""
    return Change(row.broker, "runs", row.run_id, shown(columns(row)))


def of_stages(run: Run, stages: Iterable[Stage], pending: int) -> Change:
    """Return the counts of a run's stages, and which of them can't be."""
    seen = {row.stage: {"count": row.count, "last_ns": row.last_ns} for row in stages}
    counts = {stage: each["count"] for stage, each in seen.items()}
    value = {"run_id": run.run_id, "stages": seen, "pending": pending}
    return Change(run.broker, "stages", run.run_id,
                  {**value, "impossible": list(impossible(counts, pending))})  # fmt: skip


def impossible(counts: Mapping[str, int], pending: int) -> Iterator[str]:
    """Yield what can't be of a run's counts; `pending` are the signals that wait for a verdict."""
    raw, validated, rejected = (counts.get(stage, 0) for stage in (RAW, VALIDATED, REJECTED))
    if raw != validated + rejected + pending:
        yield f"{raw} raw != {validated} validated + {rejected} rejected + {pending} pending"
    placed, taken = (
        counts.get(str(kind), 0) for kind in (EventType.ORDER_PLACED, EventType.ORDER_ACKNOWLEDGED)
    )
    if validated > placed:
        yield f"{validated} validated > {placed} orders placed"
    if taken and not placed:
        yield f"{taken} orders acknowledged, none placed"
    if counts.get(REFUSED):
        yield f"{counts[REFUSED]} events that can't be true"


class Market:
    """The newest row of each instrument; older and repeated ones are passed over."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, int]] = {}
        self._counts: dict[str, int] = {}

    def take(self, events: Iterable[Envelope]) -> Iterator[Change]:
        """Yield what rows of the market change."""
        for event in events:
            told = event.data
            if not isinstance(told, (Tick, Bar)):
                continue
            place = event.ts, told.feed_seq
            if place <= self._newest.get(told.instrument, (-1, -1)):
                continue
            self._newest[told.instrument] = place
            kind = str(event.type)
            self._counts[kind] = self._counts.get(kind, 0) + 1
            yield Change(SHARED, "ticks", told.instrument, {"ts": event.ts, **fields(told)})
            yield Change(SHARED, "stages", kind, {"count": self._counts[kind], "last_ns": event.ts})


def of_system(event: Envelope) -> Change:
    """Return the last event of a type that concerns the system as a whole."""
    about = event.run_id or event.key
    return Change(event.broker, "system", f"{event.type}/{about}",
                  {"ts": event.ts, "id": event.id, **fields(event.data)})  # fmt: skip


def fields(data: Any) -> Value:
    """Return a payload's fields."""
    return {field: getattr(data, field) for field in data.__struct_fields__}


async def waiting(session: AsyncSession, run_id: str) -> int:
    """Return how many signals of a run wait for a verdict."""
    mine = select(func.count()).select_from(Signal).where(Signal.run_id == run_id)
    return await session.scalar(mine.where(Signal.status == SignalStatus.RAW)) or 0


async def everything(session: AsyncSession) -> list[Change]:
    """Return what a new board shows of the tables: the latest runs and what belongs to them."""
    latest = select(Run).order_by(Run.started_ns.desc()).limit(RUNS)
    runs = list(await session.scalars(latest))[::-1]
    found: list[Change] = []
    for run in runs:
        mine = run.run_id
        stages = await session.scalars(select(Stage).where(Stage.run_id == mine))
        found += [of_run(run), of_stages(run, stages, await waiting(session, mine))]
        positions = await session.scalars(
            select(Position).where(Position.run_id == mine).order_by(Position.seq)
        )
        found += map(of_position, positions)
        orders = await session.scalars(
            select(Order).where(Order.run_id == mine)
            .order_by(Order.seq.desc()).limit(BOUNDS["orders"])
        )  # fmt: skip
        found += [of_order(row) for row in orders][::-1]
        last = (
            select(func.max(PnlSnapshot.seq)).where(PnlSnapshot.run_id == mine)
            .group_by(PnlSnapshot.strategy)
        )  # fmt: skip
        pnl = await session.scalars(
            select(PnlSnapshot).where(PnlSnapshot.run_id == mine, PnlSnapshot.seq.in_(last))
        )
        found += [of_pnl(columns(row)) for row in pnl]
    return found
