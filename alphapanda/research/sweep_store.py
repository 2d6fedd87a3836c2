"""What a sweep has done so far, in whole parts beside its folder: killed, it goes on from there.

Parts lie in `.NAME.sweep/` with a key that says what the sweep is of. A finished sweep is moved to
its folder whole, so that the folder is either complete or absent.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alphapanda import faults, files
from alphapanda.errors import OutsideError, UsageError

KEY, LOCK = "sweep.json", "lock"
INTS = ("job", "pnl", "equity", "charges", "fills", "trips")
FLOATS = ("hit_rate", "return", "sharpe", "sortino", "max_drawdown", "engine_s")
ROW = np.dtype([*((name, "<i8") for name in INTS), *((name, "<f8") for name in FLOATS)])
"""One run of a sweep: money scaled, what is undefined NaN."""

Rows = NDArray[Any]


class Store:
    """The runs of a sweep, in memory and, if it has a folder, in parts on the disk."""

    def __init__(self, final: Path | None, jobs: int) -> None:
        self.final = None if final is None else final.expanduser().absolute()
        self.rows = np.zeros(jobs, ROW)
        self.done = np.zeros(jobs, np.bool_)
        self._lock = ExitStack()
        self._waiting: list[Rows] = []
        self._part = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def partial(self) -> Path:
        """Where an unfinished sweep lies."""
        assert self.final is not None
        return partial_of(self.final)

    def open(self, key: Mapping[str, Any]) -> bool:
        """Take up what an earlier run of the same sweep left; return whether it was finished.

        Raises:
            UsageError: if the folder holds something else.
        """
        if self.final is None:
            return False
        try:
            if self._belongs(self.final, key):
                return True
            self.partial.mkdir(parents=True, exist_ok=True)
            self._hold()
            if not self._belongs(self.partial, key):
                files.write_text(self.partial / KEY, json.dumps(key, indent=2) + "\n")
            for path in sorted(self.partial.glob("part-*.parquet")):
                self._keep(from_table(pq.read_table(path)))
                self._part = int(path.stem[5:]) + 1
        except OSError as error:
            raise self._failure(error) from error
        return False

    # The lock goes with the process, however that ends.
    def _hold(self) -> None:
        try:
            import fcntl  # noqa: PLC0415 (absent on Windows, where one sweep at a time is up to you)
        except ImportError:
            return
        self._lock.enter_context(file := (self.partial / LOCK).open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"--out {self.final}: another sweep is writing there; wait, or choose another"
            ) from None

    def _belongs(self, folder: Path, key: Mapping[str, Any]) -> bool:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return False
        path = folder / KEY
        unfinished = "" if folder == self.final else f", unfinished, in {folder}"
        if not path.is_file():
            if folder == self.partial and only_temporary(folder):
                return False
            raise UsageError(f"--out {self.final}: there is something else; choose another")
        found = json.loads(path.read_text())
        differs = [name for name in {**key, **found} if found.get(name) != key.get(name)]
        if differs:
            raise UsageError(
                f"--out {self.final}: it belongs to another sweep{unfinished} "
                f"(other {', '.join(differs)}): choose another folder, or remove it"
            )
        return True

    def _keep(self, rows: Rows) -> None:
        self.rows[rows["job"]] = rows
        self.done[rows["job"]] = True

    def add(self, rows: Rows) -> None:
        """Keep finished runs; `flush` writes them."""
        self._keep(rows)
        self._waiting.append(rows)

    def flush(self) -> None:
        """Write what was added since the last flush as one part, whole."""
        waiting, self._waiting = self._waiting, []
        if self.final is None or not waiting:
            return
        path = self.partial / f"part-{self._part:06d}.parquet"
        self._part += 1
        try:
            with files.replacing(path) as new:
                pq.write_table(to_table(np.concatenate(waiting)), new)
                faults.at("part written")
            faults.at("part kept")
        except OSError as error:
            raise self._failure(error) from error

    def note(self, name: str, text: str) -> None:
        """Keep a text beside the parts; it goes when the sweep is finished."""
        if self.final is not None:
            try:
                files.write_text(self.partial / name, text)
            except OSError as error:
                raise self._failure(error) from error

    def noted(self, name: str) -> str | None:
        """Return a text that an earlier run of the sweep kept, None if there is none."""
        if self.final is None or not (self.partial / name).is_file():
            return None
        return (self.partial / name).read_text(encoding="utf-8")

    def finish(
        self, table: pa.Table, texts: Mapping[str, str], *,
        beside: Callable[[Path], None] | None = None,
    ) -> None:  # fmt: skip
        """Write the results and the texts by file name, and move all to the sweep's folder.

        `beside` puts more into the folder.
        """
        if self.final is None:
            return
        made = self.partial / "finished"
        try:
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            pq.write_table(table, made / "results.parquet", compression="zstd")
            for name, text in texts.items():
                (made / name).write_text(text)
            shutil.copy(self.partial / KEY, made / KEY)
            if beside is not None:
                beside(made)
            faults.at("sweep finished")
            if self.final.is_dir():
                self.final.rmdir()  # it is empty
            made.rename(self.final)
            shutil.rmtree(self.partial, ignore_errors=True)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutsideError:
        reason = error.strerror or str(error)
        return OutsideError(
            f"can't write the sweep to {self.final}: {reason}; free space or choose another --out"
        )


def partial_of(final: Path) -> Path:
    """Return where an unfinished sweep of a folder lies."""
    return final.with_name(f".{final.name}.sweep")


def is_free(final: Path) -> bool:
    """Say if no sweep lies in a folder or is on its way there."""
    return not final.exists() and not partial_of(final).exists()


def only_temporary(folder: Path) -> bool:
    """Say if nothing but the lock and a key that was being written lies in a folder."""
    return all(path.name == LOCK or files.is_partial(path) for path in folder.iterdir())


def to_table(rows: Rows) -> pa.Table:
    """Return runs as a table."""
    return pa.table({name: np.ascontiguousarray(rows[name]) for name in ROW.names or ()})


def from_table(table: pa.Table) -> Rows:
    """Return runs from a table."""
    rows = np.zeros(table.num_rows, ROW)
    for name in ROW.names or ():
        rows[name] = table[name].to_numpy()
    return rows
