"""Databases for single tests: empty, or copied from one that was migrated once."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alphapanda.config.settings import Settings
from alphapanda.store import migrating
from alphapanda.store.database import Database

FILE = "alphapanda.db"


def run_sql(server: str, *statements: str) -> list[Any]:
    """Run statements on a PostgreSQL, each by itself, and return the last one's rows."""

    async def run() -> list[Any]:
        import asyncpg  # noqa: PLC0415 (only where there is a PostgreSQL)

        connection = await asyncpg.connect(server)
        try:
            rows: list[Any] = []
            for statement in statements:
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())


def using(settings: Settings, work: Callable[[Database], Awaitable[Any]]) -> Any:
    """Do some work with a database that is started, and stopped afterwards."""

    async def run() -> Any:
        database = Database(settings)
        await database.start()
        try:
            return await work(database)
        finally:
            await database.stop()

    return asyncio.run(run())


def named(server: str, name: str) -> str:
    """Return the address of another database of a server."""
    return f"{server.rpartition('/')[0]}/{name}"


def settings_of(folder: Path, url: str, **sections: Any) -> Settings:
    """Return settings with a database, and nothing of the environment's servers."""
    database = {"url": url} if url else {"enabled": False}
    database |= sections.pop("database", {})
    quiet = {"logs": {"console": "off"}, "bus": {"enabled": False}, "redis": {"enabled": False}}
    return Settings(base_dir=folder, database=database, **{**quiet, **sections})


class Templates:
    """One migrated database of each kind, made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, str] = {}

    @contextmanager
    def empty(self, folder: Path, server: str, template: str = "") -> Iterator[Settings]:
        """Give settings with a new database; `server` empty is SQLite."""
        if not server:
            yield settings_of(folder, "")
            return
        name = f"test_{uuid.uuid4().hex[:12]}"
        run_sql(server, f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        try:
            yield settings_of(folder, named(server, name))
        finally:
            run_sql(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def migrated(self, folder: Path, server: str) -> Iterator[Settings]:
        """Give settings with a new database that has all tables."""
        template = self.names[server] if server in self.names else self.made(server)
        if not server:
            shutil.copy(self.folder / FILE, folder / FILE)
        with self.empty(folder, server, template) as settings:
            yield settings

    def made(self, server: str) -> str:
        """Migrate the database that others are copied from, and return its name."""
        name = f"template_{uuid.uuid4().hex[:12]}" if server else FILE
        if server:
            run_sql(server, f"CREATE DATABASE {name} TEMPLATE template0")
        migrating.upgrade(settings_of(self.folder, named(server, name) if server else ""))
        self.names[server] = name
        return name
