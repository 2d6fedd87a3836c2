"""What a strategy under check sees of files: tables that end at a time, or change after it.

A strategy in plain Python can read files, at import, in `start` or in a hook. While a check runs,
the usual readers of Python, Arrow, pandas, polars, DuckDB and NumPy are given copies of Parquet and
CSV files in which only what was known at the cut is as it was. Other files cannot be shown so;
they are remembered, for the report.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import config
from alphapanda.data.schema import SPELLINGS, epoch_unit_ns, normal
from alphapanda.model.calendar import IST
from alphapanda.validation import shadow_text

How = Literal["whole", "cut", "changed"]
TABLES = {".parquet", ".pq", ".csv"}
OPAQUE = {
    ".arrow", ".db", ".duckdb", ".feather", ".gz", ".h5", ".hdf5", ".ipc", ".joblib", ".json",
    ".npy", ".npz", ".pickle", ".pkl", ".sqlite", ".txt", ".xlsx", ".zip", ".zst",
}  # fmt: skip
READERS = {
    "builtins": ("open",),
    "io": ("open",),
    "pyarrow": ("memory_map", "OSFile"),
    "pyarrow.parquet": ("ParquetDataset", "ParquetFile", "read_pandas", "read_table"),
    "pyarrow.dataset": ("dataset",),
    "pyarrow.csv": ("open_csv", "read_csv"),
    "pandas": ("read_csv", "read_parquet"),
    "polars": ("read_csv", "read_parquet", "scan_csv", "scan_parquet"),
    "duckdb": ("execute", "from_parquet", "query", "read_csv", "read_parquet", "sql"),
    "numpy": ("fromfile", "genfromtxt", "loadtxt"),
}
"""Functions that take a path, or for DuckDB a query that names one."""

SHIFT = 1.07
"""Prices after the cut are shuffled, and multiplied by this."""


class Shadow:
    """Stands between strategies and files; set `how` and `cut_ns`, then load and run them."""

    def __init__(self, folder: Path, *, stamp: str | None, interval_ns: int, seed: int) -> None:
        self.folder = folder
        self.how: How = "whole"
        self.cut_ns = 0
        self.tables: dict[str, None] = {}
        """Files of which copies were shown."""
        self.opaque: dict[str, None] = {}
        """Files read that cannot be shown cut."""
        self._stamp, self._interval_ns, self._seed = stamp, interval_ns, seed
        self._made: dict[tuple[str, How, int], Path] = {}
        self._read, self._write = pq.read_table, pq.write_table

    def show(self, how: How, cut_ns: int = 0) -> None:
        """Choose what is seen from now on; `cut_ns` is the first moment that is not yet known."""
        self.how, self.cut_ns = how, cut_ns

    def path(self, given: Any) -> Any:
        """Return the path to read in place of one that a strategy names."""
        if isinstance(given, (list, tuple)):
            return [self.path(one) for one in given]
        if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
            return given
        path = Path(os.path.abspath(os.fsdecode(os.fspath(given))))  # noqa: PTH100 (no links followed)
        if path.is_relative_to(self.folder) or machinery(path):
            return given
        if "*" in path.name or path.is_dir():
            return self._many(given, path)
        if path.suffix in TABLES and path.is_file():
            return type(given)(self._one(path)) if isinstance(given, str) else self._one(path)
        if path.suffix in OPAQUE and path.is_file():
            self.opaque[str(path)] = None
        return given

    def query(self, given: Any) -> Any:
        """Return a query of DuckDB's with the paths in it replaced."""
        if not isinstance(given, str):
            return given
        return re.sub(
            r"'([^']+)'|\"([^\"]+\.(?:parquet|pq|csv))\"",
            lambda found: f"'{self.path(found[1] or found[2])}'", given,
        )  # fmt: skip

    def _many(self, given: Any, path: Path) -> Any:
        root = path if path.is_dir() else path.parent
        files = [f for f in sorted(root.rglob("*")) if f.suffix in TABLES and f.is_file()]
        if not files:
            return given
        home = self.folder / self.how / str(self.cut_ns) / root.relative_to(root.anchor)
        for file in files:
            self._one(file)
        return str(home if path.is_dir() else home / path.name)

    def _one(self, path: Path) -> Path:
        key = str(path), self.how, self.cut_ns
        if key not in self._made:
            self._made[key] = self._copy(path)
        return self._made[key]

    def _copy(self, path: Path) -> Path:
        csv = path.suffix == ".csv"
        shown: Any
        try:
            if csv:
                shown = self._shown_text(path.read_bytes().decode("utf-8"))
            else:
                shown = self._shown(self._read(path, partitioning=None))
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            shown = None
        if shown is None:
            self.opaque[str(path)] = None
            return path
        self.tables[str(path)] = None
        target = self.folder / self.how / str(self.cut_ns) / path.relative_to(path.anchor)
        target.parent.mkdir(parents=True, exist_ok=True)
        if csv:
            target.write_bytes(shown.encode())
        else:
            self._write(shown, target)
        return target

    # Text stays as it is written: what a strategy makes of `0050` is its own affair.
    def _shown_text(self, text: str) -> str | None:
        (head, *rows), separator = shadow_text.records(text)
        names = [name.strip().removeprefix("\ufeff") for name in head[1]]
        name = time_column(names, self._stamp)
        column = None if name is None else names.index(name)
        stamps = None if column is None else shadow_text.times_of(rows, column, stamps_ns)
        if column is None or stamps is None:
            return None
        if self.how == "whole":
            return text
        future = stamps >= self.cut_ns - self._interval_ns
        if self.how == "cut":
            return head[0] + shadow_text.without(rows, future)
        return head[0] + shadow_text.changed(
            rows, future, separator=separator, kept=column, seed=self._seed
        )

    # None if no column tells the time of a row.
    def _shown(self, table: pa.Table) -> pa.Table | None:
        name = time_column(table.column_names, self._stamp)
        stamps = None if name is None else stamps_ns(table[name])
        if stamps is None:
            return None
        if self.how == "whole":
            return table
        # Bars bear the time of their start; they are known at their end.
        future = stamps >= self.cut_ns - self._interval_ns
        if self.how == "cut":
            return table.filter(pa.array(~future))
        return changed(table, future, seed=self._seed, kept={str(name)})


def time_column(names: list[str], stamp: str | None) -> str | None:
    """Return the column that holds a row's time, as replays recognise it."""
    if stamp is not None and stamp in names:
        return stamp
    known = {normal(name): name for name in reversed(names)}
    named = [known[spelling] for spelling in SPELLINGS["ts"] if spelling in known]
    return named[0] if named else known.get("__index_level_0__")


def stamps_ns(column: pa.ChunkedArray) -> Any:
    """Return times in ns UTC, None if the column holds none; without a zone they are India's."""
    kind = column.type
    if pa.types.is_integer(kind):
        numbers = column.fill_null(0).to_numpy()
        return numbers * epoch_unit_ns(int(numbers.max(initial=0)))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            column = column.cast(pa.timestamp("ns"))
        except pa.ArrowInvalid:
            column = column.cast(pa.timestamp("ns", tz="UTC"))
        kind = column.type
    if not pa.types.is_timestamp(kind) and not pa.types.is_date(kind):
        return None
    zone = getattr(kind, "tz", None)
    ns = column.cast(pa.timestamp("ns", tz=zone)).cast(pa.int64()).fill_null(0).to_numpy()
    return ns if zone else ns - IST


def changed(table: pa.Table, future: Any, *, seed: int, kept: set[str]) -> pa.Table:
    """Return a table whose future rows bear shuffled and scaled numbers."""
    places = np.nonzero(future)[0]
    order = np.arange(len(future))
    order[places] = np.random.default_rng(seed).permutation(places)
    factor = pa.array(np.where(future, SHIFT, 1.0))
    for at, field in enumerate(table.schema):
        number = pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
        if field.name in kept or not number:
            continue
        column = table[field.name].take(pa.array(order))
        if pa.types.is_floating(field.type):
            column = pa.compute.multiply(column, factor.cast(field.type))
        table = table.set_column(at, field, column)
    return table


def machinery(path: Path) -> bool:
    """Say if a file belongs to Python, an installed package, or the cache: not to the user."""
    homes = {sys.prefix, sys.base_prefix, str(config.load().cache_dir)}
    own = Path(config.__file__).parents[1]
    return path.is_relative_to(own) or any(path.is_relative_to(home) for home in homes)


@contextmanager
def shadowed(shadow: Shadow, sources: Mapping[str, str]) -> Iterator[None]:
    """Let all readers go through the shadow while a check runs.

    `sources` are the texts of the strategies: libraries that none of them names stay unloaded.
    """
    text = "\n".join(sources.values())
    with ExitStack() as stack:
        for module, names in READERS.items():
            if module in ("pandas", "polars") and module not in text:
                continue
            try:
                owner = importlib.import_module(module)
            except ImportError:
                continue
            for name in names:
                reads = reader(getattr(owner, name), shadow, sql=module == "duckdb")
                stack.enter_context(replaced(owner, name, reads))
        stack.enter_context(connections(shadow))
        yield


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let a module hold another value under a name for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


FIRST = ("path", "source", "filepath_or_buffer", "file", "path_or_paths", "path_or_buffer")


def reader(function: Any, shadow: Shadow, *, sql: bool) -> Callable[..., Any]:
    """Return a reader that is given the shadow's path in place of the one it was asked for."""

    @functools.wraps(function, updated=())
    def reads(*arguments: Any, **named: Any) -> Any:
        if function is OPEN and writes(arguments, named):
            return function(*arguments, **named)
        if arguments:
            first = shadow.query(arguments[0]) if sql else arguments[0]
            arguments = (shadow.path(first), *arguments[1:])
        named = {n: shadow.path(v) if n in FIRST else v for n, v in named.items()}
        return function(*arguments, **named)

    return reads


OPEN = builtins.open
assert OPEN is io.open


def writes(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Say if a file is opened to be written."""
    mode = named.get("mode", arguments[1] if len(arguments) > 1 else "r")
    return bool(set(str(mode)) & set("wax+"))


class Connection:
    """A connection of DuckDB's whose queries read through the shadow."""

    def __init__(self, connection: Any, shadow: Shadow) -> None:
        self._connection, self._shadow = connection, shadow

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._connection, name)
        return reader(value, self._shadow, sql=True) if name in READERS["duckdb"] else value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@contextmanager
def connections(shadow: Shadow) -> Iterator[None]:
    """Let connections that strategies make to DuckDB read through the shadow."""
    duckdb = importlib.import_module("duckdb")
    connect = duckdb.connect

    def connected(*arguments: Any, **named: Any) -> Connection:
        return Connection(connect(*arguments, **named), shadow)

    with replaced(duckdb, "connect", connected):
        yield
