"""What a run of a schedule was made of: the manifest with hashes of code, notebook and data."""

from __future__ import annotations

import glob
import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alphapanda.engine.compiler.program import package_sources
from alphapanda.runs.identity import versions
from alphapanda.schedules.records import now_text
from alphapanda.schedules.schedule import Schedule


def manifest(
    schedule: Schedule, parameters: dict[str, Any], *, day: str, base: Path, folder: Path,
    strategies: Path,
) -> dict[str, Any]:  # fmt: skip
    """Return a run as a document: what it takes to tell if another was the same."""
    return {
        "made": now_text(),
        "schedule": schedule.name,
        "date": day,
        "when": schedule.said,
        "file": hashed(schedule.file, base),
        "notebook": hashed(schedule.notebook, base),
        "parameters": parameters,
        "code": package_sources().hex(),
        "strategies": [hashed(file, base) for file in sorted(strategies.glob("*.py"))],
        "data": [hashed(file, base) for file in data_files(parameters, base, folder)],
        "machine": platform.machine(),
        **versions(),
    }


def hashed(file: Path, base: Path) -> dict[str, Any]:
    """Return a file's path, size and hash."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        size = content.tell()
    path = file.relative_to(base) if file.is_relative_to(base) else file
    return {"path": str(path), "bytes": size, "sha256": digest}


def data_files(parameters: Any, base: Path, folder: Path) -> list[Path]:
    """Return the files that parameters name: a file, all of a folder, or those of a pattern.

    Results are not data: what lies in the folder of any run of the schedule is left out.
    """
    found: set[Path] = set()
    for text in texts_in(parameters):
        for path in find_paths(text, base):
            files = path.rglob("*") if path.is_dir() else [path]
            found |= {each for each in files if each.is_file() and not hidden(each, path)}
    return sorted(each for each in found if not each.is_relative_to(folder.parent))


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text among parameters, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_in(each)


def find_paths(text: str, base: Path) -> Iterator[Path]:
    """Yield what a text names, if it looks like a path and something is there."""
    if not text or "\n" in text or "\0" in text or len(text) > 1_000:
        return
    if text.startswith("~"):
        text = os.path.expanduser(text)  # noqa: PTH111 (leaves `~nobody` as it is)
    path = base / text
    if path == base or path in base.parents:
        return
    if any(mark in text for mark in "*?["):
        yield from map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207 (absolute too)
    elif ("/" in text or path.suffix or path.is_dir()) and path.exists():
        yield path


def hidden(file: Path, above: Path) -> bool:
    """Say if a file is one that readers of data pass over."""
    if file == above:
        return False
    return any(part.startswith(".") for part in file.relative_to(above).parts)
