"""Compiled loops on disk: a folder for each, published whole and checked before it is used.

A loop's folder holds its generated module and numba's files. It is made beside its place, so that
processes that compile the same loop at once do not meet; a damaged one is thrown away. Who wants a
loop that another process compiles waits for it, where the disk can lock.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

SUMS = "SHA256SUMS"
MODULE = "loop.py"
PATIENCE_S = 180.0
"""How long to wait for who compiles the same: some times what a core takes; it may be stopped."""
NAP_S = 0.05
ROOM = 256 * 2**20
"""Bytes that loops may take on disk; those that were used longest ago go first."""
IN_USE_S = 3_600
"""A loop that was used so lately stays: a process may be loading it."""
ABANDONED_S = 86_400
"""A folder or a lock of a process that was killed is that old."""


@contextmanager
def folder(cache_dir: Path, key: str, text: str) -> Iterator[Path]:
    """Yield the folder of a loop; a new one is published when the body has left it in order.

    Where nothing can be written a temporary folder serves, and a warning says so.
    """
    final = Path(cache_dir, key)
    with ExitStack() as held:
        whole = intact(final)
        if not whole:
            held.enter_context(alone(cache_dir, key))
            whole = intact(final)
        if whole:
            held.close()
            with suppress(OSError):  # of another user, or on a disk that can only be read
                os.utime(final)
            yield final
        else:
            yield held.enter_context(fresh(final, text))


@contextmanager
def fresh(final: Path, text: str) -> Iterator[Path]:
    """Yield a new folder for a loop, and publish it when the body has left it in order."""
    cache_dir, key = final.parent, final.name
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
            prune(cache_dir)
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def alone(cache_dir: Path, key: str) -> Iterator[None]:
    """Keep others from compiling the same loop meanwhile; they wait, and find it.

    The lock ends with its process. On a disk that can't lock, or if its owner takes too long, both
    compile and one is kept.
    """
    path = Path(cache_dir, f".{key}.lock")
    file = locked(path)
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                path.unlink()
            os.close(file)


def locked(path: Path) -> int | None:
    """Return a file that is locked, once nobody else has it; None if that can't be."""
    deadline = time.monotonic() + PATIENCE_S
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        while time.monotonic() < deadline:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                mine = lock(file) and os.path.samestat(os.fstat(file), path.stat())
            except FileNotFoundError:  # its owner took it away before it was locked here
                mine = False
            except OSError:  # the disk can't lock
                path.unlink(missing_ok=True)
                os.close(file)
                return None
            if mine:
                return file
            os.close(file)
            time.sleep(NAP_S)
    return None


def lock(file: int) -> bool:
    """Lock a file, if it can be had at once.

    Raises:
        OSError: if nothing can be locked there.
    """
    try:
        import fcntl  # noqa: PLC0415 (absent on Windows, where each process compiles for itself)
    except ImportError:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def prune(cache_dir: Path) -> None:
    """Take away loops beyond the room for them, and what killed processes left.

    An edited strategy leaves a loop behind that nobody asks for again.
    """
    now, total = time.time(), 0
    loops = [(file.parent.stat().st_mtime, file.parent) for file in cache_dir.glob(f"*/{SUMS}")]
    for used, loop in sorted(loops, reverse=True):
        total += sum(file.stat().st_size for file in loop.rglob("*") if file.is_file())
        if total > ROOM and used < now - IN_USE_S:
            shutil.rmtree(loop, ignore_errors=True)
    for left in cache_dir.glob(".*.partial"):
        if left.stat().st_mtime < now - ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)
    for left in cache_dir.glob(".*.lock"):
        if left.stat().st_mtime < now - ABANDONED_S:
            left.unlink(missing_ok=True)


@cache
def warn_not_kept(cache_dir: Path, reason: str) -> None:
    """Warn, once, that nothing compiled is kept."""
    warnings.warn(
        f"{cache_dir} can't be written ({reason}), so the compiled core is not kept: "
        "set ALPHAPANDA_CACHE_DIR to a folder that can",
        stacklevel=2,
    )


class Packed(NamedTuple):
    """A loop as it is sent to another machine: its key; by name each file's time, ns, and bytes."""

    key: str
    files: Mapping[str, tuple[int, bytes]]


def packed(cache_dir: Path, key: str) -> Packed | None:
    """Return a loop with its files, None if it is not on disk as it was sealed."""
    final = Path(cache_dir, key)
    if not intact(final):
        return None
    files = [file for file in sorted(final.rglob("*")) if file.is_file() and file.name != SUMS]
    return Packed(
        key,
        {
            file.relative_to(final).as_posix(): (file.stat().st_mtime_ns, file.read_bytes())
            for file in files
        },
    )


# numba takes a file for another one if its time differs.
def unpack(cache_dir: Path, loop: Packed) -> None:
    """Put a loop where it is looked for, unless it is there."""
    final = Path(cache_dir, loop.key)
    with alone(cache_dir, loop.key):
        if intact(final):
            return
        with fresh(final, "") as folder:
            for name, (time_ns, content) in loop.files.items():
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                os.utime(file, ns=(time_ns, time_ns))


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
