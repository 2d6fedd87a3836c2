"""Health, for whoever asks: that the process answers, and whether it is ready."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from alphapanda.api.answers import answer
from alphapanda.api.services import services_of

ROUTER = APIRouter(tags=["health"])


@ROUTER.get("/health", summary="Say that the process answers")
@ROUTER.get("/health/live", summary="Say that the process answers, without asking any server")
async def live() -> Response:
    """Say that the process answers."""
    return answer({"status": "ok"})


@ROUTER.get("/health/ready", summary="Say if requests can be served")
async def ready(request: Request) -> Response:
    """Say if requests can be served: started, with a database that answers."""
    services = services_of(request)
    if services.ready and not services.auth.down:
        return answer({"status": "ready"})
    return answer({"status": "not ready"}, 503)
