"""Series that strategies hold from outside, cut and changed as files are.

A class from a notebook's cell may look into a table that another cell has loaded. Where rows of
such a series can be matched to those of the recording, by their times or by their number, a check
shows them cut and changed too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from alphapanda.data.schema import SPELLINGS, epoch_unit_ns, normal
from alphapanda.engine.compiler.declared import Spec
from alphapanda.validation.foresight import Foresight, foresight
from alphapanda.validation.known import Int64, Market, closes_in
from alphapanda.validation.shadow_files import (
    PRICED,
    SHIFT,
    Shadow,
    changed,
    is_number,
    stamps_ns,
    time_column,
)
from alphapanda.validation.walk import Holding, forget, holdings, is_rows

MOST = 1_000_000


@contextmanager
def show_held(specs: Sequence[Spec], shadow: Shadow, *, fixed: set[str]) -> Iterator[None]:
    """Show what strategies hold as the shadow shows files; note names of what cannot be."""
    forget(specs)
    held = holdings(specs)
    beside = siblings(held, shadow)
    with ExitStack() as stack:
        for holding in held:
            value = other(holding.value, shadow, beside.get(id(holding.value)))
            if value is None:
                fixed.add(holding.name)
            elif shadow.how != "whole":
                stack.callback(holding.put, holding.value)
                holding.put(value)
        yield


def siblings(held: Sequence[Holding], shadow: Shadow) -> dict[int, Int64]:
    """Return, by series without times, the times of one of equal length that lies beside it."""
    homes: dict[tuple[int, int], list[Holding]] = defaultdict(list)
    for holding in held:
        homes[holding.home, len(holding.value)].append(holding)
    found: dict[int, Int64] = {}
    for together in homes.values():
        stamps = next(
            (s for h in together if (s := stamps_like(h.value, shadow)) is not None), None
        )
        if stamps is not None:
            found |= {id(holding.value): stamps for holding in together}
    return found


def stamps_like(value: Any, shadow: Shadow) -> Int64 | None:
    """Return the times that an array or list holds, in ns; None if they are not the data's."""
    if shadow.market is None or not len(shadow.market.ts):
        return None
    kind = type(value).__module__
    if not (kind.startswith("numpy") or isinstance(value, (list, tuple))) or np.ndim(value) != 1:
        return None
    array = np.asarray(value)
    if array.dtype.kind == "M":
        ns: Int64 = array.astype("datetime64[ns]").astype(np.int64)
    elif array.dtype.kind in "iu" and array.max(initial=0) > 10**8:
        ns = array.astype(np.int64) * epoch_unit_ns(int(array.max(initial=0)))
    else:
        return None
    near = 400 * 86_400 * 10**9
    first, last = int(shadow.market.ts[0]) - near, int(shadow.market.ts[-1]) + near
    rising = bool((np.diff(ns) >= 0).all())
    return ns if rising and first <= ns[0] <= ns[-1] <= last else None


def other(value: Any, shadow: Shadow, beside: Int64 | None = None) -> Any:
    """Return a series with its future cut off or changed, None if its rows cannot be matched."""
    known = None if is_rows(value) else known_in(value, shadow, beside)
    if known is None:
        return None
    future = known >= shadow.cut_ns
    if shadow.how == "whole" or not future.any():
        return value
    if isinstance(value, dict):
        return other_mapping(value, future, shadow)
    if shadow.how == "cut":
        return without(value, future, type(value).__module__)
    return value if stamps_like(value, shadow) is not None else with_other(value, future)


def with_other(value: Any, future: Any) -> Any:
    """Return a series whose future numbers are others."""
    kind = type(value).__module__
    if kind.startswith("pandas"):
        return changed_frame(value, future)
    if kind.startswith("polars"):
        return changed_polars(value, future)
    if kind.startswith("pyarrow"):
        return changed(value, future, seed=0, kept={str(time_column(value.column_names, None))})
    made = changed_array(np.asarray(value), future)
    return made if isinstance(value, np.ndarray) else type(value)(made.tolist())


def without(value: Any, future: Any, kind: str) -> Any:
    """Return a series without its future rows."""
    if kind.startswith("pandas"):
        return value[~future]
    if kind.startswith(("polars", "pyarrow")):
        return value.filter(pa.array(~future) if kind.startswith("pyarrow") else ~future)
    if isinstance(value, np.ndarray):
        return value[~future]
    return type(value)(one for one, gone in zip(value, future, strict=True) if not gone)


def other_mapping(value: dict[Any, Any], future: Any, shadow: Shadow) -> Any:
    """Return a series by time with its future taken out, or its numbers in reverse order."""
    keys = [*value]
    later = [key for key, gone in zip(keys, future, strict=True) if gone]
    if shadow.how == "cut":
        return {key: one for key, one in value.items() if key not in set(later)}
    back = [value[key] for key in reversed(later)]
    new = [one * SHIFT if isinstance(one, float) else one for one in back]
    return value | dict(zip(later, new, strict=True))


def known_in(value: Any, shadow: Shadow, beside: Int64 | None = None) -> Int64 | None:
    """Return when each row of a series is known: by its times, else by its number."""
    kind = type(value).__module__
    stamps, names, closes = None, [], None
    if isinstance(value, dict):
        stamps = stamps_of_texts([str(key) for key in value])
    elif kind.startswith("pandas"):
        stamps, names, closes = pandas_stamps(value), *columns_of(value)
    elif kind.startswith(("pyarrow", "polars")) and hasattr(value, "columns"):
        table = value if kind.startswith("pyarrow") else value.to_arrow()
        name = time_column(table.column_names, None)
        stamps = None if name is None else stamps_ns(table[name])
        names, closes = table.column_names, column_of(table, closes_in(table.column_names))
    stamps = beside if stamps is None else stamps
    if stamps is not None and len(stamps) == len(value):
        return shadow.known(names, stamps, closes)
    return by_number(len(value), shadow)


def by_number(count: int, shadow: Shadow) -> Int64 | None:
    """Return the times of the rows of the recording, or of an instrument, if so many."""
    market = shadow.market
    if market is None:
        return None
    if count == len(market.ts):
        return market.ts
    rows, counts = np.unique(market.row, return_counts=True)
    fitting = rows[counts == count]
    return market.of_one(int(fitting[0]))[0] if len(fitting) else None


def stamps_of_texts(texts: list[str]) -> Int64 | None:
    """Return the times that keys are, None if they are none."""
    try:
        if all(text.isdigit() and len(text) > len("20250701") for text in texts):
            array = np.array([int(text) for text in texts], np.int64)
            return array * epoch_unit_ns(int(array.max(initial=0)))
        stamps = stamps_ns(pa.chunked_array([pa.array(texts, pa.string())]))
    except (pa.ArrowInvalid, OverflowError):
        return None
    return stamps if stamps is None else np.asarray(stamps, np.int64)


def pandas_stamps(value: Any) -> Any:
    """Return the times of a frame's rows in ns UTC, None if they are not told."""
    index = getattr(value, "index", value)
    if type(index).__name__ == "DatetimeIndex":
        return stamps_ns(pa.chunked_array([pa.array(index)]))
    columns = [str(name) for name in getattr(value, "columns", ())]
    name = time_column(columns, None)
    return None if name is None else stamps_ns(pa.chunked_array([pa.array(value[name])]))


def columns_of(value: Any) -> tuple[list[str], Any]:
    """Return the names of a frame's columns, and its closes if it has some."""
    names = [str(name) for name in getattr(value, "columns", [getattr(value, "name", "")])]
    name = closes_in(names)
    if name is None:
        return names, None
    column = value[name] if hasattr(value, "columns") else value
    return names, column.to_numpy() if getattr(column.dtype, "kind", "") in "if" else None


def column_of(table: pa.Table, name: str | None) -> Any:
    """Return a column's numbers."""
    if name is None or not is_number(table[name].type):
        return None
    return table[name].cast(pa.float64(), safe=False).to_numpy()


def changed_frame(value: Any, future: Any) -> Any:
    """Return a frame or series of pandas whose future numbers are others."""
    made = value.copy()
    if hasattr(made, "columns"):
        for name in made.columns:
            if made[name].dtype.kind in "if":
                made[name] = changed_array(made[name].to_numpy(), future)
    elif getattr(made.dtype, "kind", "") in "if" and hasattr(made, "index"):
        made[:] = changed_array(made.to_numpy(), future)
    return made


def changed_polars(value: Any, future: Any) -> Any:
    """Return a frame or series of polars whose future numbers are others."""
    if not hasattr(value, "columns"):
        kind = type(value)
        numeric = value.dtype.is_numeric()
        return kind(value.name, changed_array(value.to_numpy(), future)) if numeric else value
    known = time_column(value.columns, None)
    new = [
        changed_polars(value[name], future)
        for name in value.columns
        if name != known and value[name].dtype.is_numeric()
    ]
    return value.with_columns(new)


def changed_array(array: Any, future: Any) -> Any:
    """Return an array whose future numbers stand in reverse order and are scaled."""
    made = array.copy()
    if made.dtype.kind in "if":
        made[future] = (array[future][::-1] * SHIFT).astype(array.dtype)
    return made


def foreseen(specs: Sequence[Spec], selves: Sequence[Any], shadow: Shadow) -> dict[str, Foresight]:
    """Return what series that strategies hold before the first row know of later rows, by name."""
    held = holdings(specs, selves)
    beside = siblings(held, shadow)
    found: dict[str, Foresight] = {}
    for holding in held:
        if len(holding.value) > MOST or shadow.market is None:
            continue
        if is_rows(holding.value):
            found |= foreseen_in_rows(holding, shadow, shadow.market)
            continue
        known = known_in(holding.value, shadow, beside.get(id(holding.value)))
        if stamps_like(holding.value, shadow) is not None:
            continue
        for name, numbers in numbers_in(holding.name, holding.value):
            tries = [(numbers, known)] if known is not None else beside_rows(numbers, shadow.market)
            for values, times in tries:
                one = foresight(values, times, shadow.market, price=is_price(name))
                if one is not None and (known is not None or one.grave):
                    found.setdefault(name, one)
    return found


def foreseen_in_rows(holding: Holding, shadow: Shadow, market: Market) -> dict[str, Foresight]:
    """Return what the columns of rows, tuples or dicts, know of later rows of the market."""
    rows = [[*row.values()] if isinstance(row, dict) else row for row in holding.value]
    if len({len(row) for row in rows}) != 1:
        return {}
    columns = [list(column) for column in zip(*rows, strict=True)]
    stamps = [stamps_like(column, shadow) for column in columns]
    times = next((one for one in stamps if one is not None), None)
    known = by_number(len(rows), shadow) if times is None else shadow.known([], times, None)
    found: dict[str, Foresight] = {}
    for place, (column, is_time) in enumerate(zip(columns, stamps, strict=True)):
        numeric = all(one is None or isinstance(one, (int, float, np.number)) for one in column)
        if not numeric or is_time is not None or isinstance(column[0], bool):
            continue
        numbers = np.array([np.nan if one is None else one for one in column], float)
        tries = [(numbers, known)] if known is not None else beside_rows(numbers, market)
        for values, at in tries:
            one = foresight(values, at, market, price=False)
            if one is not None and (known is not None or one.grave):
                found.setdefault(f"{holding.name}[:][{place}]", one)
    return found


def beside_rows(numbers: Any, market: Market) -> Iterator[tuple[Any, Int64]]:
    """Yield a series of another length beside an instrument's rows: from the first, to the last."""
    for instrument in np.unique(market.row).tolist():
        ts, _ = market.of_one(instrument)
        count = min(len(numbers), len(ts))
        yield numbers[:count], ts[:count]
        yield numbers[len(numbers) - count :], ts[len(ts) - count :]


def numbers_in(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the numeric columns of a series, each with its name."""
    kind = type(value).__module__
    if isinstance(value, dict):
        few = [*value.values()]
        if all(isinstance(one, (int, float, np.number)) for one in few):
            yield name, np.array(few, float)
    elif kind.startswith("pandas") and hasattr(value, "columns"):
        for column in value.columns:
            if value[column].dtype.kind in "ifb":
                yield f"{name}[{column!r}]", value[column].to_numpy()
    elif kind.startswith(("pyarrow", "polars")) and hasattr(value, "columns"):
        table = value if kind.startswith("pyarrow") else value.to_arrow()
        for column in table.column_names:
            if is_number(table[column].type):
                yield f"{name}[{column!r}]", column_of(table, column)
    else:
        yield from numbers_of_array(name, np.asarray(value))


def numbers_of_array(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    """Yield an array of numbers, or its columns; None among them is missing."""
    if array.dtype == object and all(one is None or isinstance(one, float) for one in array):
        array = np.array([np.nan if one is None else one for one in array])
    if array.dtype.kind not in "ifb":
        return
    if array.ndim == 1:
        yield name, array
    elif array.ndim == 2 and array.shape[1] <= LONG_WIDE:
        for place in range(array.shape[1]):
            yield f"{name}[:, {place}]", array[:, place]


LONG_WIDE = 64


def is_price(name: str) -> bool:
    """Say if a column of a frame bears the name of what the market itself makes."""
    _, bracket, column = name.rpartition("['")
    return bool(bracket) and any(normal(column[:-2]) in SPELLINGS[one] for one in PRICED)
