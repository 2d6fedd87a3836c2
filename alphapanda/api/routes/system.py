"""The installation: its version and settings without secrets, its disk, the audit trail."""

from __future__ import annotations

import shutil
import time
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from alphapanda import __version__
from alphapanda.api.answers import answer
from alphapanda.api.lists import Cursor, Limit, Word, behind, decoded, page, size
from alphapanda.api.scopes import ADMIN, V1
from alphapanda.api.services import services_of
from alphapanda.api.who import who_of
from alphapanda.config.show import show_value as settings_shown
from alphapanda.store import audit as trail
from alphapanda.store.people import AuditEntry

ROUTER = APIRouter(prefix=V1, tags=["system"])


@ROUTER.get("/system", summary="Show the installation")
async def system(request: Request) -> Response:
    """Return version, disk and servers; an admin sees the settings too, secrets masked."""
    services, who = services_of(request), who_of(request.scope)
    settings = services.settings
    disk = shutil.disk_usage(settings.base_dir)
    told: dict[str, Any] = {
        "version": __version__, "now_ns": time.time_ns(), "account": settings.account_id,
        "disk": {"free_bytes": disk.free, "bytes": disk.total},
        "uses": {
            "postgresql": settings.database.enabled, "redis": settings.redis.enabled,
            "bus": settings.bus.enabled, "zerodha": settings.zerodha.enabled,
        },
        "database": "down" if services.auth.down else "ok",
        "streams": len(services.hub.clients), "streams_ended": dict(services.hub.cut),
    }  # fmt: skip
    if who.may(ADMIN) and who.owner == settings.owner_id:
        told["settings"] = settings_shown(settings)
    return answer(told)


@ROUTER.get("/audit", summary="List the audit trail")
async def audit(
    request: Request, actor: Word = "", action: Word = "", cursor: Cursor = "",
    limit: Limit = "100",
) -> Response:  # fmt: skip
    """Return entries of this owner, the newest first."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    query = select(AuditEntry).where(AuditEntry.owner_id == who.owner)
    for column, word in ((AuditEntry.actor, actor), (AuditEntry.action, action)):
        query = query.where(column == word) if word else query
    query = behind(query, (AuditEntry.seq,), decoded(cursor, (int,)))
    async with services.reading() as session:
        rows = list(await session.scalars(query.limit(count + 1)))
    return page(rows, count, entry, lambda row: (row.seq,))


@ROUTER.get("/audit/verify", summary="Verify the audit trail")
async def verify(request: Request) -> Response:
    """Return the number of the first entry that was changed, removed or put in; null if none."""
    async with services_of(request).reading() as session:
        return answer({"first_bad": await trail.first_bad(session)})


def entry(row: AuditEntry) -> dict[str, Any]:
    """Return an entry of the trail."""
    return {
        "seq": row.seq, "ts": row.ts, "actor": row.actor, "action": row.action,
        "target": row.target, "facts": row.facts, "hash": row.hash,
    }  # fmt: skip
