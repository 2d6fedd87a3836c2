"""The words of `alphapanda db`: upgrade, check."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda.cli.flags import option

app = typer.Typer(no_args_is_help=True, help="The database of the settings: SQLite, or PostgreSQL.")
Json = Annotated[bool, option("--json", text="Print one JSON object.")]


@app.command()
def upgrade(json: Json = False) -> None:
    """Make the tables, or bring them to this version's form; what is in them stays."""
    from alphapanda.cli import db  # noqa: PLC0415 (SQLAlchemy takes a while to import)

    db.upgrade(json=json)


@app.command()
def check(json: Json = False) -> int:
    """Compare the database with what this version needs; exit status 1 if it differs."""
    from alphapanda.cli import db  # noqa: PLC0415

    return db.check(json=json)
