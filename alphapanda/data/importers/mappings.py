"""Named mappings of columns, kept as TOML files: said once, used again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alphapanda.data.importers.writing import replace_text
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.dated import read_table

NAME = re.compile(r"[A-Za-z0-9][\w-]*")
KEPT = ("map", "kind", "interval", "exchange", "qty_scale", "stamps", "dates", "price_scale")
"""What a mapping remembers; names as in the options."""


def save(folder: Path, name: str, said: Mapping[str, Any]) -> Path:
    """Keep what was said of the columns under a name; return the file.

    Raises: UsageError for a name that is no name of a file.
    """
    if NAME.fullmatch(name) is None:
        raise UsageError(f"--save-map {name}: write letters, digits, - and _.")
    path = folder / f"{name}.toml"
    lines = [f"{key} = {json.dumps(said[key])}" for key in KEPT[1:] if said.get(key) is not None]
    lines += ["", "[map]", *(f"{k} = {json.dumps(v)}" for k, v in said.get("map", {}).items())]
    replace_text(path, "\n".join(lines).lstrip() + "\n")
    return path


def load(folder: Path, name: str) -> dict[str, Any]:
    """Return what was kept under a name.

    Raises: UsageError when there is none, or the file does not fit.
    """
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.toml"))
        there = f" There are: {', '.join(known)}." if known else " Make one with --save-map NAME."
        raise UsageError(
            f"--mapping {name}: {path} does not exist.{did_you_mean(name, known)}{there}"
        )
    kept = read_table(path)
    for key, value in kept.items():
        if key not in KEPT or (key == "map") != isinstance(value, dict):
            raise UsageError(f"{path}: {key} does not fit.{did_you_mean(key, KEPT)}")
    return kept
