"""The connection to PostgreSQL or SQLite: a pool, time limits, sessions that never commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError

DRIVERS = ("postgresql+asyncpg", "sqlite+aiosqlite")
ABSENT = "there is no database yet: alphapanda db upgrade"
BEGIN = "sqlite_begin"
"""The option that says how SQLite begins: taking the writer's place at once, or when it writes."""


class Database:
    """The database of the settings; `start` before use, `stop` at the end.

    `patient` waits for statements as long as they take: for rebuilding, not while trading.
    """

    def __init__(self, settings: Settings, *, patient: bool = False) -> None:
        self.settings, self.patient = settings, patient
        self._engine: AsyncEngine | None = None

    @property
    def engine(self) -> AsyncEngine:
        """Return the pool of connections."""
        assert self._engine is not None, "the database has not been started"
        return self._engine

    async def start(self) -> None:
        """Open the pool and see that the database answers.

        Raises:
            OutsideError: if it does not.
        """
        assert self._engine is None, "the database has been started already"
        if not self.settings.has_database:
            raise OutsideError(ABSENT)
        self._engine = engine_of(self.settings, patient=self.patient)
        async with AsyncExitStack() as undone:
            undone.push_async_callback(self.stop)
            await self.health()
            undone.pop_all()

    async def stop(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            await self._engine.dispose()
        self._engine = None

    async def health(self) -> None:
        """Ask the database for an answer.

        Raises:
            OutsideError: if there is none in time; the message says what to do.
        """
        limits = self.settings.database
        limit_s = limits.connect_timeout_s + limits.command_timeout_s  # of all it takes together
        with answering(self.settings):
            async with asyncio.timeout(limit_s), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))

    @asynccontextmanager
    async def session(self, *, writes: bool = False) -> AsyncIterator[AsyncSession]:
        """Give a session. What is not committed inside is rolled back at the end.

        `writes` matters to SQLite alone: a transaction that reads first and writes later has to
        take the writer's place at its beginning, or may lose it.
        """
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        bound = self.engine.execution_options(**{BEGIN: begin})
        async with async_sessionmaker(bound, expire_on_commit=False)() as session:
            yield session


def engine_of(settings: Settings, *, patient: bool = False) -> AsyncEngine:
    """Return a new pool; `patient` waits for statements as long as they take, for migrations.

    Raises:
        UsageError: if its driver is not installed.
    """
    limits = settings.database
    pool: dict[str, Any] = {
        "pool_size": limits.pool, "max_overflow": limits.overflow,
        "pool_timeout": limits.pool_timeout_s, "pool_recycle": limits.recycle_s,
        "hide_parameters": True,  # an error's text holds no row: it may end in a log
    }  # fmt: skip
    url = address_of(settings)
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(url, connect_args={"timeout": limits.busy_timeout_s}, **pool)
        event.listen(engine.sync_engine, "connect", prepare_sqlite)
        event.listen(engine.sync_engine, "begin", begin_sqlite)
        return engine
    try:
        return create_async_engine(url, connect_args=patience(settings, patient=patient), **pool)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"PostgreSQL needs the package {error.name}: pip install 'alphapanda[servers]'"
        ) from None


def shown_address(settings: Settings) -> str:
    """Return the database's address without its password."""
    return address_of(settings).render_as_string(hide_password=True)


def address_of(settings: Settings) -> URL:
    """Return the database's address.

    Raises:
        UsageError: if it is none, or of another kind of database.
    """
    try:
        url = make_url(settings.database_url)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in DRIVERS:
        raise UsageError(
            "setting database.url (ALPHAPANDA_DATABASE__URL) is no address of a PostgreSQL: "
            "postgresql://USER:PASSWORD@HOST:PORT/NAME"
        )
    return url


def patience(settings: Settings, *, patient: bool) -> dict[str, Any]:
    """Return the time limits of a connection to PostgreSQL, on both sides of the wire.

    The client's alone would leave the statement running, the server's alone does not end when
    nothing arrives any more.
    """
    limits = settings.database
    server = {"application_name": "alphapanda", "timezone": "UTC"}
    given = {
        "timeout": limits.connect_timeout_s,
        "server_settings": server,
        "connection_class": released_at_once(),
    }
    if patient:
        return given
    server["statement_timeout"] = milliseconds(limits.statement_timeout_s)
    server["idle_in_transaction_session_timeout"] = milliseconds(limits.idle_timeout_s)
    return {**given, "command_timeout": limits.command_timeout_s}


def released_at_once() -> type[Any]:
    """Return connections that say goodbye without waiting for an answer, which may never come.

    The wait would be added to the limit of whatever has failed, and to that of a stop, once for
    each connection of the pool.
    """
    import asyncpg  # noqa: PLC0415 (only where there is a PostgreSQL)

    class Connection(asyncpg.Connection):  # type: ignore[misc]
        async def close(self, **_: Any) -> None:
            self.terminate()

    return Connection


def milliseconds(seconds: float) -> str:
    """Return seconds as PostgreSQL's settings take them; 0 would be no limit."""
    return str(max(1, round(seconds * 1000)))


def prepare_sqlite(connection: Any, _: Any) -> None:
    """Check foreign keys, let readers go on while one writes, leave transactions to us."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(connection: Connection) -> None:
    """Begin a transaction: the driver itself would not before a CREATE TABLE."""
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))


@contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """Use the database inside.

    Raises:
        OutsideError: if it does not answer; the message says what to do.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise unreachable(settings, error) from error


def unreachable(settings: Settings, error: BaseException) -> OutsideError:
    """Return the error that says what to do when there is no database."""
    url = make_url(settings.database_url)
    why = error.orig if isinstance(error, DBAPIError) else error
    first = str(why).strip().partition("\n")[0] or type(why).__name__
    if url.get_backend_name() == "sqlite":
        return OutsideError(f"the database {url.database}: {first}")
    where = f"{url.host}:{url.port or 5432}/{url.database}"
    if isinstance(error, ProgrammingError):
        return OutsideError(f"PostgreSQL at {where} refuses: {first}")
    return OutsideError(
        f"PostgreSQL at {where} does not answer ({first}): start it, or set "
        "ALPHAPANDA_DATABASE__URL, or ALPHAPANDA_DATABASE__ENABLED=false for SQLite"
    )
