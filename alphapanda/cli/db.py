"""`alphapanda db` and `alphapanda seed`: the schema, and the strategies of the folder."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from alphapanda import config
from alphapanda.cli.output import print_json
from alphapanda.engine.compiler.declared import validated
from alphapanda.errors import UsageError
from alphapanda.runs import discovery
from alphapanda.store import migrating, seeding
from alphapanda.store.database import Database, address_of, answering


def upgrade(*, json: bool) -> None:
    """Bring the database to the newest schema and say what was done."""
    settings = config.load()
    before, after = migrating.upgrade(settings)
    if json:
        print_json({"database": where(), "from": before, "to": after})
    elif before == after:
        sys.stdout.write(f"{where()} is at {after} already\n")
    else:
        sys.stdout.write(f"{where()}: from {before or 'nothing'} to {after}\n")


def check(*, json: bool) -> int:
    """Print how the database differs; return 1 if it does."""
    found = migrating.check(config.load())
    if json:
        print_json({"database": where(), "differences": found})
    else:
        sys.stdout.write("".join(f"{each}\n" for each in found or [f"{where()} is as needed"]))
    return int(bool(found))


def where() -> str:
    """Return the database's address without its password."""
    return address_of(config.load()).render_as_string(hide_password=True)


def seed(*, activate: list[str], deactivate: list[str], json: bool) -> None:
    """Put the strategies of the folder into the database, those that are not there; switch some."""
    settings = config.load()
    found = migrating.check(settings)
    if found:
        raise UsageError(f"the database is not ready: {found[0]}")
    failures: list[str] = []
    wanted: dict[str, dict[str, Any]] = {}
    for name in discovery.available():
        try:
            spec = discovery.find(name)
            wanted[name] = dict(validated(spec, {}))
        except UsageError as error:
            failures.append(str(error))
    switches = {**dict.fromkeys(activate, True), **dict.fromkeys(deactivate, False)}
    told = asyncio.run(seeded(Database(settings), wanted, switches))
    if json:
        print_json({**told, "failed": failures})
    else:
        for what, names in told.items():
            sys.stdout.write(f"{what}: {', '.join(names) or 'none'}\n")
    if failures:
        raise UsageError("\nalphapanda: ".join(failures))


async def seeded(
    database: Database, wanted: dict[str, dict[str, Any]], switches: dict[str, bool]
) -> dict[str, list[str]]:
    """Write what is missing in one transaction, and return the names by what became of them."""
    await database.start()
    try:
        with answering(database.settings):
            async with database.session(writes=True) as session:
                now, of = time.time_ns(), database.settings
                told = await seeding.seed(session, of, wanted, now_ns=now)
                active = await seeding.switch(session, of, switches, now_ns=now)
                await session.commit()
        return {**told, "active": active}
    finally:
        await database.stop()
