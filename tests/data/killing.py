"""Imports killed before each of their file operations, one process each; prints what was left.

Run as `killing.py CATALOGUE SOURCE FOLDER`. Every line of output is one JSON object. A process that
has used DuckDB has threads and must not fork, so all work is done in children.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from alphapanda.data import catalogue
from alphapanda.data.importers.importing import import_files
from alphapanda.data.importers.source import Wanted

assert pd, "imported once, here, instead of by DuckDB in every child"
TOUCHES = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"})


def state(root: Path) -> str:
    """Return a hash of all that a reader of the catalogue sees."""
    seen = hashlib.sha256()
    for part, path in catalogue.parts(root).items():
        seen.update(f"{part}{pq.read_table(path).to_pylist()}".encode())
    for file in sorted(root.glob("instruments/*")):
        seen.update(file.read_bytes())
    return seen.hexdigest()


def kill_before(number: int, root: Path) -> None:
    """Kill this process before its `number`th operation on a file of the catalogue."""
    left = [number]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in TOUCHES and str(root) in str(arguments[0]):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def forked(work: Callable[[], None]) -> int:
    """Do work in a child; return how it ended: 0, or minus the signal."""
    child = os.fork()
    if not child:
        try:
            work()
            sys.stdout.flush()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def tried(number: int, template: Path, source: Path, root: Path) -> int:
    """Kill one import, then tell what a reader sees, and what the next import makes of it."""
    shutil.copytree(template, root)

    def killed() -> None:
        kill_before(number, root)
        import_files(root, [source], Wanted())

    def told() -> None:
        catalogue.settle(root)
        seen = state(root)
        account = import_files(root, [source], Wanted())
        rubbish = [path.name for path in root.iterdir() if path.name.startswith((".imp", ".com"))]
        line = {"seen": seen, "new": account.new, "then": state(root), "rubbish": rubbish}
        sys.stdout.write(json.dumps(line) + "\n")

    ended = forked(killed)
    assert ended in (0, -signal.SIGKILL), ended
    assert forked(told) == 0
    return ended


def main() -> None:
    """Kill at every operation until an import goes through."""
    template, source, folder = map(Path, sys.argv[1:])
    number = 1
    while tried(number, template, source, folder / str(number)):
        shutil.rmtree(folder / str(number))
        number += 1


if __name__ == "__main__":
    main()
