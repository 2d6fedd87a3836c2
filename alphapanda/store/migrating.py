"""Brings a database to the newest schema, and compares it with the tables, by Alembic alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import alphapanda
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.store.database import ABSENT, Database, answering, engine_of
from alphapanda.store.tables import METADATA

COMPARED = {"compare_type": True, "compare_server_default": True}


def folder() -> Path:
    """Return the migrations: installed inside the package, in the repository beside it."""
    package = Path(alphapanda.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def configured(settings: Settings) -> Config:
    """Return Alembic's configuration; no alembic.ini is needed."""
    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["settings"] = settings
    return config


def upgrade(settings: Settings, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the database to a revision, and say from which to which.

    Raises:
        OutsideError: if it does not answer, is of a newer version, or refuses.
    """
    before = asyncio.run(ask_database(settings, revision_of))
    if before is not None and not is_known(settings, before):
        raise OutsideError(differing(settings, before))
    with answering(settings):
        command.upgrade(configured(settings), revision)
    return before, asyncio.run(ask_database(settings, revision_of))


def downgrade(settings: Settings, revision: str) -> None:
    """Take the database back to a revision, `base` for none."""
    command.downgrade(configured(settings), revision)


async def require_current(database: Database) -> None:
    """See that a started database has the schema of this version.

    Raises:
        OutsideError: if it has another, or does not answer; the message says what to do.
    """
    with answering(database.settings):
        async with database.engine.connect() as connection:
            now = await connection.run_sync(revision_of)
    if now != newest(database.settings):
        raise OutsideError(differing(database.settings, now))


def differing(settings: Settings, now: str | None) -> str:
    """Return what to do about a database whose schema is another version's."""
    if now is not None and not is_known(settings, now):
        return f"the database's schema is {now}, a newer version's: install that version"
    return f"the database's schema is {now or 'empty'}: alphapanda db upgrade"


def is_known(settings: Settings, revision: str) -> bool:
    """Say if this version has a revision."""
    script = ScriptDirectory.from_config(configured(settings))
    return revision in {each.revision for each in script.walk_revisions()}


def newest(settings: Settings) -> str | None:
    """Return the revision that this version needs."""
    return ScriptDirectory.from_config(configured(settings)).get_current_head()


def check(settings: Settings) -> list[str]:
    """Return how the database differs from what this version of the program needs."""
    if not settings.has_database:
        return [ABSENT]
    head = newest(settings)
    now = asyncio.run(ask_database(settings, revision_of))
    if now != head:
        return [differing(settings, now)]
    return asyncio.run(ask_database(settings, differences))


async def ask_database(settings: Settings, question: Any) -> Any:
    """Return what a function finds out about the database."""
    engine = engine_of(settings)
    try:
        with answering(settings):
            async with engine.connect() as connection:
                return await connection.run_sync(question)
    finally:
        await engine.dispose()


def revision_of(connection: Connection) -> str | None:
    """Return the revision that a database is at, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def differences(connection: Connection) -> list[str]:
    """Return what Alembic would change to make the database like the tables."""
    context = MigrationContext.configure(connection, opts=COMPARED)
    return [describe_difference(each) for each in compare_metadata(context, METADATA)]


def describe_difference(difference: Any) -> str:
    """Return a difference in a line."""
    if isinstance(difference, list):
        return "; ".join(map(describe_difference, difference))
    what, *rest = difference
    return f"{what}: {', '.join(str(part) for part in rest if part is not None)}"
