"""`alphapanda schema`: the JSON Schema of the events."""

from __future__ import annotations

from alphapanda.cli.output import print_json
from alphapanda.events import events


def schema() -> None:
    """Print the JSON Schema of the events."""
    print_json(events.schema())
