"""Alerts: what somebody should know, and that somebody does."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from alphapanda.api import people
from alphapanda.api.answers import ApiError, answer, not_found
from alphapanda.api.bodies import Acted, read, takes
from alphapanda.api.foreign import require_runs_it
from alphapanda.api.lists import Cursor, Limit, Word, behind, decoded, page, size
from alphapanda.api.scopes import V1
from alphapanda.api.services import services_of
from alphapanda.api.shapes import alert_shown
from alphapanda.api.who import who_of
from alphapanda.store.people import Alert
from alphapanda.store.words import AlertState

ROUTER = APIRouter(prefix=f"{V1}/alerts", tags=["alerts"])


@ROUTER.get("", summary="List alerts")
async def listed(
    request: Request, state: Word = "", severity: Word = "", cursor: Cursor = "",
    limit: Limit = "100",
) -> Response:  # fmt: skip
    """Return alerts, the newest first."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    query = select(Alert).where(Alert.owner_id == who.owner)
    for column, word in ((Alert.state, state), (Alert.severity, severity)):
        query = query.where(column == word) if word else query
    place = decoded(cursor, (int, str))
    if place is not None:
        place[1] = identity(place[1])
    query = behind(query, (Alert.ts, Alert.id), place)
    async with services.reading() as session:
        rows = list(await session.scalars(query.limit(count + 1)))
    return page(rows, count, alert_shown, lambda row: (row.ts, str(row.id)))


def identity(text: str) -> UUID:
    """Return the id in a cursor.

    Raises:
        ApiError: if it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise ApiError(422, "the request is not valid", fields=[("query.cursor", "no cursor")]
                       ) from None  # fmt: skip


@ROUTER.post("/test", summary="Send a test by every channel")
async def test(request: Request) -> Response:
    """Send a test by every channel that is set; return by channel `ok`, or why it failed."""
    services, who = services_of(request), who_of(request.scope)
    require_runs_it(services.settings, who)
    services.tests_log.require(who.owner)
    async with services.writing() as session:
        await people.noted(session, services.settings, who.owner, who.name, "alerts tested")
        await session.commit()
    return answer({"channels": dict(await services.monitor.test_alerts())})


@ROUTER.post("/{alert}/acknowledge", summary="Say that somebody knows", openapi_extra=takes(Acted))
async def acknowledge(request: Request, alert: UUID) -> Response:
    """Say that somebody knows of it: it is counted on, and calls nobody again."""
    return await moved(request, alert, AlertState.ACKNOWLEDGED, (AlertState.OPEN,))


@ROUTER.post("/{alert}/resolve", summary="Say that it is over", openapi_extra=takes(Acted))
async def resolve(request: Request, alert: UUID) -> Response:
    """Say that it is over: the same trouble opens a new one."""
    before = (AlertState.OPEN, AlertState.ACKNOWLEDGED)
    return await moved(request, alert, AlertState.RESOLVED, before)


async def moved(
    request: Request, alert: UUID, to: AlertState, before: tuple[AlertState, ...]
) -> Response:  # fmt: skip
    """Move an alert of this owner from one state to another."""
    services, who = services_of(request), who_of(request.scope)
    body = await read(request, Acted, empty=True)
    async with services.writing() as session:
        row = (await session.scalars(select(Alert).where(
            Alert.id == alert, Alert.owner_id == who.owner
        ))).one_or_none()  # fmt: skip
        if row is None:
            raise not_found()
        if row.state not in before:
            raise ApiError(409, f"the alert is {row.state}")
        row.state = str(to)
        await people.noted(session, services.settings, who.owner, who.name, f"alert {to}",
                           str(row.id), {"subject": row.subject, "note": body.note})  # fmt: skip
        await session.commit()
    return answer(alert_shown(row))
