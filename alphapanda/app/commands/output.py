"""A command's result on stdout: a table or page for people, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console, RenderableType


def print_table(what: RenderableType) -> None:
    """Print on stdout, by its own hands: rich leaves the process when the reader has gone."""
    console = Console()
    with console.capture() as text:
        console.print(what)
    sys.stdout.write(text.get())


def print_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
