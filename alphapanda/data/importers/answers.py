"""Brokers' answers in JSON as columns of text: Kite, Upstox, Angel, Fyers, Dhan, Breeze."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from alphapanda.data.importers.text import TextTable, table_of
from alphapanda.errors import OutsideError, UsageError

CANDLE = ("date", "open", "high", "low", "close", "volume", "oi")
WIDTHS = (5, 6, 7)
"""Of a candle that is a list: open interest, and of indices the volume, may be absent."""

WRAPPERS = ("data", "candles", "Success", "result", "payload")
"""Where answers keep their candles."""

FORMS = (
    'Kite, Upstox: {"data": {"candles": [[time, open, high, low, close, volume], ...]}}; '
    'Fyers: {"candles": [...]}; Angel: {"data": [...]}; Dhan: {"open": [...], "timestamp": [...]}; '
    "or a list of objects"
)


def json_table(con: duckdb.DuckDBPyConnection, path: str) -> TextTable:
    """Return the candles or records of a JSON file as columns of text.

    Raises: UsageError for another document, with the candle that does not fit.
    """
    answer = _document(path)
    _refuse_failure(path, answer)
    found = _found(answer)
    if isinstance(found, Mapping):
        return table_of(con, path, *_of_arrays(path, found))
    if not isinstance(found, list):
        raise UsageError(f"{path} is no answer of a broker with candles ({FORMS}).")
    if not found:
        raise UsageError(f"{path} holds no candles: leave it out.")
    if isinstance(found[0], Mapping):
        return table_of(con, path, *_of_records(path, found))
    return table_of(con, path, *_of_candles(path, found))


def _document(path: str) -> Any:
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        # Numbers stay as they are written.
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}).") from error
    except OSError as error:
        raise OutsideError(f"{path}: cannot be read ({error}); check the disk.") from error


def _refuse_failure(path: str, answer: Any) -> None:
    if not isinstance(answer, Mapping):
        return
    status = str(answer.get("s", answer.get("status", ""))).lower()
    message = answer.get("message") or answer.get("Error") or answer.get("errorMessage") or status
    if status in ("error", "no_data", "failure", "failed", "false"):
        raise UsageError(f"{path} is a broker's refusal, not candles ({message:.80}).")


def _found(answer: Any) -> Any:
    while isinstance(answer, Mapping):
        if {"open", "high", "low", "close"} <= answer.keys():
            return answer
        inside = next((answer[name] for name in WRAPPERS if answer.get(name) is not None), None)
        if inside is None:
            return None
        answer = inside
    return answer


def _of_arrays(path: str, found: Mapping[str, Any]) -> tuple[list[str], Iterator[Sequence[str]]]:
    arrays = {name: values for name, values in found.items() if isinstance(values, list)}
    lengths = {name: len(values) for name, values in arrays.items() if values}
    if not lengths:
        raise UsageError(f"{path} holds no candles: leave it out.")
    odd = {n for n in lengths.values() if n != lengths.get("open")}
    if odd:
        told = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise UsageError(f"{path}: its columns are of different lengths: {told}.")
    return list(lengths), (
        tuple(map(_text, row)) for row in zip(*(arrays[n] for n in lengths), strict=True)
    )


def _of_records(path: str, found: list[Any]) -> tuple[list[str], Iterator[Sequence[str]]]:
    names = dict.fromkeys(name for row in found if isinstance(row, Mapping) for name in row)
    for number, row in enumerate(found, 1):
        if not isinstance(row, Mapping):
            raise UsageError(f"{path}, record {number}: {row!r:.80} is no object as the first is.")
    return list(names), (tuple(_text(row.get(name)) for name in names) for row in found)


def _of_candles(path: str, candles: list[Any]) -> tuple[list[str], Iterator[Sequence[str]]]:
    width = len(candles[0]) if isinstance(candles[0], list) else 0
    for number, candle in enumerate(candles, 1):
        if not _fits(candle, width):
            raise UsageError(
                f"{path}, candle {number}: {candle!r:.80} is not [time, open, high, low, close, "
                "volume] nor that with open interest."
            )
    return list(CANDLE[:width]), (tuple(map(_text, candle)) for candle in candles)


def _fits(candle: Any, width: int) -> bool:
    if not isinstance(candle, list) or len(candle) != width or width not in WIDTHS:
        return False
    return isinstance(candle[0], str) and all(
        each is None or isinstance(each, str) for each in candle
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
