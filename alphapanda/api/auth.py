"""Who may do what: logins, sessions, keys and tokens; revoked in the database, cached for 5 s."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import log
from alphapanda.api import people
from alphapanda.api.answers import ApiError, unavailable
from alphapanda.api.limits import SlidingLog
from alphapanda.api.passwords import Passwords
from alphapanda.api.people import HOUR, SECOND, SEEN_EVERY
from alphapanda.api.tickets import Tickets
from alphapanda.api.tokens import Tokens
from alphapanda.api.who import KEY, SESSION, Login, Look, Who
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.net.tasks import end, noticed
from alphapanda.store.access import UserSession
from alphapanda.store.database import Database, answering
from alphapanda.store.people import User
from alphapanda.store.words import SessionKind

LOG = log.get("api")
FRESH_S = 5.0
"""How long what the database said of a login is believed without asking."""
STALE_S = 60.0
"""How long it is believed while the database does not answer."""
ASK_S = 2.5
REFRESH_S = 2.0
STEP_UP_NS = 300 * SECOND
MOST_KNOWN = 5_000
WRONG = "the name or the password is wrong"


class Known(NamedTuple):
    """Who showed a credential, when that was looked up, and when it was last used."""

    who: Who
    at: float
    used: float
    look: Look


class Pair(NamedTuple):
    """What a program gets for its password, or for its refresh token."""

    access: str
    expires_s: int
    refresh: str


class AuthService:
    """Logs in, and says who asks; a long-lived part, started before anything is answered."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.started = False
        self.down = False
        """The database did not answer when it was asked last."""
        self.tokens: Tokens
        self.passwords: Passwords
        self.by_account = SlidingLog(5, 60)
        self.by_address = SlidingLog(20, 60)
        self._known: dict[str, Known] = {}
        self._asking: dict[str, asyncio.Task[Who | None]] = {}
        self.tickets = Tickets()
        self._seen: dict[UUID, int] = {}
        """By session, when it was last written that it is in use."""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin.

        Raises:
            UsageError: if there is no key to sign with.
        """
        assert not self.started, "the service has been started already"
        self.tokens = Tokens(self.settings)
        self.passwords = await asyncio.to_thread(Passwords)
        self._task = asyncio.create_task(self._keep_fresh(), name="logins")
        self.started = True

    async def stop(self) -> None:
        """End."""
        self.started = False
        if self._task is not None:
            self._task.cancel()
            await end([self._task, *self._asking.values()])
            self._task = None
            self.passwords.close()

    # --- who asks -----------------------------------------------------------------------------

    async def by_cookie(self, secret: str) -> Who | None:
        """Return whose session it is."""
        if len(secret) > 100:
            return None
        return await self._identify(
            f"{SESSION} {people.digest(secret)}",
            lambda session: people.by_session(session, self.settings, secret),
        )

    async def by_bearer(self, text: str) -> Who | None:
        """Return whose key, or whose access token, it is."""
        if text.startswith("ap_"):
            if len(text) > 200:
                return None
            credential = f"{KEY} {people.digest(text)}"
            return await self._identify(credential, lambda session: people.by_key(session, text))
        access = self.tokens.read(text)
        if access is None:
            return None
        return await self._identify(
            f"token {access.family} {access.issued_s} {access.expires_s} {access.user}",
            lambda session: people.by_token(session, access),
        )

    async def again(self, login: Login) -> Who | None:
        """Return who it was that a stream began for, if he still may."""
        return await self._identify(login.credential, login.look)

    def login_of(self, who: Who) -> Login:
        """Return by what somebody who asks has shown who he is, for `again`.

        Raises:
            ApiError: if that was revoked meanwhile.
        """
        for credential, known in self._known.items():
            if known.who.login == who.login and known.who.user == who.user:
                return Login(credential, known.look)
        raise ApiError(401, "log in first")

    async def _identify(self, credential: str, look: Look) -> Who | None:
        now = time.monotonic()
        known = self._known.get(credential)
        if known is not None and now - known.at <= FRESH_S:
            self._known[credential] = known._replace(used=now)
            return known.who
        if self.down:  # the task finds out when it is back; nobody waits for that
            return believed(known, now)
        asking = self._asking.get(credential)
        if asking is None:
            asking = asyncio.create_task(self._look_up(credential, look, now), name="login")
            asking.add_done_callback(noticed)
            self._asking[credential] = asking
        try:
            return await asyncio.shield(asking)
        except OutsideError:
            return believed(known, now)

    # All pages come back at once when the API was started anew: one looks a login up for all who
    # show it, or they would be too many for the database.
    async def _look_up(self, credential: str, look: Look, used: float) -> Who | None:
        mine = asyncio.current_task()
        try:
            who = await self._asked(look)
            if self._asking.get(credential) is mine:  # else it was revoked meanwhile
                self._remember(credential, who, look, used)
            return who
        finally:
            if self._asking.get(credential) is mine:
                del self._asking[credential]

    def _remember(self, credential: str, who: Who | None, look: Look, used: float) -> None:
        if who is None:
            self._known.pop(credential, None)
            return
        self._known[credential] = Known(who, time.monotonic(), used, look)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def _asked(self, look: Look) -> Who | None:
        async with self._session() as session:
            return await look(session)

    # What is in use is looked up before it is old, so that no request, a kill least of all, waits
    # for a database to find out that it does not answer.
    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            now = time.monotonic()
            try:
                await self._asked(nobody)
                for credential, known in list(self._known.items()):
                    if now - known.used > STALE_S:
                        del self._known[credential]
                    else:
                        who = await self._asked(known.look)
                        kept = self._known.get(credential)
                        if kept is not None and kept.at == known.at:  # not revoked since
                            self._remember(credential, who, known.look, kept.used)
            except OutsideError as error:
                if not self.down:
                    LOG.warning("logins can't be looked up", error=error)
                self.down = True
            else:
                self.down = False
                await self._try_seen()

    # Who can be looked up is let in, also while nothing can be written.
    async def _try_seen(self) -> None:
        try:
            await self.write_seen(time.time_ns())
        except OutsideError as error:
            LOG.info("it is not written which sessions are in use", error=error)

    async def write_seen(self, now_ns: int) -> None:
        """Write of the sessions in use that they are, each now and then: one in use is not idle.

        Raises:
            OutsideError: if the database does not answer.
        """
        used = {each.who.login for each in self._known.values() if each.who.kind == SESSION}
        self._seen = {login: at for login, at in self._seen.items() if login in used}
        due = [login for login in used if now_ns - self._seen.get(login, 0) >= SEEN_EVERY]
        if not due:
            return
        async with self._session(writes=True) as session:
            await people.seen(session, due, now_ns)
            await session.commit()
        self._seen.update(dict.fromkeys(due, now_ns))

    @asynccontextmanager
    async def _session(self, *, writes: bool = False) -> AsyncIterator[AsyncSession]:
        with answering(self.settings):
            async with asyncio.timeout(ASK_S), self.database.session(writes=writes) as session:
                yield session

    @asynccontextmanager
    async def _answered(self, *, writes: bool = False) -> AsyncIterator[AsyncSession]:
        if self.down:
            raise unavailable()
        try:
            async with self._session(writes=writes) as session:
                yield session
        except OutsideError as error:
            LOG.warning("the database does not answer", error=error)
            raise unavailable() from None

    def forget(self, user: UUID | None = None) -> None:
        """Look everything up anew: something was revoked."""
        self._asking.clear()
        for credential, known in list(self._known.items()):
            if user is None or known.who.user == user:
                del self._known[credential]
        self.tickets.forget(user)

    # --- logging in ---------------------------------------------------------------------------

    async def checked(self, name: str, password: str, address: str) -> User:
        """Return the user whose name and password these are.

        Raises:
            ApiError: if they are nobody's (one text for all reasons), after too many attempts, or
                if the database does not answer.
        """
        self.by_address.require(address)
        self.by_account.require(name.casefold())
        async with self._answered() as session:
            user = await people.user_by_name(session, name)
        stored = user.password_hash if user is not None and user.active else None
        if await self.passwords.matches(stored, password):
            assert user is not None
            return user
        await self.note(user.owner_id if user else self.settings.owner_id, name, "login refused",
                        facts={"address": address})  # fmt: skip
        raise ApiError(401, WRONG)

    async def log_in(self, name: str, password: str, address: str, agent: str) -> tuple[str, Who]:
        """Begin a browser's session; return its secret, and whose it is."""
        user = await self.checked(name, password, address)
        secret = f"as_{secrets.token_urlsafe(32)}"  # the form by which the log knows it
        row = people.new_login(
            user, SessionKind.SESSION, secret, lasts_ns=int(self.settings.api.session_h * HOUR),
            address=address, agent=agent,
        )  # fmt: skip
        await self.write(row, user, "login", {"address": address, "kind": "session"})
        return secret, people.who(user, SESSION, row.id)

    async def pair(self, name: str, password: str, address: str, agent: str) -> Pair:
        """Begin a family of tokens."""
        user = await self.checked(name, password, address)
        refresh, row = self._link(user, address, agent)
        await self.write(row, user, "login", {"address": address, "kind": "token"})
        return Pair(*self.tokens.make(user.id, row.family), refresh)

    async def rotated(self, refresh: str, address: str, agent: str) -> Pair:
        """Give a new pair for a refresh token, which is good once; twice ends its whole family.

        Raises:
            ApiError: if it is none, or no longer good.
        """
        self.by_address.require(address)
        async with self._answered(writes=True) as session:
            link = await people.link_of(session, refresh)
            if link is None:
                raise ApiError(401, "the refresh token is not good")
            row, user = link
            if row.revoked:
                await people.revoke(session, UserSession.family == row.family)
                await people.noted(session, self.settings, user.owner_id, user.name,
                                   "refresh token used twice", str(row.family),
                                   {"address": address})  # fmt: skip
                await session.commit()
                self.forget(user.id)
                LOG.error("a refresh token was used twice: its family is revoked", user=user.name)
                raise ApiError(401, "the refresh token is not good")
            if row.expires_ns <= time.time_ns() or not people.good(user, row.created_ns):
                raise ApiError(401, "the refresh token is not good")
            row.revoked = True
            secret, new = self._link(user, address, agent, row.family)
            session.add(new)
            await session.commit()
        return Pair(*self.tokens.make(user.id, new.family), secret)

    def _link(
        self, user: User, address: str, agent: str, family: UUID | None = None
    ) -> tuple[str, UserSession]:
        secret = f"ar_{secrets.token_urlsafe(32)}"
        lasts = int(self.settings.api.refresh_days * 24 * HOUR)
        return secret, people.new_login(
            user, SessionKind.REFRESH, secret, lasts_ns=lasts, address=address, agent=agent,
            family=family,
        )  # fmt: skip

    async def write(
        self, row: UserSession, user: User, action: str, facts: dict[str, Any]
    ) -> None:  # fmt: skip
        """Keep a login, and note it."""
        async with self._answered(writes=True) as session:
            session.add(row)
            await people.noted(
                session, self.settings, user.owner_id, user.name, action, facts=facts
            )
            await session.commit()

    async def note(
        self, owner: str, actor: str, action: str, target: str = "",
        facts: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Add an entry to the audit trail; a database that does not answer is told by the log."""
        try:
            async with self._session(writes=True) as session:
                await people.noted(session, self.settings, owner, actor, action, target, facts)
                await session.commit()
        except OutsideError as error:
            log.get("audit").error(action, actor=actor, target=target, unwritten=error)


def believed(known: Known | None, now: float) -> Who:
    """Return who somebody was a short while ago, while the database does not answer.

    Raises:
        ApiError: if that is too long ago, or was never asked.
    """
    if known is None or now - known.at > STALE_S:
        raise unavailable()
    return replace(known.who, stale=True)


async def nobody(session: AsyncSession) -> Who | None:
    """Ask the database for an answer, whatever it is."""
    with suppress(KeyError):
        await people.user_by_name(session, "")
    return None
