"""`alphapanda instruments fetch`: today's list from Kite, judged and kept."""

from __future__ import annotations

import asyncio
from typing import Annotated

from rich.text import Text

from alphapanda import config, log
from alphapanda.brokers.zerodha import dumps
from alphapanda.brokers.zerodha.sessions import logged_in
from alphapanda.cli.flags import Json, option
from alphapanda.cli.output import print_json, print_table
from alphapanda.config.settings import Settings
from alphapanda.data.instruments import read_master
from alphapanda.research.table import count
from alphapanda.store.database import Database, answering
from alphapanda.store.listing import Loaded, load

Again = Annotated[bool, option("--again", text="Fetch it though it is there.")]


def instruments_fetch(again: Again = False, json: Json = False) -> None:
    """Fetch today's list of instruments, judge it, and keep it by its day."""
    settings = config.load()
    with log.running(settings):
        with logged_in(settings) as client:
            fetched = dumps.fetch(client, settings.instruments_dir, again=again)
        loaded = asyncio.run(stored(settings, fetched))
    if json:
        print_json({
            "path": str(fetched.path), "day": str(fetched.day), "new": fetched.new,
            "rows": dict(fetched.rows), "notes": fetched.notes, "table": loaded._asdict(),
        })  # fmt: skip
        return
    rows = ", ".join(f"{name} {count(n)}" for name, n in sorted(fetched.rows.items()))
    lines = [f"{fetched.path}: {'kept' if fetched.new else 'there already'}{rows and f', {rows}'}"]
    lines.append(
        f"table: {count(loaded.added)} added, {count(loaded.changed)} changed, "
        f"{count(loaded.ended)} ended, {count(loaded.kept)} as before"
    )
    print_table(Text("\n".join([*lines, *(f"note: {note}" for note in fetched.notes)])))


async def stored(settings: Settings, fetched: dumps.Fetched) -> Loaded:
    """Bring the database's table to the list."""
    database = Database(settings)
    await database.start()
    try:
        with answering(settings):
            async with database.session(writes=True) as session:
                loaded = await load(session, read_master(fetched.path), fetched.day)
                await session.commit()
                return loaded
    finally:
        await database.stop()
