"""`alphapanda seed`: the strategies of the folder, in the database."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Annotated, Any

from alphapanda import config
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json
from alphapanda.config.settings import Settings
from alphapanda.engine.compiler.declared import validated
from alphapanda.errors import UsageError
from alphapanda.runs import deployments, discovery
from alphapanda.runtime.set_up import as_set_up, written_down
from alphapanda.store import migrating, seeding
from alphapanda.store.database import Database, answering


def seed(
    activate: Annotated[
        list[str] | None, option(metavar="NAME", text="Let it trade by `run`; again for more.")
    ] = None,
    deactivate: Annotated[
        list[str] | None, option(metavar="NAME", text="Let it trade no more; again for more.")
    ] = None,
    deployment: Annotated[
        str | None, option(metavar="NAME", text="Write what deployments/NAME.toml binds, instead.")
    ] = None,
    json: Json = False,
) -> None:
    """Put the strategies of the folder into the database, those that are not there; switch some."""
    settings = config.load()
    found = migrating.check(settings)
    if found:
        raise UsageError(f"the database is not ready: {found[0]}")
    if deployment is not None:
        if activate or deactivate:
            raise UsageError("--deployment: its file says what is active, and the API changes it")
        seed_deployment(deployment, settings, json=json)
        return
    failures: list[str] = []
    wanted: dict[str, dict[str, Any]] = {}
    for name in discovery.available(settings.strategies_dir):
        try:
            spec = discovery.find(name, settings.strategies_dir)
            wanted[name] = dict(validated(spec, {}))
        except UsageError as error:
            failures.append(str(error))
    switches = {**dict.fromkeys(activate or [], True), **dict.fromkeys(deactivate or [], False)}
    told = asyncio.run(seeded(Database(settings), wanted, switches))
    if json:
        print_json({**told, "failed": failures})
    else:
        for what, names in told.items():
            sys.stdout.write(f"{what}: {', '.join(names) or 'none'}\n")
    if failures:
        raise UsageError("\nalphapanda: ".join(failures))


def seed_deployment(name: str, settings: Settings, *, json: bool) -> None:
    """Write a deployment's file into the database, and print what was done, and what differs."""
    made = deployments.find(settings.deployments_dir, name, strategies_dir=settings.strategies_dir)
    told = asyncio.run(written_down(made, settings))
    notes = as_set_up(made, settings).notes
    if json:
        print_json({"deployment": name, **told, "differences": list(notes)})
        return
    for what, names in told.items():
        sys.stdout.write(f"{what}: {', '.join(names) or 'none'}\n")
    sys.stdout.write("".join(f"{note}\n" for note in notes))


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
