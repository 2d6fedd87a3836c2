"""A run's directory: its tables as Parquet, summary and manifest as JSON, its report as HTML.

Everything is written beside its final place and moved there whole, so that a run directory is
either complete or absent.
"""

from __future__ import annotations

import errno
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import files
from alphapanda.errors import OutsideError, UsageError

OTHERS = 0o007
"""Rights of whoever is neither owner nor of the group."""
NAMES = ("events", "fills", "equity", "prices", "charges", "days")


def numbered(folder: Path) -> Iterator[Path]:
    """Yield the names that a folder may take whose name nobody chose: `demo`, `demo-2` ..."""
    yield folder
    for number in itertools.count(2):
        yield folder.with_name(f"{folder.name}-{number}")


def claimed(folder: Path) -> Path:
    """Make a folder whose name nobody chose, by the first of its names that nobody else has.

    Raises:
        OutsideError: if the system does not let it be made.
    """
    for each in numbered(folder):
        with suppress(FileExistsError):
            make_folder(each, anew=True)
            return each
    raise AssertionError("numbers do not end")


def remove_empty(folder: Path) -> None:
    """Remove a folder that nothing was put into."""
    with suppress(OSError):
        folder.rmdir()


def make_folder(folder: Path, *, anew: bool = False) -> None:
    """Make a folder, and those above it, if it is not there.

    Raises:
        OutsideError: if the system does not let it be made.
        FileExistsError: if it was to be made `anew`, and is there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=not anew)
    except OSError as error:
        if anew and isinstance(error, FileExistsError):
            raise
        raise OutsideError(f"can't make the folder {folder}: {error.strerror}") from error


def restrict(folder: Path) -> None:
    """Let none but the owner and the group read a folder: what a trader decides is not for all.

    Raises:
        OSError: the system refuses; the caller says what to do.
    """
    for path in (folder, *folder.iterdir()):
        path.chmod(path.stat().st_mode & ~OTHERS)


class RunDirectory:
    """Writes a run; `finish` makes it visible, and leaving the context before leaves nothing.

    A `numbered` one, whose name nobody chose, takes the next free name: `demo`, `demo-2`. One that
    `joins` puts its files into a folder that is there, the summary last.
    """

    def __init__(self, final: Path, *, numbered: bool = False, joins: bool = False) -> None:
        self.final = final.expanduser().absolute()
        self.numbered = numbered
        self.joins = joins
        if not numbered and not joins:
            self._check()
        self.partial = files.beside(self.final)
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        """Make the partial directory, and what is missing above it."""
        try:
            for folder in reversed([self.partial, *self.partial.parents]):
                if not folder.exists():
                    folder.mkdir(exist_ok=True)
                    self._made.append(folder)
        except OSError as error:
            self.discard()
            raise self._failure(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def _check(self) -> None:
        try:
            if not self.final.exists() or (self.final.is_dir() and not any(self.final.iterdir())):
                return
        except OSError as error:
            raise self._failure(error) from error
        what = "is a folder with something in it" if self.final.is_dir() else "is a file"
        raise UsageError(f"--out {self.final}: {what}; choose another")

    def write(self, name: str, table: pa.Table) -> None:
        """Append rows to one of the Parquet files."""
        try:
            if name not in self._writers:
                path = self.partial / f"{name}.parquet"
                self._writers[name] = pq.ParquetWriter(path, table.schema, compression="zstd")
            if table.num_rows:
                self._writers[name].write_table(table)
        except OSError as error:
            raise self._failure(error) from error

    def document(self, name: str, document: Mapping[str, Any]) -> None:
        """Write one of the JSON documents."""
        self.text(f"{name}.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def text(self, name: str, text: str) -> None:
        """Write a file of text."""
        try:
            (self.partial / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the tables: they can be read from now on, where they lie."""
        try:
            for writer in self._writers.values():
                writer.close()
        except OSError as error:
            raise self._failure(error) from error

    def finish(self) -> Path:
        """Close all files, and move the run to its place."""
        self.close()
        try:
            restrict(self.partial)
            if self.joins:
                self._fill()
            else:
                self._move()
        except OSError as error:
            raise self._failure(error) from error
        self._made.clear()
        return self.final

    def _fill(self) -> None:
        files = sorted(self.partial.iterdir(), key=lambda file: file.name == "summary.json")
        for file in files:
            file.replace(self.final / file.name)
        self.partial.rmdir()

    # A rename replaces an empty directory, and fails where there is something in it.
    def _move(self) -> None:
        for final in numbered(self.final):
            self.final = final
            try:
                self.partial.rename(self.final)
            except OSError as error:
                if not self.numbered or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return

    def discard(self) -> None:
        """Leave nothing of an unfinished run: nor the folders that were made for it."""
        for writer in self._writers.values():
            with suppress(OSError, pa.ArrowException):  # it is thrown away
                writer.close()
        self._writers.clear()
        shutil.rmtree(self.partial, ignore_errors=True)
        for folder in reversed(self._made):
            with suppress(OSError):  # it is gone, or someone else uses it by now
                folder.rmdir()
        self._made.clear()

    def _failure(self, error: OSError) -> OutsideError:
        reason = error.strerror or str(error)
        way = (
            "free space and start the run again: it goes on where it stopped" if self.joins
            else "free space or choose another --out"
        )  # fmt: skip
        return OutsideError(f"can't write the run to {self.final}: {reason}; {way}")
