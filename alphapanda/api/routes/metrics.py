"""Metrics in Prometheus' text format: one address for all processes of an installation."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from alphapanda.api.foreign import require_runs_it
from alphapanda.api.services import services_of
from alphapanda.api.who import who_of

ROUTER = APIRouter(tags=["monitoring"])


@ROUTER.get("/metrics", summary="Show the metrics")
async def metrics(request: Request) -> Response:
    """Return what is counted here, and what the monitor has found of the other processes."""
    require_runs_it(services_of(request).settings, who_of(request.scope))
    from alphapanda.monitor.metrics import CONTENT_TYPE, exposition  # noqa: PLC0415 (its client)

    return Response(exposition(), headers={"Content-Type": CONTENT_TYPE})
