"""Health of every part, the pipeline's counts, lag and latency, as the monitor last saw them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from starlette.responses import Response

from alphapanda.api.answers import answer, not_found
from alphapanda.api.foreign import health_for, runs_it, service_for
from alphapanda.api.lists import Limit, Word, size
from alphapanda.api.lists import listed as list_of
from alphapanda.api.scopes import V1
from alphapanda.api.services import services_of
from alphapanda.api.who import who_of
from alphapanda.projection.changes import RAW, REJECTED, VALIDATED, impossible
from alphapanda.store.trading import Run, Signal, Stage
from alphapanda.store.words import SignalStatus

ROUTER = APIRouter(prefix=V1, tags=["monitoring"])


@ROUTER.get("/monitoring/health", summary="Show the health of every part")
async def health(request: Request) -> Response:
    """Return the last look at every part; 503 if one that must be there is down."""
    services = services_of(request)
    told = dict(services.monitor.health())
    if not runs_it(services.settings, who_of(request.scope)):
        told = dict(health_for(told))
    return answer(told, 503 if told.get("state") == "down" else 200)


@ROUTER.get("/monitoring/pipeline", summary="Show the counts of the pipeline")
async def pipeline(request: Request, run: Word = "", limit: Limit = "20") -> Response:
    """Return the counts of each run at one place of it, and what of them can't be."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    query = select(Run).where(Run.owner_id == who.owner).order_by(Run.started_ns.desc())
    query = query.where(Run.run_id == run) if run else query
    more = services.monitor.pipeline()
    items = []
    async with services.reading() as session:
        for row in await session.scalars(query.limit(count)):
            stages = list(await session.scalars(select(Stage).where(Stage.run_id == row.run_id)))
            pending = await session.scalar(select(func.count()).select_from(Signal).where(
                Signal.run_id == row.run_id, Signal.status == SignalStatus.RAW
            )) or 0  # fmt: skip
            counts = {stage.stage: stage.count for stage in stages}
            items.append({
                "run": row.run_id, "broker": row.broker, "status": row.status, "seq": row.seq,
                "raw": counts.get(RAW, 0), "validated": counts.get(VALIDATED, 0),
                "rejected": counts.get(REJECTED, 0), "pending": pending,
                "impossible": list(impossible(counts, pending)),
                "stages": {s.stage: {"count": s.count, "last_ns": s.last_ns} for s in stages},
                **dict(more.get(row.run_id, {})),
            })  # fmt: skip
    return list_of(items)


@ROUTER.get("/monitoring/latency", summary="Show how long each step takes")
async def latency(request: Request) -> Response:
    """Return p50, p95 and p99 by step; null where nobody has measured."""
    return answer(dict(services_of(request).monitor.latency()))


@ROUTER.get("/monitoring/lag", summary="Show what waits on the bus")
async def lag(request: Request) -> Response:
    """Return each partition's messages that the projector has before it, as seen last."""
    told = services_of(request).monitor.lag()
    return answer(dict(told), 503 if told.get("state") in ("down", "unknown") else 200)


@ROUTER.get("/services", summary="List the processes")
async def processes(request: Request) -> Response:
    """Return the processes that have given a sign of life."""
    services = services_of(request)
    found = services.monitor.services()
    whole = runs_it(services.settings, who_of(request.scope))
    return list_of([dict(each) if whole else service_for(each) for each in found])


@ROUTER.get("/services/{service}", summary="Show a process")
async def process(request: Request, service: str) -> Response:
    """Return a process by its `id`, ROLE-PID."""
    services = services_of(request)
    whole = runs_it(services.settings, who_of(request.scope))
    for each in services.monitor.services():
        if each.get("id") == service:
            return answer(dict(each) if whole else service_for(each))
    raise not_found()
