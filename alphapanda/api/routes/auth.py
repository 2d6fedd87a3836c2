"""Logging in and out, by a browser or a program; the password again, and tickets."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from sqlalchemy import select, update
from starlette.responses import Response

from alphapanda.api import people
from alphapanda.api.answers import ApiError, answer, nothing
from alphapanda.api.auth import STEP_UP_NS, Pair
from alphapanda.api.bodies import Login, NewPassword, Password, Refresh, read, takes
from alphapanda.api.headers import COOKIE, cookie, header
from alphapanda.api.passwords import checked
from alphapanda.api.scopes import V1
from alphapanda.api.services import Services, services_of
from alphapanda.api.tickets import TICKET_S
from alphapanda.api.who import SESSION, Who, who_of
from alphapanda.errors import UsageError
from alphapanda.store.access import UserSession
from alphapanda.store.people import User

ROUTER = APIRouter(prefix=f"{V1}/auth", tags=["auth"])
CLEARED = f"{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"


@ROUTER.post("/login", summary="Begin a browser's session", openapi_extra=takes(Login))
async def login(request: Request) -> Response:
    """Set the session's cookie; `csrf` goes with everything that writes, as X-CSRF-Token."""
    services, body = services_of(request), await read(request, Login)
    agent = header(request.scope, "user-agent") or ""
    secret, who = await services.auth.log_in(
        body.name, body.password, request.state.address, agent
    )  # fmt: skip
    lasts = int(services.settings.api.session_h * 3_600)
    given = f"{COOKIE}={secret}; Path=/; Max-Age={lasts}; Secure; HttpOnly; SameSite=Strict"
    csrf = services.auth.tokens.csrf(secret)
    return answer({"csrf": csrf, "user": show_user(services, who)}, headers={"Set-Cookie": given})


@ROUTER.post("/token", summary="Begin a family of tokens", openapi_extra=takes(Login))
async def token(request: Request) -> Response:
    """Return an access token and a refresh token, for a program."""
    services, body = services_of(request), await read(request, Login)
    agent = header(request.scope, "user-agent") or ""
    return pair(await services.auth.pair(body.name, body.password, request.state.address, agent))


@ROUTER.post("/refresh", summary="Change a refresh token", openapi_extra=takes(Refresh))
async def refresh(request: Request) -> Response:
    """Return a new pair; the refresh token is good once, and twice ends its whole family."""
    services, body = services_of(request), await read(request, Refresh)
    agent = header(request.scope, "user-agent") or ""
    return pair(await services.auth.rotated(body.refresh, request.state.address, agent))


def pair(given: Pair) -> Response:
    """Return a pair of tokens; the log knows both by their form."""
    return answer({
        "access": given.access, "token_type": "Bearer", "expires_s": given.expires_s,
        "refresh": given.refresh,
    })  # fmt: skip


@ROUTER.get("/me", summary="Say who asks")
async def me(request: Request) -> Response:
    """Return the user, the scopes and, for a page, what goes with everything that writes."""
    services, who = services_of(request), who_of(request.scope)
    secret = cookie(request.scope)
    csrf = services.auth.tokens.csrf(secret) if who.kind == SESSION and secret else None
    return answer({"csrf": csrf, "user": show_user(services, who), "now_ns": time.time_ns()})


@ROUTER.post("/logout", summary="End this session")
async def logout(request: Request) -> Response:
    """End this session, at once."""
    services, who = services_of(request), who_of(request.scope)
    async with services.writing() as session:
        await people.revoke(session, UserSession.id == who.login)
        await people.noted(session, services.settings, who.owner, who.name, "logout")
        await session.commit()
    services.auth.forget(who.user)
    return cleared()


@ROUTER.post("/logout-everywhere", summary="End all sessions and tokens")
async def logout_everywhere(request: Request) -> Response:
    """End every session and every token of this user."""
    services, who = services_of(request), who_of(request.scope)
    async with services.writing() as session:
        await people.revoke(session, UserSession.user_id == who.user)
        await session.execute(
            update(User).where(User.id == who.user).values(revoked_before_ns=time.time_ns())
        )
        await people.noted(session, services.settings, who.owner, who.name, "logout everywhere")
        await session.commit()
    services.auth.forget(who.user)
    return cleared()


@ROUTER.post("/step-up", summary="Give the password again", openapi_extra=takes(Password))
async def step_up(request: Request) -> Response:
    """Let this session do for 5 minutes what a stolen one should not: keys, users, rearm."""
    services, who, body = services_of(request), who_of(request.scope), await read(request, Password)
    await services.auth.checked(who.name, body.password, request.state.address)
    until = time.time_ns() + STEP_UP_NS
    async with services.writing() as session:
        await session.execute(
            update(UserSession).where(UserSession.id == who.login).values(stepped_until_ns=until)
        )
        await people.noted(session, services.settings, who.owner, who.name, "step-up")
        await session.commit()
    services.auth.forget(who.user)
    return answer({"stepped_until_ns": until})


@ROUTER.post("/password", summary="Change the password", openapi_extra=takes(NewPassword))
async def password(request: Request) -> Response:
    """Change one's own password; every other session and token ends."""
    services, who = services_of(request), who_of(request.scope)
    body = await read(request, NewPassword)
    try:
        hashed = await services.auth.passwords.hash(checked(body.password))
    except UsageError as error:
        raise ApiError(422, str(error), fields=[("password", str(error))]) from None
    async with services.writing() as session:
        user = (await session.scalars(select(User).where(User.id == who.user))).one()
        user.password_hash = hashed
        await people.revoke(session, UserSession.user_id == who.user, UserSession.id != who.login)
        await people.noted(session, services.settings, who.owner, who.name, "password changed")
        await session.commit()
    services.auth.forget(who.user)
    return nothing()


@ROUTER.post("/tickets", summary="Get a ticket for a WebSocket")
async def tickets(request: Request) -> Response:
    """Return a ticket: good once, for 30 s, sent as the subprotocol `ticket.TICKET`."""
    auth, who = services_of(request).auth, who_of(request.scope)
    made = auth.tickets.make(who, auth.login_of(who))
    return answer({"ticket": made, "expires_s": int(TICKET_S)})


def cleared() -> Response:
    """Return that it was done, and take the cookie away."""
    response = nothing()
    response.headers["Set-Cookie"] = CLEARED
    return response


def show_user(services: Services, who: Who) -> dict[str, object]:
    """Return a user as the page shows him."""
    return {
        "id": str(who.user), "name": who.name, "role": str(who.role), "owner": who.owner,
        "account": services.settings.account_id, "scopes": sorted(who.scopes), "by": who.kind,
        "stepped_until_ns": who.stepped_until_ns or None,
    }  # fmt: skip
