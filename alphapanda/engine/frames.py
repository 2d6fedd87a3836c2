"""Indicators over arrays, Series and data frames of research: `ta.rsi(frame, 14)`.

What comes back is what the core would have seen, row by row, in the kind and with the index of
what was given. Neither pandas nor polars is imported: whoever has a frame has loaded its library.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda import indicators
from alphapanda.data.schema import SPELLINGS, epoch_unit_ns, normal
from alphapanda.engine import series
from alphapanda.engine.compiler.declared import short
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.declaration import Indicator
from alphapanda.model.money import SCALE

Floats = NDArray[np.float64]
STRATEGY_ONLY = ("bar", "leg", "legs", "warmup")


def computed(
    declare: Callable[..., Indicator], data: Sequence[Any], rest: Sequence[Any],
    named: Mapping[str, Any], *, cache_dir: Path,
) -> Any:  # fmt: skip
    """Return an indicator over data: one output as a Series or array, several as a frame or dict.

    `declare` takes the other arguments as it does in a strategy; `day`, further, says by row on
    which day it was, for indicators that begin anew each session. Loops are kept in `cache_dir`.

    Raises:
        UsageError: if the data are of no known kind, or lack a column that the indicator reads.
    """
    options = dict(named)
    day = options.pop("day", None)
    for option in STRATEGY_ONLY:
        if options.get(option) is not None:
            raise UsageError(f"{option} = {options[option]!r} belongs into a strategy class: here "
                             "the rows given are the rows read")  # fmt: skip
    if any(hasattr(each, "collect") for each in data):
        raise UsageError("a lazy frame has no rows yet: collect() it first")
    declared = declare(*rest, **options)
    name = short(declared)
    label = f"ta.{name}()"
    try:
        first = indicators.module(name).prepare(**declared.arguments)
    except (UsageError, TypeError, ValueError) as error:
        raise UsageError(f"{label}: {error}") from None
    inputs = inputs_of(label, name, declared.of, data)
    opens = session_opens(label, name, data[0], day, len(inputs[0]))
    made = series.run(name, first, inputs, opens, cache_dir=cache_dir)
    return dressed(name, made, data[0])


def inputs_of(label: str, name: str, of: str, data: Sequence[Any]) -> list[Floats]:
    """Return the series an indicator reads, one array each, of equal length."""
    wanted = indicators.module(name).INPUTS
    chosen = ("price", "units", *indicators.SIDES)
    wanted = [of if each in chosen else each for each in wanted]
    if len(data) == 1 and is_frame(data[0]):
        if indicators.paired(name):
            made = pair_of(label, data[0])
        else:
            made = columns_of(label, data[0], wanted)
    elif len(data) == len(wanted):
        made = [single(label, each, of) for each in data]
    else:
        raise UsageError(f"{label} reads {', '.join(wanted)}: give a data frame with such columns, "
                         f"or {len(wanted)} arrays in this order, not {len(data)}")  # fmt: skip
    lengths = {len(column) for column in made}
    if len(lengths) > 1 or not aligned(data):
        raise UsageError(f"{label}: the series given are not of the same rows: align them first")
    return made


def library(data: Any) -> str:
    """Return `pandas` or `polars`, or another package of the data's type."""
    return type(data).__module__.partition(".")[0]


def is_frame(data: Any) -> bool:
    """Say if data are a frame of columns."""
    return library(data) in ("pandas", "polars") and hasattr(data, "columns")


def aligned(data: Sequence[Any]) -> bool:
    """Say if the pandas objects among several have one index."""
    indexes: list[Any] = [each.index for each in data if library(each) == "pandas"]
    return all(index.equals(indexes[0]) for index in indexes[1:])


def single(label: str, data: Any, of: str) -> Floats:
    """Return one series, or of a frame its column `of`."""
    return columns_of(label, data, [of])[0] if is_frame(data) else floats(label, data)


def floats(label: str, data: Any) -> Floats:
    """Return numbers as float64; what is missing as NaN."""
    refused = f"{label} reads numbers, and these are {getattr(data, 'dtype', 'none')}"
    try:
        if library(data) == "pandas":
            made = data.to_numpy(dtype=np.float64, na_value=np.nan)
        elif library(data) == "polars":
            if not data.dtype.is_numeric():
                raise UsageError(refused)
            made = data.cast(sys.modules["polars"].Float64).to_numpy()
        else:
            made = np.asarray(data, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{refused}: {error}") from None
    if str(getattr(data, "dtype", "")).startswith(("datetime", "timedelta")):
        raise UsageError(refused)
    if made.ndim != 1:
        raise UsageError(f"{label} reads one column of numbers, not an array of shape {made.shape}")
    return np.asarray(made, np.float64)


def pair_of(label: str, frame: Any) -> list[Floats]:
    """Return the two columns of a frame."""
    if len(frame.columns) != 2:
        raise UsageError(f"{label} reads two series: give two, or a frame of just their columns, "
                         f"not of {len(frame.columns)}")  # fmt: skip
    return [floats(label, frame[column]) for column in frame.columns]


def columns_of(label: str, frame: Any, wanted: Sequence[str]) -> list[Floats]:
    """Return columns of one instrument's frame by their canonical or common names."""
    names = spelled(frame)
    if "instrument" in names:
        column = frame[names["instrument"]]
        held = column.nunique() if library(frame) == "pandas" else column.n_unique()
        if held > 1:
            raise UsageError(f"{label}: the frame holds {held} instruments: give one at a time")
    return [column_of(label, frame, names, each) for each in wanted]


def spelled(frame: Any) -> dict[str, Any]:
    """Return which of a frame's columns is which canonical one."""
    by_normal = {normal(str(column)): column for column in reversed(list(frame.columns))}
    found = {}
    for canonical, spellings in SPELLINGS.items():
        known = [by_normal[spelling] for spelling in spellings if spelling in by_normal]
        if known:
            found[canonical] = known[0]
    return found


def column_of(label: str, frame: Any, names: Mapping[str, Any], wanted: str) -> Floats:
    """Return a column as the core sees that series."""
    if wanted == "volume":
        return traded(label, frame, names)
    if wanted == "mid":
        bid, ask = (column_of(label, frame, names, side) for side in ("bid", "ask"))
        return (np.rint(bid * SCALE) + np.rint(ask * SCALE)) / (2.0 * SCALE)
    places = ("last", "close") if wanted in ("last", "close") else (wanted,)
    known = [names[place] for place in places if place in names]
    known += [column for column in frame.columns if column == wanted]
    if not known:
        raise UsageError(
            f"{label} reads '{wanted}', which the frame does not have: rename a column, or name "
            f"one with of=.{did_you_mean(wanted, map(str, frame.columns))}"
        )
    return floats(label, frame[known[0]])


def traded(label: str, frame: Any, names: Mapping[str, Any]) -> Floats:
    """Return what was traded on each row: a bar's volume; of ticks the rise of the day's volume.

    As in the core a tick has its own quantity, or 0, where the day's volume does not tell.
    """
    if "volume" not in names and "qty" not in names:
        raise UsageError(f"{label} reads 'volume', which the frame does not have")
    if "volume" in names and "last" not in names:
        return floats(label, frame[names["volume"]])
    own = floats(label, frame[names["qty"]]) if "qty" in names else np.zeros(len(frame))
    if "volume" not in names:
        return own
    day = floats(label, frame[names["volume"]])
    before = np.concatenate([[0.0], day[:-1]])
    return np.where((before > 0.0) & (before <= day), day - before, own)


def session_opens(label: str, name: str, data: Any, day: Any, rows: int) -> NDArray[np.int64]:
    """Return 1 for each row with which a session begins, if the indicator cares: an IST day."""
    opens = np.zeros(rows, np.int64)
    if not hasattr(indicators.module(name), "reset") or rows == 0:
        return opens
    days = days_of(data) if day is None else np.asarray(day)
    if days is not None:
        if len(days) != rows:
            raise UsageError(f"{label}: day has {len(days)} entries for {rows} rows")
        opens[1:] = days[1:] != days[:-1]
    return opens


def days_of(data: Any) -> NDArray[Any] | None:
    """Return each row's IST day, from a pandas index of times or a frame's column of times."""
    times = getattr(data, "index", None) if library(data) == "pandas" else None
    if times is None or not hasattr(times, "normalize"):
        names = spelled(data) if is_frame(data) else {}
        if "ts" not in names:
            return None
        times = data[names["ts"]]
    dtype = str(times.dtype)
    zoned = getattr(times.dtype, "tz", None) or getattr(times.dtype, "time_zone", None)
    values = times.to_numpy()
    if zoned is not None and library(data) == "pandas":
        values = times.to_numpy(dtype="datetime64[ns]")  # UTC
    if np.issubdtype(values.dtype, np.datetime64):
        ns = values.astype("datetime64[ns]").astype(np.int64)
        return np.asarray((ns + (IST if zoned else 0)) // DAY)
    if np.issubdtype(values.dtype, np.integer) and len(values):
        return np.asarray((values * epoch_unit_ns(int(values[0])) + IST) // DAY)
    raise UsageError(f"the times are of type {dtype}: parse them first, or give day=")


def dressed(name: str, made: dict[str, Floats], like: Any) -> Any:
    """Return outputs as the data came: kind and index."""
    if library(like) == "pandas":
        pandas = sys.modules["pandas"]
        if len(made) > 1:
            return pandas.DataFrame(made, index=like.index)
        return pandas.Series(made["value"], index=like.index, name=name)
    if library(like) == "polars":
        polars = sys.modules["polars"]
        return polars.DataFrame(made) if len(made) > 1 else polars.Series(name, made["value"])
    return made if len(made) > 1 else made["value"]
