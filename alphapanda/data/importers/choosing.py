"""From paths to sources: which files there are, and what make each is of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import duckdb

from alphapanda.data.filenames import guess
from alphapanda.data.importers.answers import json_table
from alphapanda.data.importers.bhavcopy import bhavcopy_source, is_derivatives, is_equity
from alphapanda.data.importers.chain import chain_source, is_chain
from alphapanda.data.importers.contract_rows import contracts_source, text_contracts_source
from alphapanda.data.importers.source import Source, Wanted, unreadable_file
from alphapanda.data.importers.table import csv_source, parquet_source
from alphapanda.data.importers.terms import Terms
from alphapanda.data.importers.text import TEXT, TextTable, text_table
from alphapanda.data.replay.layouts import describe
from alphapanda.data.replay.parquet import SUFFIXES, find_files
from alphapanda.data.schema import MASTER, normal
from alphapanda.errors import UsageError
from alphapanda.model.interval import WRITTEN, parse_interval

ENDINGS = (*SUFFIXES, *TEXT, ".json")
KITE_INTERVALS = {"minute": "1m", "hour": "60m", "hourly": "60m", "day": "1d", "daily": "1d"}
WORD = re.compile(r"[_\-. ]+")


def files_of(paths: Iterable[str | Path]) -> list[str]:
    """Return the files behind files, folders and patterns, each once, in the order given.

    Raises: UsageError for a path without a file that can be imported.
    """
    found: dict[Path, str] = {}
    for path in map(Path, paths):
        inside = _inside(path) if path.is_dir() else list(find_files([path]))
        for file in inside:
            found.setdefault(Path(file).resolve(), file)
    return list(found.values())


def open_source(con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted) -> Source:
    """Return a file as a source, by its ending and its columns.

    Raises: UsageError for a file that holds no market data that is known.
    """
    name = path.lower()
    if not name.endswith(ENDINGS):
        raise UsageError(f"{path}: its name must end in {', '.join(sorted(ENDINGS))}.")
    if name.endswith(".json"):
        source = _by_columns(con, path, wanted, table=json_table(con, path))
    elif name.endswith(TEXT):
        source = _by_columns(con, path, wanted, table=text_table(con, path))
    else:
        source = _by_columns(con, path, wanted, table=None)
    if source.layout.kind != "bar" or source.interval_ns is not None:
        return source
    return replace(source, interval_ns=wanted.interval_ns or interval_in(path))


def interval_in(path: str) -> int | None:
    """Return the interval that a file's name says: RELIANCE_minute, infy-5m, INFY_60minute_400d."""
    told = guess(path).interval
    if told is not None:
        return parse_interval(told)
    for word in WORD.split(Path(path).stem.lower()):
        if word in KITE_INTERVALS:
            return parse_interval(KITE_INTERVALS[word])
        found = WRITTEN.fullmatch(word)
        if found is not None and not (found[2].startswith("d") and int(found[1]) > 1):
            return parse_interval(word)
    return None


def is_master(con: duckdb.DuckDBPyConnection, path: str) -> bool:
    """Tell whether a file is a broker's list of instruments, by its columns."""
    if not path.lower().endswith(TEXT):
        return False
    try:
        names = set(map(normal, text_table(con, path).columns))
    except UsageError:
        return False
    return any(mark <= names for mark in MASTER)


def _by_columns(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted, *, table: TextTable | None
) -> Source:
    try:
        described = table.columns if table is not None else describe(con, path)
    except duckdb.Error as error:
        raise unreadable_file(path, error) from error
    names = set(map(normal, described))
    if is_equity(names) or is_derivatives(names):
        return bhavcopy_source(con, path, wanted, table=table)
    if is_chain(names):
        return chain_source(con, path, wanted, table=table)
    terms = Terms.of(described)
    if table is not None:
        if terms is not None:
            return text_contracts_source(con, table, terms, wanted)
        return csv_source(con, table, wanted)
    source = parquet_source(con, path, wanted)
    return source if terms is None else contracts_source(con, source, terms, wanted)


def _inside(folder: Path) -> list[str]:
    files = sorted(
        str(file) for file in folder.rglob("*")
        if file.name.lower().endswith(ENDINGS) and file.is_file()
        and not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    )  # fmt: skip
    if not files:
        raise UsageError(f"The folder {folder} holds no {', '.join(sorted(ENDINGS))}.")
    return files
