"""Compiled loops on disk: a folder for each, published whole and checked before it is used.

A loop's folder holds its generated module and numba's files. It is made beside its place, so that
processes that compile the same loop at once do not meet; a damaged one is thrown away.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

SUMS = "SHA256SUMS"
MODULE = "loop.py"


@contextmanager
def folder(cache_dir: Path, key: str, text: str) -> Iterator[Path]:
    """Yield the folder of a loop; a new one is published when the body has left it in order.

    Where nothing can be written a temporary folder serves, and a warning says so.
    """
    final = Path(cache_dir, key)
    if intact(final):
        yield final
        return
    try:
        shutil.rmtree(final, ignore_errors=True)
        cache_dir.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{key}.", suffix=".partial", dir=cache_dir))
        Path(new, MODULE).write_text(text)
    except OSError as error:
        warn_not_kept(cache_dir, str(error.strerror))
        with tempfile.TemporaryDirectory(prefix="alphapanda-") as elsewhere:
            Path(elsewhere, MODULE).write_text(text)
            yield Path(elsewhere)
        return
    try:
        yield new
        with suppress(OSError):  # a full disk, or another process was faster
            seal(new)
            new.rename(final)
    finally:
        shutil.rmtree(new, ignore_errors=True)


@cache
def warn_not_kept(cache_dir: Path, reason: str) -> None:
    """Warn, once, that nothing compiled is kept."""
    warnings.warn(
        f"{cache_dir} can't be written ({reason}), so the compiled core is not kept: "
        "set ALPHAPANDA_CACHE_DIR to a folder that can",
        stacklevel=2,
    )


def kept(cache_dir: Path, key: str) -> bool:
    """Say if a loop is on disk; whether it is whole is seen when it is loaded."""
    return Path(cache_dir, key, SUMS).is_file()


def seal(folder: Path) -> None:
    """Write the sums of a folder's files, in the form of `sha256sum`."""
    (folder / SUMS).write_text("".join(lines(folder)))


def intact(folder: Path) -> bool:
    """Say if a folder is there with every file as it was sealed."""
    try:
        return (folder / SUMS).read_text() == "".join(lines(folder))
    except (OSError, UnicodeDecodeError):
        return False


def lines(folder: Path) -> Iterator[str]:
    """Yield a line for each file of a folder but the sums themselves."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != SUMS:
            name = file.relative_to(folder).as_posix()
            yield f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}\n"
