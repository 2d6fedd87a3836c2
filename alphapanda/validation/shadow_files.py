"""What a strategy under check sees of files: tables that end at a time, or change after it.

A strategy in plain Python can read files, at import, in `start` or in a hook. While a check runs,
the usual readers are given copies of Parquet, Feather and text tables in which only what was known
at the cut is as it was. Other files cannot be shown so; they are remembered, for the report.
"""

from __future__ import annotations

import builtins
import gzip
import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import alphapanda
from alphapanda.data.schema import SPELLINGS, epoch_unit_ns, normal
from alphapanda.model.calendar import DAY, IST
from alphapanda.validation import shadow_text
from alphapanda.validation.foresight import Foresight, foresight
from alphapanda.validation.known import Int64, Market, closes_in, has_bars, known_at

How = Literal["whole", "cut", "changed"]
TEXTS, ARROWS = {".csv", ".tsv", ".txt"}, {".feather", ".arrow", ".ipc"}
TABLES = TEXTS | ARROWS | {".parquet", ".pq"}
OPAQUE = {
    ".db", ".duckdb", ".gz", ".h5", ".hdf5", ".joblib", ".json", ".npy", ".npz", ".pickle", ".pkl",
    ".sqlite", ".xlsx", ".zip", ".zst",
}  # fmt: skip

OPEN = builtins.open
"""The real one: during a check it goes through the shadow."""

SHIFT = 1.07
"""Prices after the cut are shuffled, and multiplied by this."""

DAYS = "a table of days without numbers"


class Shadow:
    """Stands between strategies and files; set `how` and `cut_ns`, then load and run them."""

    def __init__(
        self, folder: Path, *, stamp: str | None, interval_ns: int, seed: int,
        market: Market | None = None, cache_dir: Path | None = None,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.how: How = "whole"
        self.cut_ns = 0
        self.market = market
        self.tables: dict[str, None] = {}
        """Files of which copies were shown."""
        self.opaque: dict[str, None] = {}
        """Files read that cannot be shown cut."""
        self.uncut: dict[str, str] = {}
        """Files read that are shown whole, and why."""
        self.foreseen: dict[tuple[str, str], Foresight] = {}
        """What columns of the files know of later rows: by file and column."""
        self.quiet: Callable[[], AbstractContextManager[Any]] = nullcontext
        """Entered while the shadow itself reads files."""
        self._stamp, self._interval_ns, self._seed = stamp, interval_ns, seed
        self._made: dict[tuple[str, How, int], Path] = {}
        self._known: dict[str, Int64] = {}
        self._read, self._write = pq.read_table, pq.write_table
        self._cache = () if cache_dir is None else (inside(cache_dir),)

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
        if path.is_relative_to(self.folder) or self.passes(path):
            return given
        if "*" in path.name or path.is_dir():
            return self._many(given, path)
        if is_table(path) and path.is_file():
            return type(given)(self._one(path)) if isinstance(given, str) else self._one(path)
        if path.suffix in OPAQUE and path.is_file():
            self.opaque[str(path)] = None
        return given

    def passes(self, path: str | Path) -> bool:
        """Say if a file is not the user's: it is machinery, or lies in the cache of loops."""
        return machinery(path) or os.fspath(path).startswith(self._cache)

    def query(self, given: Any) -> Any:
        """Return a query of DuckDB's with the paths in it replaced."""
        if not isinstance(given, str):
            return given
        return re.sub(
            r"'([^']+)'|\"([^\"]+\.(?:parquet|pq|csv|tsv|txt))\"",
            lambda found: f"'{self.path(found[1] or found[2])}'", given,
        )  # fmt: skip

    def known(self, names: list[str], stamps: Int64, closes: Any) -> Int64:
        """Return when each row of a table with these columns is known, ns."""
        if self.market is None:
            return stamps + self._interval_ns  # bars bear the time of their start
        return known_at(stamps, closes, self.market, bars=has_bars(names))

    def _many(self, given: Any, path: Path) -> Any:
        root = path if path.is_dir() else path.parent
        files = [f for f in sorted(root.rglob("*")) if is_table(f) and f.is_file()]
        if not files:
            return given
        home = self.folder / self.how / str(self.cut_ns) / root.relative_to(root.anchor)
        for file in files:
            self._one(file)
        return str(home if path.is_dir() else home / path.name)

    def _one(self, path: Path) -> Path:
        key = str(path), self.how, self.cut_ns
        if key not in self._made:
            with self.quiet():
                self._made[key] = self._copy(path)
        return self._made[key]

    def _copy(self, path: Path) -> Path:
        target = self.folder / self.how / str(self.cut_ns) / path.relative_to(path.anchor)
        try:
            shown = self._shown_text(path) if is_text(path) else self._shown(path)
        except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, ValueError):
            shown = None
        if shown is None:
            self.opaque[str(path)] = None
            return path
        self.tables[str(path)] = None
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(shown, str):
            content = shown.encode()
            target.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        elif path.suffix in ARROWS:
            with OPEN(target, "wb") as out, pa.ipc.new_file(out, shown.schema) as writer:
                writer.write_table(shown)
        else:
            self._write(shown, target)
        return target

    # Text stays as it is written: what a strategy makes of `0050` is its own affair.
    def _shown_text(self, path: Path) -> str | None:
        text = content_of(path).decode("utf-8")
        (head, *rows), separator = shadow_text.records(text)
        names = [name.strip().removeprefix("\ufeff") for name in head[1]]
        timed = shadow_text.stamps_of(names, rows, self._named(names), stamps_ns)
        if timed is None:
            return None
        stamps, kept = timed
        numbers = {
            name: shadow_text.numbers(rows, n)
            for n, name in enumerate(names)
            if n not in kept and shadow_text.is_numeric(rows, n)
        }
        known = self._knowing(path, names, stamps, numbers)
        if known is None or self.how == "whole":
            return text
        future = known >= self.cut_ns
        if self.how == "cut":
            return head[0] + shadow_text.without(rows, future)
        return head[0] + shadow_text.changed(
            rows, future, separator=separator, kept=kept, seed=self._seed
        )

    # None if no column tells the time of a row.
    def _shown(self, path: Path) -> pa.Table | None:
        table = read_arrow(path) if path.suffix in ARROWS else self._read(path, partitioning=None)
        name = self._named(table.column_names)
        stamps = None if name is None else stamps_ns(table[name])
        if stamps is None:
            return None
        numbers = {
            field.name: table[field.name].cast(pa.float64(), safe=False).to_numpy()
            for field in table.schema
            if field.name != name and is_number(field.type)
        }
        known = self._knowing(path, table.column_names, stamps, numbers)
        if known is None or self.how == "whole":
            return table
        future = known >= self.cut_ns
        if self.how == "cut":
            return table.filter(pa.array(~future))
        return changed(table, future, seed=self._seed, kept={str(name)})

    def _named(self, names: list[str]) -> str | None:
        return time_column(names, self._stamp)

    # When rows are known; None where a calendar of days is shown whole.
    def _knowing(
        self, path: Path, names: list[str], stamps: Int64, numbers: dict[str, Any]
    ) -> Int64 | None:  # fmt: skip
        if not numbers and not ((stamps + IST) % DAY).any():
            self.uncut[str(path)] = DAYS
            return None
        if str(path) not in self._known:
            close = closes_in(names)
            known = self.known(names, stamps, numbers.get(str(close)))
            self._known[str(path)] = known
            if self.market is not None:
                self._foresee(path, known, numbers)
        return self._known[str(path)]

    def _foresee(self, path: Path, known: Int64, numbers: dict[str, Any]) -> None:
        assert self.market is not None
        for name, values in numbers.items():
            price = any(normal(name) in SPELLINGS[one] for one in PRICED)
            found = foresight(values, known, self.market, price=price)
            if found is not None:
                self.foreseen[str(path), name] = found


PRICED = ("open", "high", "low", "close", "last", "bid", "ask", "volume", "oi", "qty")
"""Columns that the market itself makes."""


def is_text(path: Path) -> bool:
    """Say if a file is a table written as text, packed or not."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix in TEXTS


def is_table(path: Path) -> bool:
    """Say if a file may be shown cut."""
    return path.suffix in TABLES or is_text(path)


def is_number(kind: pa.DataType) -> bool:
    """Say if a column holds numbers."""
    types = pa.types
    return bool(
        types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind)
        or types.is_boolean(kind)
    )  # fmt: skip


def read_arrow(path: Path) -> pa.Table:
    """Return a file of Arrow's own form: with a foot, or a stream."""
    content = pa.py_buffer(content_of(path))
    try:
        return pa.ipc.RecordBatchFileReader(content).read_all()
    except pa.ArrowInvalid:
        return pa.ipc.RecordBatchStreamReader(content).read_all()


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
        if field.name in kept or not is_number(field.type):
            continue
        column = table[field.name].take(pa.array(order))
        if pa.types.is_floating(field.type):
            column = pa.compute.multiply(column, factor.cast(field.type))
        table = table.set_column(at, field, column)
    return table


def inside(folder: str | Path) -> str:
    """Return how the paths of all that lies in a folder begin."""
    return os.path.join(os.fspath(folder), "")  # noqa: PTH118 (ends in /)


HOMES = (inside(Path(alphapanda.__file__).parent), inside(sys.prefix), inside(sys.base_prefix))
"""Where this package, installed packages and Python lie."""


def machinery(path: str | Path) -> bool:
    """Say if a file belongs to Python or an installed package: not to the user."""
    return os.fspath(path).startswith(HOMES)


def content_of(path: Path) -> bytes:
    """Return the bytes of a file itself, unpacked."""
    with OPEN(path, "rb") as file:
        content: bytes = file.read()
    return gzip.decompress(content) if path.suffix == ".gz" else content
