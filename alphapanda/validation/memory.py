"""What a strategy remembers between rows, and how two runs of it differ in that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from alphapanda.engine.engine import Engine

Held = Mapping[str, Any]
SAME = 1e-12
"""Numbers that differ by less, relatively, are equal."""

MANY = 4_096
"""Numbers of an object looked at."""


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
        held |= {name: plain(value) for name, value in own.items() if name not in known}
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


def plain(value: Any) -> Any:
    """Return a number, or the numbers of a short sequence; of anything else nothing."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    if isinstance(value, (bool, int, float, str)):
        return value
    try:
        size = len(value)
    except TypeError:
        return None
    if isinstance(value, Mapping) or size > MANY:
        return None
    return tuple(number(one) for one in value if isinstance(number(one), (int, float)))


def changes(one: Held, other: Held) -> Iterator[tuple[str, Any, Any]]:
    """Yield name and values of what differs; of sequences the first element that does."""
    for name in one:
        mine, theirs = one[name], other.get(name)
        if isinstance(mine, tuple) and isinstance(theirs, tuple):
            if len(mine) != len(theirs):
                yield f"len({name})", len(mine), len(theirs)
                continue
            pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if not same(a, b)]
            mine, theirs = pairs[0] if pairs else (0, 0)
        if not same(mine, theirs):
            yield name, mine, theirs


def same(one: Any, other: Any) -> bool:
    """Say if two values are equal, floats but for their last digits."""
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=SAME) or (one != one and other != other)  # noqa: PLR0124
    return bool(one == other)
