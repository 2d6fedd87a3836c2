"""Files written whole: beside their place, synced, and moved there; or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def beside(path: Path) -> Path:
    """Return where a file or folder is written before it takes its place.

    The name is hidden, and no pattern such as `*.parquet` finds it: readers never see what a killed
    process leaves.
    """
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def is_partial(path: Path) -> bool:
    """Say if a path is one that `beside` returns: what lies there never took its place."""
    return path.name.startswith(".") and path.suffix == ".partial"


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a path beside a file; what the body writes there takes the file's place, durably.

    Where the body raises, the file stays as it was and nothing is left. What need not survive a
    power cut is not `durable`: it is not synced.

    Raises:
        OSError: the system refuses; the caller says what to do.
    """
    partial = beside(path)
    try:
        yield partial
        if durable:
            sync(partial)
        partial.replace(path)
        if durable:
            sync(path.parent)
    finally:
        with suppress(OSError):
            partial.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8.

    Raises:
        OSError: the system refuses; the caller says what to do.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    with suppress(PermissionError):  # a folder can't be opened on Windows
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
