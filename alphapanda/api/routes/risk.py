"""Risk: the limits of each run, how much of them is used, what was refused, what is stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from alphapanda.api.lists import Limit, Word, size
from alphapanda.api.lists import listed as list_of
from alphapanda.api.scopes import V1
from alphapanda.api.services import Services, services_of
from alphapanda.api.shapes import command_shown
from alphapanda.api.stops import LIFTS
from alphapanda.api.who import Who, who_of
from alphapanda.model.commands import Verb
from alphapanda.monitor.risk_used import limits_of, used_of
from alphapanda.runs.commands import KILL
from alphapanda.store.access import CommandRequest
from alphapanda.store.trading import Run, Signal
from alphapanda.store.words import CommandState, SignalStatus

ROUTER = APIRouter(prefix=V1, tags=["risk"])


@ROUTER.get("/risk", summary="Show limits, their use, refusals and stops")
async def risk(request: Request, run: Word = "", limit: Limit = "5") -> Response:
    """Return, by run, each limit with what is used of it, null where that is not known here."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    query = select(Run).where(Run.owner_id == who.owner).order_by(Run.started_ns.desc())
    query = query.where(Run.run_id == run) if run else query
    async with services.reading() as session:
        items = [
            {
                "run": row.run_id, "broker": row.broker, "mode": row.mode, "status": row.status,
                "limits": [
                    each.shown() for each in await used_of(session, row, limits_of(row.manifest))
                ],
                "refused": await refused(session, row.run_id),
                "stopped": await stopped(services, session, who, row.run_id),
            }
            for row in await session.scalars(query.limit(count))
        ]  # fmt: skip
    told = list_of(items)
    if who.owner == services.settings.owner_id:
        told.headers["X-Kill-File"] = str((services.settings.base_dir / KILL).exists()).lower()
    return told


async def refused(session: AsyncSession, run: str) -> list[dict[str, Any]]:
    """Return how often each rule has refused."""
    found = await session.execute(
        select(Signal.code, func.count(), func.max(Signal.ts))
        .where(Signal.run_id == run, Signal.status == SignalStatus.REJECTED)
        .group_by(Signal.code).order_by(func.count().desc())
    )  # fmt: skip
    return [{"code": code, "count": count, "last_ns": last} for code, count, last in found]


async def stopped(
    services: Services, session: AsyncSession, who: Who, run: str
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what is stopped and was not let go on since: by the run's journal, where it is here.

    Whoever has stopped it, by the API, a terminal, a rule or the file KILL, stands in it.
    """
    here = services.control.runs.runs.get(run)
    found = None
    if here is not None and here.owner == who.owner:
        found = await asyncio.to_thread(services.control.stops.of, here.folder)
    if found is None:
        found = await commanded(session, who, run)
    if who.owner == services.settings.owner_id and here is not None and not here.ended:
        found += await asyncio.to_thread(killed_all, services.settings.base_dir, found)
    return [{**each, "run": run} for each in found]


def killed_all(base: Path, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the stop of every run that the file KILL is, unless a run has taken it in already."""
    path = base / KILL
    if not path.exists() or any(e["verb"] == Verb.KILL and e["scope"] == "account" for e in found):
        return []
    at, facts = path.stat().st_mtime_ns, {}
    with suppress(OSError, ValueError):
        facts = dict(json.loads(path.read_bytes() or b"{}"))
    return [{
        "id": KILL, "verb": str(Verb.KILL), "scope": "account", "name": "", "order": None,
        "by": str(facts.get("by", "somebody")), "reason": str(facts.get("reason", "")),
        "asked_ns": at, "state": "asked", "state_ns": at, "facts": {},
    }]  # fmt: skip


async def commanded(session: AsyncSession, who: Who, run: str) -> list[dict[str, Any]]:
    """Return the same of a run that keeps no journal here: by the commands in the tables."""
    rows = await session.scalars(
        select(CommandRequest).where(
            CommandRequest.owner_id == who.owner, CommandRequest.run_id == run,
            CommandRequest.state == CommandState.APPLIED,
        ).order_by(CommandRequest.requested_ns)
    )  # fmt: skip
    left: dict[str, dict[str, Any]] = {}
    for row in rows:
        verb = Verb(row.verb)
        if verb in LIFTS:
            left[json.dumps([LIFTS[verb], row.scope, row.name])] = command_shown(row)
        else:
            left.pop(json.dumps([verb, row.scope, row.name]), None)
    return list(left.values())
