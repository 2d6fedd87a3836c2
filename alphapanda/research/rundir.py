"""A run's directory: events, fills and equity as Parquet, summary and manifest as JSON.

Everything is written beside its final place and moved there whole, so that a run directory is
either complete or absent.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda.errors import OutsideError, UsageError

NAMES = ("events", "fills", "equity")


class RunDirectory:
    """Writes a run; `finish` makes it visible, `discard` leaves nothing."""

    def __init__(self, final: Path) -> None:
        if final.exists() and (not final.is_dir() or any(final.iterdir())):
            raise UsageError(f"--out {final}: exists and is not empty; choose another")
        self.final = final
        self.partial = final.with_name(f".{final.name}.{os.getpid()}.partial")
        self._writers: dict[str, pq.ParquetWriter] = {}
        try:
            self.partial.mkdir(parents=True)
        except OSError as error:
            raise self._failure(error) from error

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

    def finish(self, documents: Mapping[str, Mapping[str, Any]]) -> Path:
        """Write the JSON documents, close all files, and move the run to its place."""
        try:
            for writer in self._writers.values():
                writer.close()
            for name, document in documents.items():
                text = json.dumps(document, indent=2, ensure_ascii=False)
                (self.partial / f"{name}.json").write_text(text + "\n")
            if self.final.exists():
                self.final.rmdir()
            self.partial.rename(self.final)
        except OSError as error:
            raise self._failure(error) from error
        return self.final

    def discard(self) -> None:
        """Leave nothing behind."""
        for writer in self._writers.values():
            try:
                writer.close()
            except (OSError, pa.ArrowException):  # it is thrown away
                continue
        shutil.rmtree(self.partial, ignore_errors=True)

    def _failure(self, error: OSError) -> OutsideError:
        reason = error.strerror or str(error)
        return OutsideError(
            f"cannot write the run to {self.final}: {reason}; free space or choose another --out"
        )
