"""Metrics in Prometheus' text format: one address for all processes of an installation."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

ROUTER = APIRouter(tags=["monitoring"])


@ROUTER.get("/metrics", summary="Show the metrics")
async def metrics() -> Response:
    """Return what is counted here, and what the monitor has found of the other processes."""
    from alphapanda.monitor.metrics import CONTENT_TYPE, exposition  # noqa: PLC0415 (its client)

    return Response(exposition(), headers={"Content-Type": CONTENT_TYPE})
