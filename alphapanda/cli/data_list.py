"""`alphapanda data list`: what the catalogue has."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda import config
from alphapanda.cli.data_flags import Root, existing
from alphapanda.cli.data_tables import catalogue_table
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json, print_table
from alphapanda.data import holdings
from alphapanda.data.names import chosen
from alphapanda.errors import UsageError, did_you_mean


def data_list(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Only these: names or patterns, NIFTY25*."),
    ] = None,
    root: Root = None,
    json: Json = False,
) -> None:
    """List what the catalogue has: instruments, kinds, days, rows, size."""
    folder = existing(root or config.load().data_dir)
    every = holdings.held(folder)
    held = [each for each in every if not names or chosen(each.name, names)]
    if not held:
        hint = did_you_mean((names or [""])[0], (each.name.partition(":")[2] for each in every))
        raise UsageError(f"{folder} has no {' or '.join(names or [])}.{hint}")
    if json:
        print_json({"root": str(folder), "holdings": [each.facts() for each in held]})
    else:
        print_table(catalogue_table(folder, held))
