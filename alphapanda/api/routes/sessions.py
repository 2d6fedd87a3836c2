"""One's own logins: listed, and ended one by one; a program's tokens are one login together."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from starlette.responses import Response

from alphapanda.api import people
from alphapanda.api.answers import answer, not_found, nothing
from alphapanda.api.people import HOUR
from alphapanda.api.scopes import V1
from alphapanda.api.services import Services, services_of
from alphapanda.api.who import Who, who_of
from alphapanda.store.access import UserSession
from alphapanda.store.people import User
from alphapanda.store.words import SessionKind

ROUTER = APIRouter(prefix=f"{V1}/auth/sessions", tags=["auth"])
MOST = 200


@ROUTER.get("", summary="List one's own logins")
async def listed(request: Request) -> Response:
    """Return the logins that are good, that of who asks marked; the one used last comes first."""
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        rows = await session.scalars(
            select(UserSession).join(User, User.id == UserSession.user_id)
            .where(*good(services, who)).order_by(UserSession.seen_ns.desc()).limit(MOST)
        )  # fmt: skip
        return answer({"items": [show_login(row, who) for row in rows], "next": None})


@ROUTER.delete("/{login}", summary="End a login", status_code=204)
async def ended(request: Request, login: UUID) -> Response:
    """End one of one's own logins at once, with all tokens that came of it."""
    services, who = services_of(request), who_of(request.scope)
    async with services.writing() as session:
        row = (await session.scalars(
            select(UserSession).join(User, User.id == UserSession.user_id)
            .where(UserSession.id == login, *good(services, who))
        )).one_or_none()  # fmt: skip
        if row is None:
            raise not_found()
        await people.revoke(session, UserSession.family == row.family)
        await people.noted(session, services.settings, who.owner, who.name, "session ended",
                           str(row.id), {"kind": row.kind, "address": row.address})  # fmt: skip
        await session.commit()
    services.auth.forget(who.user)
    return nothing()


def good(services: Services, who: Who) -> tuple[Any, ...]:
    """Return what makes a login one that its user can still use."""
    now, idle = time.time_ns(), int(services.settings.api.session_idle_h * HOUR)
    return (
        UserSession.user_id == who.user, UserSession.revoked.is_(False),
        UserSession.expires_ns > now,
        UserSession.created_ns >= func.coalesce(User.revoked_before_ns, 0),
        (UserSession.kind != SessionKind.SESSION) | (UserSession.seen_ns > now - idle),
    )  # fmt: skip


def show_login(row: UserSession, who: Who) -> dict[str, Any]:
    """Return a login as its user sees it."""
    return {
        "id": str(row.id), "kind": row.kind, "this": row.id == who.login, "agent": row.agent,
        "address": row.address, "created_ns": row.created_ns, "seen_ns": row.seen_ns,
        "expires_ns": row.expires_ns,
    }  # fmt: skip
