"""API keys of one's own: shown once, kept as hashes, with some of one's scopes."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from alphapanda.api import people
from alphapanda.api.answers import ApiError, answer, not_found, nothing
from alphapanda.api.bodies import NewKey, read, takes
from alphapanda.api.people import HOUR
from alphapanda.api.scopes import OF_KEYS, V1
from alphapanda.api.services import services_of
from alphapanda.api.who import who_of
from alphapanda.log import redact
from alphapanda.store import apikeys
from alphapanda.store.people import ApiKey

ROUTER = APIRouter(prefix=f"{V1}/keys", tags=["keys"])


@ROUTER.get("", summary="List one's own keys")
async def listed(request: Request) -> Response:
    """Return one's keys, without what they open."""
    who = who_of(request.scope)
    async with services_of(request).reading() as session:
        found = await session.scalars(
            select(ApiKey).where(ApiKey.user_id == who.user).order_by(ApiKey.created_ns.desc())
        )
        return answer({"items": people.keys_shown(list(found)), "next": None})


@ROUTER.post("", summary="Make a key", status_code=201, openapi_extra=takes(NewKey))
async def make_key(request: Request) -> Response:
    """Make a key; this is the only time that it is shown."""
    services, who, body = services_of(request), who_of(request.scope), await read(request, NewKey)
    wanted = frozenset(body.scopes)
    if not wanted <= who.scopes & OF_KEYS:
        raise ApiError(403, "a key can have no scope that its user has not, and never admin's")
    now, key = time.time_ns(), apikeys.make_key()
    row = ApiKey(
        id=uuid4(), user_id=who.user, name=body.name, prefix=key.prefix, hash=key.hash,
        scopes=sorted(wanted), created_ns=now, used_ns=None, revoked=False,
        expires_ns=None if body.days is None else now + body.days * 24 * HOUR,
    )  # fmt: skip
    redact.know(key.key)
    async with services.writing() as session:
        session.add(row)
        await people.noted(session, services.settings, who.owner, who.name, "key made",
                           key.prefix, {"scopes": sorted(wanted)})  # fmt: skip
        await session.commit()
    return answer({**people.keys_shown([row])[0], "key": key.key}, 201)


@ROUTER.delete("/{key}", summary="Revoke a key", status_code=204)
async def revoked(request: Request, key: UUID) -> Response:
    """Revoke a key of one's own; it counts within 5 s."""
    services, who = services_of(request), who_of(request.scope)
    async with services.writing() as session:
        mine = select(ApiKey).where(ApiKey.id == key, ApiKey.user_id == who.user)
        row = (await session.scalars(mine)).one_or_none()
        if row is None:
            raise not_found()
        row.revoked = True
        await people.noted(
            session, services.settings, who.owner, who.name, "key revoked", row.prefix
        )
        await session.commit()
    services.auth.forget(who.user)
    return nothing()
