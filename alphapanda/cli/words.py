"""Flags that many commands share, without those of a run: a command without these starts sooner."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from alphapanda.errors import UsageError


def option(*names: str, metavar: str = "", panel: str = "", text: str) -> Any:
    """Return an option whose help shows what to write, under one of the headings."""
    return typer.Option(
        *names, metavar=metavar or None, rich_help_panel=panel or None, help=text,
        show_default=False,
    )  # fmt: skip


STRATEGY = "NAME in strategies/, FILE.py, FILE.py:CLASS, or a run file, backtests/NAME.toml"
Strategy = Annotated[str, typer.Argument(metavar="STRATEGY", help=STRATEGY)]
RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, or a folder.")]
DATA = "Data"
"""The heading of options that choose data."""
Masters = Annotated[
    list[Path] | None,
    option(metavar="CSV", panel=DATA, text="Kite's instrument file, for tokens, lots, ticks."),
]
Exchange = Annotated[
    str | None,
    option(metavar="NAME", panel=DATA,
           text="Of names without one. (default: NFO for contracts, else NSE)"),
]  # fmt: skip
Repair = Annotated[bool, option("--repair", panel=DATA, text="Drop defective rows and count them.")]
Json = Annotated[bool, option("--json", text="Print one JSON object.")]


def day_of(flag: str, text: str | None) -> date | None:
    """Return a day of an option, None where it was not given."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--{flag} {text}: write a date, 2025-08-29") from None
