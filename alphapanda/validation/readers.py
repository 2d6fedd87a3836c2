"""The readers of files that go through a check's shadow, put in place of the real ones.

Python's, Arrow's, pandas', polars', DuckDB's and NumPy's functions that take a path.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Self

from alphapanda.validation.shadow_files import OPEN, Shadow

READERS = {
    "builtins": ("open",),
    "io": ("open",),
    "pyarrow": ("memory_map", "OSFile", "input_stream"),
    "pyarrow.parquet": ("ParquetDataset", "ParquetFile", "read_pandas", "read_table"),
    "pyarrow.dataset": ("dataset",),
    "pyarrow.csv": ("open_csv", "read_csv"),
    "pyarrow.feather": ("read_feather", "read_table"),
    "pyarrow.ipc": ("open_file", "open_stream"),
    "pyarrow.json": ("read_json",),
    "pyarrow.orc": ("ORCFile", "read_table"),
    "h5py": ("File",),
    "pandas": ("read_*",),
    "polars": ("read_*", "scan_*"),
    "duckdb": ("execute", "from_parquet", "query", "read_csv", "read_json", "read_parquet", "sql"),
    "numpy": ("fromfile", "genfromtxt", "load", "loadtxt", "memmap"),
}
"""Functions that take a path, or for DuckDB a query that names one."""

FAR = ("pandas", "polars", "h5py", "pyarrow.orc", "pyarrow.json", "pyarrow.feather", "pyarrow.ipc")
"""Not loaded for strategies that do not name them."""

CLASSES = ("memmap", "File", "ORCFile")
"""Classes that others ask instances of: left as they are, the audit hears of their files."""


@contextmanager
def shadowed(shadow: Shadow, sources: Mapping[str, str]) -> Iterator[None]:
    """Let all readers go through the shadow while a check runs.

    `sources` are the texts of the strategies: libraries that none of them names stay unloaded.
    """
    text = "\n".join(sources.values())
    with ExitStack() as stack:
        for module, names in READERS.items():
            if module in FAR and module.partition(".")[0] not in text:
                continue
            try:
                owner = importlib.import_module(module)
            except ImportError:
                continue
            for name in spelled_out(owner, names):
                reads = reader(getattr(owner, name), shadow, sql=module == "duckdb")
                stack.enter_context(replaced(owner, name, reads))
        stack.enter_context(connections(shadow))
        yield


def spelled_out(owner: ModuleType, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the functions of a module: `read_*` stands for all that begin so."""
    for name in names:
        if name.endswith("*"):
            found = (each for each in vars(owner) if each.startswith(name[:-1]))
            yield from (each for each in found if callable(getattr(owner, each)))
        elif name not in CLASSES and hasattr(owner, name):
            yield name


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let a module hold another value under a name for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


FIRST = (
    "path", "source", "filepath_or_buffer", "file", "path_or_paths", "path_or_buffer",
    "path_or_buf", "io", "fname",
)  # fmt: skip


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
        shadow.path(named.get("database", arguments[0] if arguments else ""))
        return Connection(connect(*arguments, **named), shadow)

    with replaced(duckdb, "connect", connected):
        yield
