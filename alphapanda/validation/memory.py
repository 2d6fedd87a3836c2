"""What a strategy remembers between rows, and how two runs of it differ in that."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.engine.engine import Engine

Held = Mapping[str, Any]
SAME = 1e-12
"""Numbers that differ by less, relatively, are equal."""

MANY = 4_096
"""Elements of a series that are compared one by one."""


def memory(engine: Engine, strategy: int, row: int) -> dict[str, Any]:
    """Return a strategy's indicators and own numbers for an instrument, by name."""
    enrolment = engine.setup.strategies[strategy]
    spec = enrolment.spec
    place = instance(engine, strategy, row)
    record = engine.tables[f"s{strategy}"][place]
    held = {name: number(record[name]) for name in spec.states}
    held |= indicators(engine, strategy, row)
    if engine.program.selves[strategy] and not spec.compiled:
        own = vars(engine.program.selves[strategy][place])
        known = {*spec.params, *spec.indicators, *spec.binding.legs, "row", "cold"}
        held |= {name: plain_part(value) for name, value in own.items() if name not in known}
    return held


def indicators(engine: Engine, strategy: int, row: int) -> dict[str, float]:
    """Return the values of a strategy's indicators for an instrument."""
    enrolment = engine.setup.strategies[strategy]
    if enrolment.spec.binding.kind == "universe":
        holder = engine.tables[f"u{strategy}"][enrolment.rows.index(row)]
    else:
        holder = engine.tables[f"s{strategy}"][instance(engine, strategy, row)]
    return {name: float(holder[name]["value"]) for name in enrolment.spec.indicators}


def instance(engine: Engine, strategy: int, row: int) -> int:
    """Return the place of the record that a strategy keeps for an instrument."""
    binds = engine.tables["binds"]["instance"]
    return max(int(binds[strategy * len(engine.setup.instruments) + row]), 0)


def number(value: Any) -> Any:
    """Return a NumPy number as Python's."""
    return value.item() if hasattr(value, "item") else value


def plain_part(value: Any) -> Any:
    """Return a number, a text, an array, or a mapping or columns of those; of others nothing."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        return {str(name): value[name].to_numpy() for name in value.columns}
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    if isinstance(value, (np.ndarray, Mapping)):
        return value
    return np.array(value, object) if isinstance(value, Sequence | deque | set) else None


MISSING = "missing"
AT_ROW, ELSEWHERE, LENGTH = 0, 1, 2
Change = tuple[str, Any, Any]


def changes(one: Held, other: Held, *, place: int | None = None) -> list[Change]:
    """Return name and values of what differs; of a series its element at a place, if that does."""
    found: list[tuple[int, Change]] = []
    for name in one:
        found += difference(name, one[name], other.get(name), place)
    return [change for _, change in sorted(found, key=lambda each: each[0])]


def difference(name: str, one: Any, other: Any, place: int | None) -> Iterator[tuple[int, Change]]:
    """Yield how two values differ, what tells most about the place first."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        yield from in_series(name, one, other, place)
    elif isinstance(one, Mapping) and isinstance(other, Mapping):
        for key, mine in one.items():
            theirs = other.get(key, MISSING)
            if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
                yield from in_series(f"{name}[{key!r}]", mine, theirs, place)
            elif is_short(mine) and not same(mine, theirs):
                yield ELSEWHERE, (f"{name}[{key!r}]", number(mine), number(theirs))
                return
    elif is_short(one) and not same(one, other):
        yield AT_ROW, (name, one, other)


def in_series(
    name: str, one: NDArray[Any], other: NDArray[Any], place: int | None
) -> Iterator[tuple[int, Change]]:  # fmt: skip
    """Yield how two series differ: at the place, else where they first do, else in length."""
    if one.ndim != 1 or other.ndim != 1:
        return
    if place is not None and place < len(one) and is_short(one[place]):
        theirs = other[place] if place < len(other) else MISSING
        if not same(number(one[place]), number(theirs)):
            yield AT_ROW, (f"{name}[{place}]", number(one[place]), number(theirs))
            return
    both = min(len(one), len(other))
    for at in range(max(both - MANY, 0), both):
        if is_short(one[at]) and not same(number(one[at]), number(other[at])):
            yield ELSEWHERE, (f"{name}[{at}]", number(one[at]), number(other[at]))
            return
    if len(one) != len(other):
        yield LENGTH, (f"len({name})", len(one), len(other))


def is_short(value: Any) -> bool:
    """Say if a value can be shown: a number or a text."""
    return isinstance(value, (bool, int, float, str, np.generic))


def same(one: Any, other: Any) -> bool:
    """Say if two values are equal, floats but for their last digits."""
    one, other = number(one), number(other)
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=SAME) or (one != one and other != other)  # noqa: PLR0124
    return bool(one == other)
