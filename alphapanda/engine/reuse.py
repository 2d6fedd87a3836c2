"""One core for many runs that differ in parameters alone: set back by copying bytes, not rebuilt.

Of the orders, the largest table by far, only the slots that a run has used are copied.

Parameters are fields of a strategy's record, and windows lie on one heap that is laid out for the
longest of them, so one compiled loop and one set of tables serve every combination of a sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from alphapanda.engine.compiler.declared import Spec, named_values
from alphapanda.engine.engine import Engine
from alphapanda.engine.filling import prepared
from alphapanda.engine.setup import Enrolment
from alphapanda.errors import UsageError

Arguments = Mapping[str, int | float]
SCRATCH = ("out", "controls", "calls", "requests")
"""Tables whose rows are written before they are read: nothing in them outlives a run."""


class Windows:
    """The first records of a strategy's indicators, by parameters; each made once."""

    def __init__(self, spec: Spec) -> None:
        self._parts = [
            (name, [v for v in named_values(indicator).values() if v in spec.params])
            for name, indicator in spec.indicators.items()
        ]
        self._spec = spec
        self._made: dict[tuple[Any, ...], dict[str, Any]] = {}

    def first(self, arguments: Arguments) -> Iterable[tuple[str, dict[str, Any]]]:
        """Yield each indicator's name and the first values of its record.

        Raises:
            UsageError: if an indicator can't be made with these parameters.
        """
        for name, params in self._parts:
            key = (name, *(arguments[param] for param in params))
            if key not in self._made:
                made = prepared(self._spec, arguments, name)
                if made["warmup"] < 1:
                    raise UsageError(f"{self._spec.name}.{name}: a window must be at least 1")
                self._made[key] = made
            yield name, self._made[key]

    def longest(self, many: Iterable[Arguments]) -> dict[str, int]:
        """Return by indicator the most floats that any of these parameters needs."""
        found: dict[str, int] = {}
        for arguments in many:
            for name, first in self.first(arguments):
                found[name] = max(found.get(name, 0), int(first.get("length", 0)))
        return found


class Reusable:
    """A compiled core of one strategy that begins anew with other parameters."""

    def __init__(self, engine: Engine, windows: Windows) -> None:
        (enrolment,) = engine.setup.strategies
        self.engine = engine
        self._windows = windows
        self._params = list(enrolment.arguments)
        self._records = engine.tables["s0"]
        members = enrolment.spec.binding.kind == "universe"
        self._holding = engine.tables["u0"] if members else self._records
        kept = [
            as_bytes(table) for name, table in engine.tables.items()
            if name not in SCRATCH and name != "orders"
        ]  # fmt: skip
        self._tables = [(table, table.copy()) for table in kept]
        orders = engine.tables["orders"]
        self._used = orders["ts"]
        self._orders = as_bytes(orders).reshape(len(orders), -1)
        self._unused = self._orders.copy()

    def begin(self, arguments: Arguments) -> Engine:
        """Return the core as if it had just been made for these parameters."""
        for table, first in self._tables:
            table[:] = first
        used = np.flatnonzero(self._used)  # no order comes at the time 0
        self._orders[used] = self._unused[used]
        for name in self._params:
            self._records[name] = arguments[name]
        for name, values in self._windows.first(arguments):
            field = self._holding[name]
            for key, value in values.items():
                field[key] = value
        return self.engine


def as_bytes(table: Any) -> Any:
    """Return a table as the bytes it is made of, which copy at once and not field by field."""
    return table.view(np.uint8)


def with_arguments(enrolments: Sequence[Enrolment], arguments: Arguments) -> list[Enrolment]:
    """Return the enrolments of a run with one strategy's parameters replaced."""
    return [replace(e, arguments=dict(arguments)) for e in enrolments]
