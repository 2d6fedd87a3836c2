"""Makes base folders with notebooks and schedules in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alphapanda.schedules.running import Places
from alphapanda.schedules.schedule import Schedule, read

PARAMETERS = 'day = ""\nfolder = ""\nlast = ""\nfast = 20\nedge = 0.5\nnames = []\nwide = False\n'


def notebook(base: Path, *cells: str, name: str = "a", parameters: str = PARAMETERS) -> Path:
    """Write a notebook whose first cell has its parameters."""
    tagged: dict[str, Any] = {"tags": ["parameters"]}
    sources = [(parameters, tagged), *((cell, {}) for cell in cells)]
    document = {
        "cells": [
            {"cell_type": "code", "source": text, "metadata": metadata, "outputs": [],
             "execution_count": None, "id": f"cell-{at}"}
            for at, (text, metadata) in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3",
                                    "language": "python"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    path = base / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(document))
    return path


def schedule(base: Path, *lines: str, name: str = "nightly", when: str = "fri 17:00") -> Schedule:
    """Write a schedule and read it."""
    return read(file_of(base, *lines, name=name, when=when))


def file_of(base: Path, *lines: str, name: str = "nightly", when: str = "fri 17:00") -> Path:
    """Write a schedule; a notebook too, if there is none."""
    if not (base / "notebooks" / "a.ipynb").exists():
        notebook(base)
    path = base / "schedules" / f"{name}.toml"
    path.parent.mkdir(exist_ok=True, parents=True)
    head = ['notebook = "notebooks/a.ipynb"', f'when = "{when}"']
    path.write_text("\n".join((*head, *lines)) + "\n")
    return path


def places(base: Path) -> Places:
    """Return the places of a base folder."""
    return Places(base, base / "runs" / "schedule", base / "strategies")


def listed(root: Path) -> Sequence[str]:
    """Return the folders of runs."""
    return sorted(file.parent.name for file in root.glob("*/*/record.json"))
