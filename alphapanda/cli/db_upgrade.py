"""`alphapanda db upgrade`: the database brought to the newest schema."""

from __future__ import annotations

import sys

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json
from alphapanda.store import migrating
from alphapanda.store.database import shown_address


def db_upgrade(json: Json = False) -> None:
    """Make the tables, or bring them to this version's form; what is in them stays."""
    settings = config.load()
    where = shown_address(settings)
    before, after = migrating.upgrade(settings)
    if json:
        print_json({"database": where, "from": before, "to": after})
    elif before == after:
        sys.stdout.write(f"{where} is at {after} already\n")
    else:
        sys.stdout.write(f"{where}: from {before or 'nothing'} to {after}\n")
