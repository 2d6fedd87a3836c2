"""Kite's historical candles as its REST interface answers: JSON, with or without open interest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from alphapanda.data.importers.source import Source, Wanted
from alphapanda.data.importers.table import ZONED, time_sql
from alphapanda.data.replay.parquet import identifier
from alphapanda.data.schema import Layout
from alphapanda.errors import UsageError

FIELDS = ("open", "high", "low", "close", "volume", "oi")
WITHOUT_OI = len(("ts", *FIELDS)) - 1


def candles_source(con: duckdb.DuckDBPyConnection, path: str, wanted: Wanted) -> Source:
    """Return the candles of a JSON answer as a source.

    Raises: UsageError for another document, with the candle that does not fit.
    """
    candles = read_candles(path)
    width = len(candles[0])
    columns = ("ts", *FIELDS)[:width]
    made: dict[str, Any] = {"ts": pa.array([str(candle[0]) for candle in candles])}
    for at, name in enumerate(columns[1:], 1):
        made[name] = pa.array([candle[at] for candle in candles], pa.float64())
    table = f"candles_{abs(hash(path))}"
    con.register(table, pa.table(made))
    fields = ", ".join(map(identifier, columns[1:]))
    rows = (
        f"(SELECT {time_sql('ts')} AS ts, {fields}, row_number() OVER () - 1 AS file_row_number "
        f"FROM {table})"
    )
    types = {"ts": ZONED, **dict.fromkeys(columns[1:], "DOUBLE")}
    return Source(path, rows, Layout("bar", {name: name for name in columns}, types))


def read_candles(path: str) -> list[list[Any]]:
    """Return the candles of a JSON answer, each [time, open, high, low, close, volume(, oi)].

    Raises: UsageError for another document.
    """
    try:
        answer = json.loads(Path(path).read_text(encoding="utf-8"))
        candles = answer["data"]["candles"]
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{path}: not JSON ({error}).") from error
    except (KeyError, TypeError) as error:
        raise UsageError(
            f'{path} is no answer of Kite with candles ({{"data": {{"candles": [...]}}}}).'
        ) from error
    if not isinstance(candles, list) or not candles:
        raise UsageError(f"{path} holds no candles: leave it out.")
    for number, candle in enumerate(candles, 1):
        if not fits(candle, len(candles[0])):
            raise UsageError(
                f"{path}, candle {number}: {candle!r:.80} is not [time, open, high, low, close, "
                "volume] nor that with open interest."
            )
    return candles


def fits(candle: Any, width: int) -> bool:
    """Tell whether a candle is a time and as many numbers as the first has."""
    if not isinstance(candle, list) or len(candle) != width:
        return False
    if width not in (WITHOUT_OI, WITHOUT_OI + 1) or not isinstance(candle[0], str):
        return False
    numbers = candle[1:]
    return all(
        n is None or (isinstance(n, (int, float)) and not isinstance(n, bool)) for n in numbers
    )
