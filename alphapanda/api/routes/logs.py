"""Lines of the log, newest first."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from alphapanda.api.answers import ApiError, answer
from alphapanda.api.lists import Limit, Word, size
from alphapanda.api.lists import listed as list_of
from alphapanda.api.log_files import AUDIT
from alphapanda.api.scopes import ADMIN, V1
from alphapanda.api.services import services_of
from alphapanda.api.who import who_of
from alphapanda.log.channels import CHANNELS

ROUTER = APIRouter(prefix=f"{V1}/logs", tags=["logs"])
LEVELS = ("debug", "info", "warning", "error", "critical")
Text = Annotated[str, Query(max_length=200)]
Before = Annotated[str, Query(max_length=40, pattern=r"^[0-9TZ:.+-]*$",
                              description="Only lines before this timestamp.")]  # fmt: skip


@ROUTER.get("", summary="List lines of a channel")
async def listed(
    request: Request, channel: Word = "application", level: Word = "", text: Text = "",
    run: Word = "", request_id: Word = "", before: Before = "", limit: Limit = "200",
) -> Response:  # fmt: skip
    """Return lines, newest first, from the newest file of the channel; `text` is any part."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    if channel not in CHANNELS:
        raise ApiError(422, f"no such channel; there is {', '.join(CHANNELS)}")
    if channel == AUDIT and not who.may(ADMIN):
        raise ApiError(403, "that needs the scope admin")
    if level and level not in LEVELS:
        raise ApiError(422, f"no such level; there is {', '.join(LEVELS)}")
    least = LEVELS.index(level) if level else 0

    def wanted(line: Any) -> bool:
        told = line if isinstance(line, dict) else {"event": str(line)}
        said = told.get("level", "info")
        if (LEVELS.index(said) if said in LEVELS else 0) < least:
            return False
        if before and str(told.get("timestamp", "")) >= before:
            return False
        if run and told.get("run_id") != run:
            return False
        if request_id and told.get("correlation_id") != request_id:
            return False
        return services.hub.may_see(who, told) and (not text or text in str(told))

    lines, whole = await asyncio.to_thread(
        services.hub.logs.last, channel, limit=count, wanted=wanted
    )
    following = None if whole or not lines else lines[-1].get("timestamp")
    return list_of(lines, following)


@ROUTER.get("/channels", summary="List the channels")
async def channels(request: Request) -> Response:
    """Return the channels that one may read."""
    who = who_of(request.scope)
    return answer({"items": [c for c in CHANNELS if c != AUDIT or who.may(ADMIN)], "next": None})
