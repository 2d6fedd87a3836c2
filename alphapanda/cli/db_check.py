"""`alphapanda db check`: how the database differs from what this version needs."""

from __future__ import annotations

import sys

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json
from alphapanda.store import migrating
from alphapanda.store.database import shown_address


def db_check(json: Json = False) -> int:
    """Compare the database with what this version needs; exit status 1 if it differs."""
    settings = config.load()
    where = shown_address(settings)
    found = migrating.check(settings)
    if json:
        print_json({"database": where, "differences": found})
    else:
        sys.stdout.write("".join(f"{each}\n" for each in found or [f"{where} is as needed"]))
    return int(bool(found))
