"""Runs the migrations on the database of the settings; Alembic loads this file."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from alphapanda import config
from alphapanda.config.settings import Settings
from alphapanda.store.database import BEGIN, engine_of
from alphapanda.store.tables import METADATA

LOCK = 4_611_686_018_427_387_847
"""A number of ours for PostgreSQL's lock: two processes that start at once migrate in turn."""


def settings() -> Settings:
    given = context.config.attributes.get("settings")
    return config.load() if given is None else given


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=METADATA, compare_type=True,
        compare_server_default=True, transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )  # fmt: skip
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        context.run_migrations()


async def online() -> None:
    engine = engine_of(settings(), patient=True).execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(url=settings().database_url, target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(online())
