"""What a strategy class declares: parameters, state, indicators, bindings, timers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from alphapanda.errors import UsageError
from alphapanda.model.interval import SECOND, parse_interval


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter with bounds; validated by pydantic when a run is set up."""

    default: int | float
    ge: float | None = None
    le: float | None = None
    gt: float | None = None
    lt: float | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True)
class StateField:
    """A number that a strategy keeps between hooks: int64 or float64 by its first value."""

    first: int | float


@dataclass(frozen=True, slots=True)
class Indicator:
    """A declared indicator: which module computes it, from what, with which arguments."""

    module: str
    arguments: dict[str, Any] = field(default_factory=dict)
    """Values, or names of parameters."""
    of: str = "last"
    bar: str | None = None
    """Interval of the bars it reads; None: the rows of the strategy's own hook."""
    leg: str | None = None
    legs: tuple[str, ...] = ()
    """The two legs of an indicator that reads a pair; empty: both of a class with two."""
    warmup: int | str = 0
    """Inputs before hooks are called, where that is to be more than the indicator's own."""


@dataclass(frozen=True, slots=True)
class Timer:
    """When on_time is called: every `period` ns from the open, or at `offset` ns after midnight."""

    period: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Binding:
    """How a strategy meets instruments: one record each, named legs, or all at once."""

    kind: str
    legs: tuple[str, ...] = ()


def param(
    default: float, *, ge: float | None = None, le: float | None = None,
    gt: float | None = None, lt: float | None = None, doc: str = "",
) -> Any:  # fmt: skip
    """Declare a parameter (int, float or bool by its default) with bounds."""
    number(default, "param")
    return Param(default=default, ge=ge, le=le, gt=gt, lt=lt, doc=doc)


def state(first: float) -> Any:
    """Declare a number that the strategy keeps between hooks (int or float by its first value)."""
    return StateField(number(first, "state"))


def number(value: float, where: str) -> float:
    """Return a number as it is.

    Raises:
        UsageError: if it is something else.
    """
    if not isinstance(value, int | float):
        raise UsageError(f"{where}({value!r}): the first value is a number, such as 0 or 0.0")
    return value


def every(interval: str) -> Timer:
    """Declare a timer that fires every `interval` of a session, counted from its open."""
    return Timer(period=parse_interval(interval))


def daily(time: str) -> Timer:
    """Declare a timer that fires at an IST time of day, such as `15:10`."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", time.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise UsageError(f"'{time}' is no time of day: write 09:30 or 15:10:30")
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)
    return Timer(offset=seconds * SECOND)


def legs(*names: str) -> Binding:
    """Bind named instruments; each leg's name becomes a field that holds its row."""
    return Binding("legs", names)


def universe() -> Binding:
    """Bind all instruments at once; a member record each holds its indicators."""
    return Binding("universe")


EACH = Binding("each")
