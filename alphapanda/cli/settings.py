"""`alphapanda config`: the settings on stdout."""

from __future__ import annotations

import base64
import os
import sys

from rich.text import Text

from alphapanda import config
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.config import show as showing

KEY_BYTES = 32


def show(*, json: bool) -> None:
    """Print all settings, without secrets."""
    settings = config.load()
    if json:
        print_json(showing.shown(settings))
        return
    table = whole_table(columns=("setting", "value", "meaning"))
    for fact in showing.lines(settings):
        table.add_row(*map(Text, fact))
    print_table(table, whole=True)


def example() -> None:
    """Print `.env.example`."""
    sys.stdout.write(showing.example())


def key() -> None:
    """Print a new random key."""
    sys.stdout.write(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
