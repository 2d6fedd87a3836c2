"""Rows as the live board shows them: money as decimal strings, as in events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.events.events import SHARED, Bar, Envelope, EventType, SessionPhase, Tick
from alphapanda.model.money import text
from alphapanda.projection.fold import REFUSED
from alphapanda.projection.live import BOUNDS, RUNS, Change, Value
from alphapanda.projection.rows import Row, read
from alphapanda.store.trading import Order, PnlSnapshot, Position, Run, Signal, Stage
from alphapanda.store.words import SignalStatus

MONEY = {
    "filled_value", "price", "trigger_price", "cost", "realised", "charges", "last", "unrealised",
    "pnl",
}  # fmt: skip
HIDDEN = {"owner_id", "account_id", "broker", "run_id", "event_id", "manifest"}
RAW, VALIDATED, REJECTED = (
    str(kind)
    for kind in (
        EventType.TRADING_SIGNAL, EventType.VALIDATED_SIGNAL, EventType.REJECTED_SIGNAL,
    )
)  # fmt: skip


PIPELINE = "pipeline"
"""Among a run's stages: the signals that wait for a verdict, and what can't be of the counts."""


def show_columns(columns: Mapping[str, Any]) -> Value:
    """Return a row's columns as a board shows them."""
    return {
        column: text(value) if column in MONEY else value
        for column, value in columns.items() if column not in HIDDEN
    }  # fmt: skip


def of_order(row: Row) -> Change:
    """Return how an order stands."""
    return Change(row.broker, row.run_id, "orders", str(row.order_id), show_columns(vars(row)))


def of_position(row: Row) -> Change:
    """Return what is held."""
    named = f"{row.strategy}/{row.instrument}"
    return Change(row.broker, row.run_id, "positions", named, show_columns(vars(row)))


def of_pnl(row: Row) -> Change:
    """Return a strategy's P&L."""
    return Change(row.broker, row.run_id, "pnl", row.strategy, show_columns(vars(row)))


def of_run(run: Run) -> Change:
    """Return how a run stands."""
    columns = {column.name: getattr(run, column.name) for column in run.__table__.columns}
    return Change(run.broker, run.run_id, "run", run.run_id, show_columns(columns))


def of_stages(run: Run, stages: Iterable[Row], pending: int) -> list[Change]:
    """Return the counts of a run's stages, and last which of them can't be."""
    seen: dict[str, Value] = {
        row.stage: {"count": row.count, "last_ns": row.last_ns} for row in stages
    }
    wrong = list(impossible({stage: each["count"] for stage, each in seen.items()}, pending))
    told = {**seen, PIPELINE: {"pending": pending, "impossible": wrong}}
    return [Change(run.broker, run.run_id, "stages", stage, v) for stage, v in told.items()]


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
    """The newest row of each instrument; older and repeated ones are passed over.

    Rows out of a run's journal are that run's alone: another run may replay another day of the same
    instrument. Those of the bus (`run_id` empty) are of the feed that they name.
    """

    def __init__(self, run_id: str = "") -> None:
        self._run_id = run_id
        self._newest: dict[str, tuple[int, int]] = {}
        self._counts: dict[str, int] = {}

    def take(self, events: Iterable[Envelope], others: int = 0) -> Iterator[Change]:
        """Yield what rows of the market change; `others` of the same kind came before them."""
        last: dict[str, int] = {}
        for event in events:
            told = event.data
            if not isinstance(told, (Tick, Bar)):
                continue
            place = event.ts, told.feed_seq
            if place <= self._newest.get(told.instrument, (-1, -1)):
                continue
            self._newest[told.instrument] = place
            kind = str(event.type)
            self._counts[kind] = self._counts.get(kind, 0) + 1 + others
            others, last[kind] = 0, event.ts
            tick = {"ts": event.ts, "feed": event.source, **fields(told)}
            yield Change(SHARED, self._run_id, "ticks", told.instrument, tick)
        for kind, ts in last.items():
            counted = {"count": self._counts[kind], "last_ns": ts}
            yield Change(SHARED, "", "stages", kind, counted)


def of_system(event: Envelope) -> Change:
    """Return the last event of a type that concerns the system as a whole."""
    of_group = [event.data.group] if isinstance(event.data, SessionPhase) else []
    named = "/".join([event.type, event.run_id or event.key, *of_group])
    told = {"ts": event.ts, "id": event.id, **fields(event.data)}
    return Change(event.broker, "", "system", named, told)


def fields(data: Any) -> Value:
    """Return a payload's fields."""
    return {field: getattr(data, field) for field in data.__struct_fields__}


async def waiting(session: AsyncSession, run_id: str) -> int:
    """Return how many signals of a run wait for a verdict."""
    mine = select(func.count()).select_from(Signal).where(Signal.run_id == run_id)
    return await session.scalar(mine.where(Signal.status == SignalStatus.RAW)) or 0


async def latest(session: AsyncSession) -> list[str]:
    """Return the runs that a new board shows, the newest last."""
    begun = func.coalesce(Run.state_ns, Run.started_ns)
    runs = await session.scalars(select(Run.run_id).order_by(begun.desc()).limit(RUNS))
    return list(runs)[::-1]


async def everything(session: AsyncSession, run: Run) -> list[Change]:
    """Return all that a board shows of a run."""
    mine = run.run_id
    newest = select(Order.order_id).where(Order.run_id == mine).order_by(Order.seq.desc())
    last = (
        select(func.max(PnlSnapshot.seq)).where(PnlSnapshot.run_id == mine)
        .group_by(PnlSnapshot.strategy)
    )  # fmt: skip
    chosen = Order.order_id.in_(newest.limit(BOUNDS["orders"]))
    return [
        of_run(run),
        *of_stages(run, await read(session, Stage, Stage.run_id == mine),
                   await waiting(session, mine)),
        *map(of_position, await in_order(session, Position, Position.run_id == mine)),
        *map(of_order, await in_order(session, Order, Order.run_id == mine, chosen)),
        *map(of_pnl, await read(session, PnlSnapshot, PnlSnapshot.run_id == mine,
                                PnlSnapshot.seq.in_(last))),
    ]  # fmt: skip


async def in_order(session: AsyncSession, kind: type[Position | Order], *where: Any) -> list[Row]:
    """Return rows in the order in which they last changed."""
    return sorted(await read(session, kind, *where), key=lambda row: row.seq)
