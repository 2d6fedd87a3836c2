"""`alphapanda config show`: the settings on stdout."""

from __future__ import annotations

from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.config import show as showing


def config_show(json: Json = False) -> None:
    """Show all settings as they are now, without secrets."""
    settings = config.load()
    if json:
        print_json(showing.show_value(settings))
        return
    table = whole_table(columns=("setting", "value", "meaning"))
    for fact in showing.lines(settings):
        table.add_row(*map(Text, fact))
    print_table(table, whole=True)
