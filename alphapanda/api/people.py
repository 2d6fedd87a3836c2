"""Users, their logins and keys in the database; every change is an entry of the audit trail."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.api.scopes import OF_KEYS, SCOPES
from alphapanda.api.tokens import LEEWAY_S, Access
from alphapanda.api.who import KEY, SESSION, TOKEN, Who
from alphapanda.config.settings import Settings
from alphapanda.store import apikeys, audit
from alphapanda.store.access import UserSession
from alphapanda.store.people import ApiKey, User
from alphapanda.store.words import SessionKind, UserRole

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
SEEN_EVERY = 300 * SECOND
"""How often it is written that a session is in use."""


class Link(NamedTuple):
    """A refresh token that was shown, and its user."""

    row: UserSession
    user: User


def digest(secret: str) -> str:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


async def by_session(session: AsyncSession, settings: Settings, secret: str) -> Who | None:
    """Return whose session a cookie is, if it is good."""
    found = (await session.execute(
        select(UserSession, User).join(User, User.id == UserSession.user_id)
        .where(UserSession.hash == digest(secret), UserSession.kind == SessionKind.SESSION)
    )).one_or_none()  # fmt: skip
    if found is None:
        return None
    row, user = found
    now, idle = time.time_ns(), int(settings.api.session_idle_h * HOUR)
    dead = row.revoked or row.expires_ns <= now or row.seen_ns + idle <= now
    if dead or not good(user, row.created_ns):
        return None
    return who(user, SESSION, row.id, stepped_until_ns=row.stepped_until_ns or 0)


async def by_key(session: AsyncSession, key: str) -> Who | None:
    """Return whose key it is, if it is good."""
    found = (await session.execute(
        select(ApiKey, User).join(User, User.id == ApiKey.user_id)
        .where(ApiKey.prefix == apikeys.prefix_of(key)[:32])
    )).one_or_none()  # fmt: skip
    if found is None:
        return None
    row, user = found
    if not apikeys.is_same(key, row.hash):
        return None
    expired = row.expires_ns is not None and row.expires_ns <= time.time_ns()
    if row.revoked or expired or not user.active:
        return None
    return who(user, KEY, row.id, only=frozenset(row.scopes) & OF_KEYS)


async def by_token(session: AsyncSession, access: Access) -> Who | None:
    """Return whose access token it is, while it is good and its family lives."""
    now, family, user_id = time.time_ns(), access.family, access.user
    if (access.expires_s + LEEWAY_S) * SECOND <= now:
        return None
    alive = await session.scalar(
        select(UserSession.id).where(
            UserSession.family == family, UserSession.user_id == user_id,
            UserSession.kind == SessionKind.REFRESH, UserSession.revoked.is_(False),
            UserSession.expires_ns > now,
        ).limit(1)
    )  # fmt: skip
    user = await session.get(User, user_id)
    if alive is None or user is None or not good(user, (access.issued_s + 1) * SECOND):
        return None
    return who(user, TOKEN, family, only=OF_KEYS)


def good(user: User, since_ns: int) -> bool:
    """Say if a user may use what he got at a time."""
    return user.active and (user.revoked_before_ns or 0) <= since_ns


def who(
    user: User, kind: str, login: UUID, *, only: frozenset[str] | None = None,
    stepped_until_ns: int = 0,
) -> Who:  # fmt: skip
    """Return a user as one who asks; `only` are the scopes of his key."""
    role = UserRole(user.role)
    scopes = SCOPES[role] if only is None else SCOPES[role] & only
    return Who(user.id, user.owner_id, user.name, role, scopes, kind, login, stepped_until_ns)


async def user_by_name(session: AsyncSession, name: str) -> User | None:
    """Return the user of a name."""
    return (await session.scalars(select(User).where(User.name == name))).one_or_none()


def new_login(
    user: User, kind: SessionKind, secret: str, *, lasts_ns: int, address: str, agent: str,
    family: UUID | None = None,
) -> UserSession:  # fmt: skip
    """Return the row of a login, of which only a hash of its secret is kept."""
    now = time.time_ns()
    return UserSession(
        id=uuid4(), hash=digest(secret), user_id=user.id, kind=str(kind),
        family=uuid4() if family is None else family, created_ns=now, seen_ns=now,
        expires_ns=now + lasts_ns, stepped_until_ns=None, agent=agent[:200],
        address=address[:64], revoked=False,
    )  # fmt: skip


async def seen(session: AsyncSession, logins: Sequence[UUID], now_ns: int) -> None:
    """Write that sessions are in use."""
    await session.execute(
        update(UserSession).where(UserSession.id.in_(logins)).values(seen_ns=now_ns)
    )


async def link_of(session: AsyncSession, secret: str) -> Link | None:
    """Return the refresh token that was shown, good or not."""
    found = (await session.execute(
        select(UserSession, User).join(User, User.id == UserSession.user_id)
        .where(UserSession.hash == digest(secret), UserSession.kind == SessionKind.REFRESH)
        .with_for_update()
    )).one_or_none()  # fmt: skip
    return None if found is None else Link(found[0], found[1])


async def revoke(session: AsyncSession, *where: Any) -> None:
    """Revoke logins."""
    await session.execute(update(UserSession).where(*where).values(revoked=True))


async def noted(
    session: AsyncSession, settings: Settings, owner: str, actor: str, action: str,
    target: str = "", facts: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add an entry to the audit trail, within the transaction of what it tells of."""
    await audit.append(
        session, ts=time.time_ns(), owner_id=owner, account_id=settings.account_id,
        actor=actor[:64], action=action, target=target[:200], facts=facts,
    )  # fmt: skip


def new_user(owner: str, name: str, role: UserRole, password_hash: str) -> User:
    """Return the row of a new user."""
    return User(
        id=uuid4(), owner_id=owner, name=name, password_hash=password_hash, role=str(role),
        active=True, created_ns=time.time_ns(), revoked_before_ns=None,
    )  # fmt: skip


def keys_shown(rows: Sequence[ApiKey]) -> list[dict[str, Any]]:
    """Return keys as a list shows them: without what they open."""
    return [
        {
            "id": str(row.id), "name": row.name, "prefix": row.prefix, "scopes": row.scopes,
            "created_ns": row.created_ns, "expires_ns": row.expires_ns, "used_ns": row.used_ns,
            "revoked": row.revoked,
        }
        for row in rows
    ]  # fmt: skip
