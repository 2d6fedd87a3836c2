"""Runs: how each stands, what it trades, what it was made with."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from alphapanda.api.answers import answer, not_found
from alphapanda.api.lists import Cursor, Limit, Word, behind, decoded, page, size
from alphapanda.api.scopes import V1
from alphapanda.api.services import Services, services_of
from alphapanda.api.shapes import row_shown
from alphapanda.api.who import Who, who_of
from alphapanda.store.trading import Run

ROUTER = APIRouter(prefix=f"{V1}/runs", tags=["runs"])
MANIFEST = ("made", "mode", "broker", "code", "digest", "feed", "market", "options", "strategies",
            "python", "packages", "machine")  # fmt: skip


@ROUTER.get("", summary="List runs")
async def listed(
    request: Request, status: Word = "", mode: Word = "", cursor: Cursor = "", limit: Limit = "50"
) -> Response:  # fmt: skip
    """Return runs, the one that began last first."""
    services, who = services_of(request), who_of(request.scope)
    query = select(Run).where(Run.owner_id == who.owner)
    for column, word in ((Run.status, status), (Run.mode, mode)):
        query = query.where(column == word) if word else query
    count = size(limit)
    query = behind(query, (Run.started_ns, Run.run_id), decoded(cursor, (int, str)))
    async with services.reading() as session:
        rows = list(await session.scalars(query.limit(count + 1)))
    return page(rows, count, lambda row: show_run(services, row),
                lambda row: (row.started_ns, row.run_id))  # fmt: skip


@ROUTER.get("/{run}", summary="Show a run")
async def one(request: Request, run: str) -> Response:
    """Return a run with its manifest; no file's text and no folder of the machine is in it."""
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        row = await run_of(session, who, run)
    manifest = {name: row.manifest[name] for name in MANIFEST if name in row.manifest}
    return answer({**show_run(services, row), "manifest": manifest})


async def run_of(session: AsyncSession, who: Who, run: str) -> Run:
    """Return a run of this owner.

    Raises:
        ApiError: if there is none; another's looks the same.
    """
    found = select(Run).where(Run.run_id == run[:65], Run.owner_id == who.owner)
    row = (await session.scalars(found)).one_or_none()
    if row is None:
        raise not_found()
    return row


def show_run(services: Services, row: Run) -> dict[str, Any]:
    """Return a run, with how its process stands where its journal is here."""
    here = services.control.runs.runs.get(row.run_id)
    return {
        **row_shown(row), "account": row.account_id,
        "standing": None if here is None else here.standing,
    }  # fmt: skip
