"""The words of `alphapanda config`: show, example, key."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda.cli.flags import option

app = typer.Typer(
    no_args_is_help=True,
    help="Settings: from the environment, .env and alphapanda.toml, in this order.",
)


@app.command()
def show(
    json: Annotated[bool, option("--json", text="Print one JSON object.")] = False,
) -> None:
    """Show all settings as they are now, without secrets."""
    from alphapanda.cli import settings  # noqa: PLC0415

    settings.show(json=json)


@app.command()
def example() -> None:
    """Print an .env with every setting, its meaning and its default."""
    from alphapanda.cli import settings  # noqa: PLC0415

    settings.example()


@app.command()
def key() -> None:
    """Make up a key for ALPHAPANDA_SECURITY__KEY."""
    from alphapanda.cli import settings  # noqa: PLC0415

    settings.key()
