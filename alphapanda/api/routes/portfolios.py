"""Portfolios: what each run holds, what it has earned after costs, and what it cost."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from alphapanda import log
from alphapanda.api.answers import answer, not_found
from alphapanda.api.lists import Limit, Moment, Word, moment, size
from alphapanda.api.lists import listed as list_of
from alphapanda.api.routes.runs import run_of
from alphapanda.api.scopes import V1
from alphapanda.api.services import Services, services_of
from alphapanda.api.shapes import row_shown
from alphapanda.api.valuing import Valued, valued
from alphapanda.api.who import who_of
from alphapanda.errors import ODD
from alphapanda.model.money import text, to_scaled
from alphapanda.store.trading import Fill, PnlSnapshot, Position, Run

LOG = log.get(__name__)
ROUTER = APIRouter(prefix=f"{V1}/portfolios", tags=["portfolios"])
POINTS = 2_000
REPORT, SUMMARY = "report.html", "summary.json"
REPORT_CSP = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


@ROUTER.get("", summary="List portfolios")
async def listed(request: Request, mode: Word = "", limit: Limit = "20") -> Response:
    """Return, by run and strategy, the newest P&L after costs, its worst, and the exposure."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    query = select(Run).where(Run.owner_id == who.owner).order_by(Run.started_ns.desc())
    query = query.where(Run.mode == mode) if mode else query
    async with services.reading() as session:
        runs = list(await session.scalars(query.limit(count)))
        items = [each for run in runs for each in await of_run(session, services, run)]
    return list_of(items)


async def of_run(session: AsyncSession, services: Services, run: Run) -> list[dict[str, Any]]:
    """Return the portfolios of a run, one a strategy."""
    mine = PnlSnapshot.run_id == run.run_id
    last = select(func.max(PnlSnapshot.seq)).where(mine).group_by(PnlSnapshot.strategy)
    newest = {
        row.strategy: row
        for row in await session.scalars(
            select(PnlSnapshot).where(mine, PnlSnapshot.seq.in_(last))
        )
    }  # fmt: skip
    worst = await session.execute(
        select(PnlSnapshot.strategy, func.min(PnlSnapshot.pnl)).where(mine)
        .group_by(PnlSnapshot.strategy)
    )  # fmt: skip
    lows: dict[str, int] = {row[0]: row[1] for row in worst}
    held: dict[str, list[Valued]] = {}
    ticks = services.hub.ticks(run.run_id, run.manifest.get("feed"))
    for row in await session.scalars(select(Position).where(Position.run_id == run.run_id)):
        held.setdefault(row.strategy, []).append(valued(row, ticks.get(row.instrument)))
    return [
        {
            "run": run.run_id, "broker": run.broker, "mode": run.mode, "status": run.status,
            "strategy": strategy, **pnl(newest.get(strategy)), "lowest": money(lows.get(strategy)),
            **exposure(held.get(strategy, [])),
        }
        for strategy in sorted({*newest, *held, *run.strategies})
    ]  # fmt: skip


def pnl(row: PnlSnapshot | None) -> dict[str, Any]:
    """Return P&L as the core booked it last; null where nothing was booked."""
    names = ("realised", "unrealised", "charges", "pnl")
    return {
        **{name: None if row is None else text(getattr(row, name)) for name in names},
        "pnl_ts": None if row is None else row.ts,
    }


def money(amount: int | None) -> str | None:
    """Return money as text, null for none."""
    return None if amount is None else text(amount)


def exposure(rows: list[Valued]) -> dict[str, Any]:
    """Return what is held by value: null where a price is missing."""
    open_rows = [row for row in rows if row.quantity]
    values = [row.value for row in open_rows]
    known = [value for value in values if value is not None]
    whole = len(known) == len(values)
    return {
        "open_positions": len(open_rows),
        "gross": text(sum(map(abs, known))) if whole else None,
        "net": text(sum(known)) if whole else None,
    }


@ROUTER.get("/{run}/positions", summary="List a run's positions")
async def positions(request: Request, run: str) -> Response:
    """Return positions, valued by the newest tick; null where there is none, with its age."""
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        row = await run_of(session, who, run)
        feed = row.manifest.get("feed")
        rows = list(await session.scalars(
            select(Position).where(Position.run_id == run)
            .order_by(Position.strategy, Position.instrument)
        ))  # fmt: skip
    ticks, now = services.hub.ticks(run, feed), time.time_ns()
    return list_of([
        {**row_shown(row), **valued(row, ticks.get(row.instrument)).shown(now)} for row in rows
    ])  # fmt: skip


@ROUTER.get("/{run}/pnl", summary="Show a run's P&L as it came")
async def curve(
    request: Request, run: str, strategy: Word = "", since: Moment = "", until: Moment = ""
) -> Response:  # fmt: skip
    """Return the curve, thinned to at most 2,000 points: of each stretch the last is kept.

    `lowest` is that of all strategies together, of all points and not of the thinned ones.
    """
    services, who = services_of(request), who_of(request.scope)
    where = [PnlSnapshot.run_id == run]
    if strategy:
        where.append(PnlSnapshot.strategy == strategy)
    first, last = moment(since), moment(until)
    where += [PnlSnapshot.ts >= first] if first is not None else []
    where += [PnlSnapshot.ts <= last] if last is not None else []
    async with services.reading() as session:
        await run_of(session, who, run)
        total = await session.scalar(select(func.count()).select_from(PnlSnapshot).where(*where))
        names = (await session.scalars(
            select(PnlSnapshot.strategy).where(*where).distinct()
        )).all()  # fmt: skip
        low = await lowest(session, *where)
        each = max(POINTS // max(len(names), 1), 2)
        place = func.row_number().over(
            partition_by=PnlSnapshot.strategy, order_by=PnlSnapshot.seq.desc()
        )
        numbered = select(PnlSnapshot, place.label("place")).where(*where).subquery()
        step = max(-(-(total or 0) // each), 1)
        rows = (await session.execute(
            select(numbered).where((numbered.c.place - 1) % step == 0).order_by(numbered.c.seq)
        )).mappings().all()  # fmt: skip
    series: dict[str, list[list[Any]]] = {name: [] for name in sorted(names)}
    for row in rows:
        amounts = (row[name] for name in ("pnl", "realised", "unrealised", "charges"))
        series[row["strategy"]].append([row["ts"], *map(text, amounts)])
    columns = ["ts", "pnl", "realised", "unrealised", "charges"]
    return answer({
        "columns": columns, "series": series, "points": len(rows), "of": total,
        "lowest": money(low),
    })  # fmt: skip


async def lowest(session: AsyncSession, *where: ColumnElement[bool]) -> int | None:
    """Return the lowest P&L of all strategies together; snapshots of one time count as one."""
    before = func.lag(PnlSnapshot.pnl, 1, 0).over(
        partition_by=PnlSnapshot.strategy, order_by=PnlSnapshot.seq
    )
    steps = select(PnlSnapshot.ts, (PnlSnapshot.pnl - before).label("step")).where(*where)
    of = steps.subquery()
    sums = select(func.sum(of.c.step).over(order_by=of.c.ts).label("sum")).subquery()
    found = await session.scalar(select(func.min(sums.c.sum)))
    return None if found is None else int(found)


@ROUTER.get("/{run}/charges", summary="Show what a run's trading cost")
async def charges(request: Request, run: str) -> Response:
    """Return charges by strategy: those of its fills, and (the rest) those of no fill.

    `kinds` are those of the whole run by kind, as its summary has them: null until it has ended,
    since a contract note is rounded by the day.
    """
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        row = await run_of(session, who, run)
        found = await session.execute(
            select(Fill.strategy, func.sum(Fill.charges), func.count(),
                   func.sum(Fill.quantity * Fill.price)).where(Fill.run_id == run)
            .group_by(Fill.strategy)
        )  # fmt: skip
        by_fills = {name: (int(cost), count, int(value)) for name, cost, count, value in found}
        folios = await of_run(session, services, row)
    items = []
    for folio in folios:
        name = folio["strategy"]
        cost, count, turnover = by_fills.get(name, (0, 0, 0))
        items.append({
            "strategy": name, "total": folio["charges"], "of_fills": text(cost), "fills": count,
            "turnover": text(turnover),
        })  # fmt: skip
    here = services.control.runs.runs.get(run)
    mine = here is not None and here.owner == who.owner and here.ended
    kinds = await asyncio.to_thread(kinds_in, here.folder) if here is not None and mine else None
    return answer({
        "items": items, "next": None, "as_of": time.time_ns(), "stale": False, "kinds": kinds,
    })  # fmt: skip


def kinds_in(folder: Path) -> dict[str, str] | None:
    """Return a run's charges by kind, from its summary; None if there is none."""
    try:
        told = json.loads((folder / SUMMARY).read_bytes())["charges_by"]
        return {str(kind): text(to_scaled(str(amount))) for kind, amount in told.items()}
    except ODD as error:
        LOG.debug("a run's summary can't be read", folder=folder, error=error)
        return None


@ROUTER.get("/{run}/report", summary="Show a run's report page")
async def report(request: Request, run: str) -> Response:
    """Return the run's own page, where it was made; it may do nothing but draw itself."""
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        await run_of(session, who, run)
    here = services.control.runs.runs.get(run)
    if here is None or here.owner != who.owner or not (here.folder / REPORT).is_file():
        raise not_found()
    body = (here.folder / REPORT).read_bytes()
    headers = {"Content-Security-Policy": REPORT_CSP, "Cache-Control": "no-store"}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)
