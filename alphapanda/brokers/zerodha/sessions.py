"""Sessions at Zerodha in the store: a day's token, sealed, of one user and one account."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import log
from alphapanda.brokers.zerodha.addresses import Addresses, addresses_of
from alphapanda.brokers.zerodha.answers import AuthLostError
from alphapanda.brokers.zerodha.clocks import Clock, clock_of, session_end, time_text
from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import Broker
from alphapanda.store import audit, migrating, sealing
from alphapanda.store.database import Database, answering
from alphapanda.store.people import BrokerSession

if TYPE_CHECKING:
    from alphapanda.brokers.zerodha.client import Client

LOG = log.get("zerodha.sessions")
LOG_IN = "log in: alphapanda login zerodha"


class NoSessionError(OutsideError):
    """Nobody has logged in today, or the session is over."""


class Login(NamedTuple):
    """A session as it is in the store, its token still sealed."""

    id: uuid.UUID
    user_id: str
    sealed: str
    begun_ns: int
    expires_ns: int

    def __repr__(self) -> str:
        return f"Login({self.user_id}, until {time_text(self.expires_ns)})"


def account_of(settings: Settings, addresses: Addresses) -> Settings:
    """Return the settings with the account whose session it is; a simulator has one of its own."""
    if not addresses.simulator:
        return settings
    return settings.model_copy(update={"account_id": settings.zerodha.user_id})


def purpose_of(addresses: Addresses) -> str:
    """Return what a token is sealed for: a real one does not open for a simulator."""
    return "zerodha simulator" if addresses.simulator else "zerodha"


def mine(settings: Settings) -> Any:
    """Return the condition that a session is active, and of this owner and account."""
    return (
        (BrokerSession.owner_id == settings.owner_id)
        & (BrokerSession.account_id == settings.account_id)
        & (BrokerSession.broker == Broker.ZERODHA)
        & BrokerSession.active.is_(True)
    )


async def save(
    database: Database, addresses: Addresses, *, user_id: str, token: str, now_ns: int
) -> int:
    """Keep a new session, in place of the one before; return when it ends, ns UTC.

    Raises:
        UsageError: if there is no key to seal the token with.
    """
    settings = account_of(database.settings, addresses)
    expires_ns = session_end(now_ns)
    row = BrokerSession(
        id=uuid.uuid4(), owner_id=settings.owner_id, account_id=settings.account_id,
        broker=Broker.ZERODHA, user_name=user_id, active=True, created_ns=now_ns,
        sealed_token=sealing.seal(settings, token, purpose=purpose_of(addresses)),
        expires_ns=expires_ns,
    )  # fmt: skip
    with answering(settings):
        async with database.session(writes=True) as session:
            await session.execute(update(BrokerSession).where(mine(settings)).values(active=False))
            session.add(row)
            await noted(session, settings, "broker login", user_id)
            await session.commit()
    return expires_ns


async def newest(database: Database, addresses: Addresses) -> Login | None:
    """Return the active session of this account, whether its time is over or not; None without."""
    settings = account_of(database.settings, addresses)
    with answering(settings):
        async with database.session() as session:
            row = await session.scalar(select(BrokerSession).where(mine(settings)))
    if row is None:
        return None
    return Login(row.id, row.user_name, row.sealed_token, row.created_ns, row.expires_ns)


def token_of(settings: Settings, addresses: Addresses, login: Login) -> str:
    """Return a session's token.

    Raises:
        OutsideError: if it is another user's, or was sealed by another key.
    """
    if login.user_id != settings.zerodha.user_id:
        raise NoSessionError(
            f"the stored session is {login.user_id}'s, zerodha.user_id is "
            f"{settings.zerodha.user_id}: {LOG_IN}"
        )
    account = account_of(settings, addresses)
    return sealing.unseal(account, login.sealed, purpose=purpose_of(addresses))


async def end(database: Database, addresses: Addresses, login: Login, *, why: str) -> None:
    """Make a session inactive: it was logged out, or Kite says that it is over."""
    settings = account_of(database.settings, addresses)
    with answering(settings):
        async with database.session(writes=True) as session:
            mark = update(BrokerSession).where(BrokerSession.id == login.id).values(active=False)
            await session.execute(mark)
            await noted(session, settings, "broker logout", login.user_id, why=why)
            await session.commit()


async def noted(
    session: AsyncSession, settings: Settings, action: str, user_id: str, **facts: str
) -> None:
    """Write an action into the audit trail, by this machine's own clock."""
    await audit.append(
        session, ts=time.time_ns(), owner_id=settings.owner_id, account_id=settings.account_id,
        actor=settings.owner_id, action=action, target=f"zerodha:{user_id}", facts=facts,
    )  # fmt: skip


@contextmanager
def database_of(settings: Settings) -> Iterator[tuple[asyncio.Runner, Database]]:
    """Give a database that answers and has this version's tables, and a loop to use it on.

    Raises:
        OutsideError: if there is none; the message says what to do.
    """
    database = Database(settings)
    with asyncio.Runner() as runner:
        runner.run(database.start())
        try:
            runner.run(migrating.require_current(database))
            yield runner, database
        finally:
            runner.run(database.stop())


def require_valid(login: Login | None, now_ns: int) -> Login:
    """Return a session whose time is not over.

    Raises:
        NoSessionError: without one.
    """
    if login is None:
        raise NoSessionError(f"nobody has logged in at Zerodha; {LOG_IN}")
    if now_ns >= login.expires_ns:
        raise NoSessionError(
            f"the session of {login.user_id} ended at {time_text(login.expires_ns)}; {LOG_IN}"
        )
    return login


def client_of(
    settings: Settings, addresses: Addresses, login: Login | None, clock: Clock
) -> Client:
    """Return a client with a session that is valid.

    Raises:
        NoSessionError: without one.
    """
    valid = require_valid(login, clock())
    token = token_of(settings, addresses, valid)
    return open_client(settings, token=token, expires_ns=valid.expires_ns, clock=clock)


@contextmanager
def logged_in(settings: Settings) -> Iterator[Client]:
    """Give a client with today's session; one that Kite says is over is over for everybody.

    Raises:
        NoSessionError: without a session; it says what to type.
        OutsideError: if the database does not answer.
    """
    addresses = addresses_of(settings)
    clock = clock_of(settings, addresses)
    with database_of(settings) as (runner, database):
        login = runner.run(newest(database, addresses))
    client = client_of(settings, addresses, login, clock)
    try:
        yield client
    except AuthLostError as error:
        assert login is not None
        with database_of(settings) as (runner, database):
            runner.run(end(database, addresses, login, why=error.answer.text))
        raise
    finally:
        client.close()
