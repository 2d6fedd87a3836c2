"""Users of one's own owner, for admins."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from alphapanda.api import people
from alphapanda.api.answers import ApiError, answer, not_found, nothing
from alphapanda.api.bodies import NewUser, UserChange, read, takes
from alphapanda.api.passwords import checked
from alphapanda.api.scopes import V1
from alphapanda.api.services import services_of
from alphapanda.api.who import Who, who_of
from alphapanda.errors import UsageError
from alphapanda.store.access import UserSession
from alphapanda.store.people import User
from alphapanda.store.words import UserRole

ROUTER = APIRouter(prefix=f"{V1}/users", tags=["users"])


@ROUTER.get("", summary="List the users")
async def listed(request: Request) -> Response:
    """Return the users of this owner."""
    who = who_of(request.scope)
    async with services_of(request).reading() as session:
        found = await session.scalars(
            select(User).where(User.owner_id == who.owner).order_by(User.name)
        )
        return answer({"items": [show_user(user) for user in found], "next": None})


@ROUTER.post("", summary="Add a user", status_code=201, openapi_extra=takes(NewUser))
async def added(request: Request) -> Response:
    """Add a user of the same owner."""
    services, who, body = services_of(request), who_of(request.scope), await read(request, NewUser)
    try:
        hashed = await services.auth.passwords.hash(checked(body.password))
    except UsageError as error:
        raise ApiError(422, str(error), fields=[("password", str(error))]) from None
    user = people.new_user(who.owner, body.name, UserRole(body.role), hashed)
    async with services.writing() as session:
        session.add(user)
        try:
            await session.flush()
        except IntegrityError:
            raise ApiError(409, "the name is taken") from None
        await people.noted(session, services.settings, who.owner, who.name, "user added",
                           body.name, {"role": body.role})  # fmt: skip
        await session.commit()
    return answer(show_user(user), 201)


@ROUTER.patch("/{user}", summary="Change a user", openapi_extra=takes(UserChange))
async def changed(request: Request, user: UUID) -> Response:
    """Change the role, or whether the user may log in; it counts within 5 s."""
    services, who = services_of(request), who_of(request.scope)
    body = await read(request, UserChange)
    async with services.writing() as session:
        row = await one(session, who, user)
        if body.role is not None:
            row.role = body.role
        if body.active is not None:
            row.active = body.active
        await session.flush()
        await require_admin(session, who)
        facts = {"role": row.role, "active": row.active}
        await people.noted(session, services.settings, who.owner, who.name, "user changed",
                           row.name, facts)  # fmt: skip
        await session.commit()
    services.auth.forget(user)
    return answer(show_user(row))


@ROUTER.delete("/{user}", summary="Switch a user off", status_code=204)
async def removed(request: Request, user: UUID) -> Response:
    """Switch a user off, and end all that he has; the name stays, for the audit trail names it."""
    services, who = services_of(request), who_of(request.scope)
    async with services.writing() as session:
        row = await one(session, who, user)
        row.active = False
        await session.flush()
        await require_admin(session, who)
        await people.revoke(session, UserSession.user_id == user)
        await people.noted(
            session, services.settings, who.owner, who.name, "user switched off", row.name
        )
        await session.commit()
    services.auth.forget(user)
    return nothing()


async def one(session: AsyncSession, who: Who, user: UUID) -> User:
    """Return a user of the same owner.

    Raises:
        ApiError: if there is none.
    """
    found = select(User).where(User.id == user, User.owner_id == who.owner)
    row = (await session.scalars(found)).one_or_none()
    if row is None:
        raise not_found()
    return row


async def require_admin(session: AsyncSession, who: Who) -> None:
    """Refuse to leave an owner without an admin."""
    left = await session.scalar(select(func.count()).select_from(User).where(
        User.owner_id == who.owner, User.active.is_(True), User.role == UserRole.ADMIN
    ))  # fmt: skip
    if not left:
        raise ApiError(409, "the last admin stays")


def show_user(user: User) -> dict[str, object]:
    """Return a user without his password's hash."""
    return {
        "id": str(user.id), "name": user.name, "role": user.role, "active": user.active,
        "created_ns": user.created_ns,
    }  # fmt: skip
