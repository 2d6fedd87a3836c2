"""Commands: stop, pause, flatten and go on; what was asked for, and what became of it."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from alphapanda.api.answers import ApiError, answer, not_found
from alphapanda.api.bodies import Asked, read, takes
from alphapanda.api.control import Wanted
from alphapanda.api.lists import Cursor, Limit, Word, behind, decoded, page, size
from alphapanda.api.scopes import ADMIN, V1
from alphapanda.api.services import services_of
from alphapanda.api.shapes import command_shown
from alphapanda.api.who import SESSION, Who, who_of
from alphapanda.model.commands import Verb
from alphapanda.store.access import CommandRequest

ROUTER = APIRouter(prefix=f"{V1}/commands", tags=["commands"])


@ROUTER.post("", summary="Give a command", openapi_extra=takes(Asked))
async def give(request: Request) -> Response:
    """Stop, pause, flatten, resume or rearm: 200 once it is applied, 202 while it is not yet.

    A kill leaves positions open and says how many of them have a stop. It works without database,
    bus and Redis. Send a new Idempotency-Key each time, and the same one for the same click.
    """
    services, who = services_of(request), who_of(request.scope)
    body = await read(request, Asked)
    if (body.scope == "account") != (not body.name):
        why = "empty for the account" if body.scope == "account" else f"the {body.scope}'s name"
        raise ApiError(422, "the body is not valid", fields=[("name", why)])
    verb = Verb(body.verb)
    kills = verb is Verb.KILL
    (services.kills_log if kills else services.commands_log).require(str(who.user))
    if verb is Verb.REARM:
        require_rearm(who)
    wanted = Wanted(verb, body.scope, body.name, body.run, reason=body.reason)

    async def do() -> tuple[int, dict[str, Any]]:
        return await services.control.give(who, wanted)

    raw, down = await request.body(), services.auth.down or who.stale
    return await services.repeats.once(request.scope, who, raw, do, urgent=kills, down=down)


def require_rearm(who: Who) -> None:
    """Refuse to let orders pass again, but to an admin who has just given the password.

    Raises:
        ApiError: with the reason.
    """
    if who.kind != SESSION or not who.may(ADMIN):
        raise ApiError(403, "rearm is an admin's, logged in; no key or token may")
    if who.stepped_until_ns <= time.time_ns():
        raise ApiError(403, "give the password again first: /auth/step-up")


@ROUTER.get("", summary="List commands")
async def listed(
    request: Request, run: Word = "", state: Word = "", cursor: Cursor = "", limit: Limit = "100"
) -> Response:  # fmt: skip
    """Return commands, the newest first."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    query = select(CommandRequest).where(CommandRequest.owner_id == who.owner)
    for column, word in ((CommandRequest.run_id, run), (CommandRequest.state, state)):
        query = query.where(column == word) if word else query
    columns = (CommandRequest.requested_ns, CommandRequest.id)
    query = behind(query, columns, decoded(cursor, (int, str)))
    async with services.reading() as session:
        await services.control.settle()
        rows = list(await session.scalars(query.limit(count + 1)))
    return page(rows, count, command_shown, lambda row: (row.requested_ns, row.id))


@ROUTER.get("/{command}", summary="Show a command")
async def one(request: Request, command: str) -> Response:
    """Return a command: asked, applied or refused, and what it left standing."""
    services, who = services_of(request), who_of(request.scope)
    async with services.reading() as session:
        await services.control.settle()
        row = (await session.scalars(select(CommandRequest).where(
            CommandRequest.id == command[:65], CommandRequest.owner_id == who.owner
        ))).one_or_none()  # fmt: skip
    if row is None:
        raise not_found()
    return answer(command_shown(row))
