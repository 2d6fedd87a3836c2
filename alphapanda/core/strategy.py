"""A strategy class, read: its parameters, state, indicators, binding, timers and hooks."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from alphapanda import indicators
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.declaration import (
    EACH,
    Binding,
    Indicator,
    Param,
    StateField,
    Timer,
)
from alphapanda.model.interval import parse_interval

HOOKS = ("on_tick", "on_bar", "on_time", "on_fill", "on_order", "on_session")
RESERVED = {"cold", "row", "count", "warmup", "offset", "length"}

Hook = Callable[[Any, Any], None]


@dataclass(frozen=True)
class Spec:
    """What a strategy class declares."""

    name: str
    cls: type
    compiled: bool
    params: dict[str, Param] = field(default_factory=dict)
    states: dict[str, StateField] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    hooks: dict[str, FunctionType] = field(default_factory=dict)
    binding: Binding = EACH
    timers: tuple[Timer, ...] = ()
    bar: str | None = None
    """Interval of on_bar; None: the data's own bars, or minutes of ticks."""

    @property
    def doc(self) -> str:
        """The class's docstring, first line."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    @cached_property
    def source(self) -> str:
        """The class's source text, from its file or its notebook cell."""
        return class_source(self.cls, next(iter(self.hooks.values())))

    @property
    def file(self) -> str:
        """Where the class was written."""
        return next(iter(self.hooks.values())).__code__.co_filename

    def bar_length(self, data_interval: int) -> int:
        """Return the ns of the strategy's bars, 0 if it has none.

        Raises:
            UsageError: if the data's bars are longer.
        """
        return self.length_of(self.bar, data_interval) if "on_bar" in self.hooks else 0

    def length_of(self, bar: str | None, data_interval: int) -> int:
        """Return the ns of an interval that the class names; None is the data's own, or a minute."""
        if bar is None:
            return data_interval or parse_interval("1m")
        length = parse_interval(bar)
        if data_interval and length % data_interval:
            raise UsageError(
                f"{self.name} wants bars of {bar}, which the data's bars do not divide"
            )
        return length

    def interval_of(self, indicator: Indicator, data_interval: int) -> int:
        """Return the ns of the bars that feed an indicator, 0 for ticks."""
        if indicator.bar is not None:
            return self.length_of(indicator.bar, data_interval)
        return 0 if "on_tick" in self.hooks else self.bar_length(data_interval)

    def record(self) -> np.dtype[Any]:
        """Return the dtype of the strategy's own record."""
        fields: list[tuple[str, Any]] = [("cold", "<i8"), ("row", "<i8")]
        fields += [(name, number_type(param.default)) for name, param in self.params.items()]
        fields += [(name, number_type(state.first)) for name, state in self.states.items()]
        fields += [(leg, "<i8") for leg in self.binding.legs]
        if self.binding.kind != "universe":
            fields += self._indicator_fields()
        return np.dtype(fields)

    def member(self) -> np.dtype[Any]:
        """Return the dtype of a universe member's record."""
        return np.dtype([("row", "<i8"), ("cold", "<i8"), *self._indicator_fields()])

    def _indicator_fields(self) -> list[tuple[str, Any]]:
        return [(name, indicator_record(ind)) for name, ind in self.indicators.items()]

    def arguments(self, given: Mapping[str, Any]) -> dict[str, int | float]:
        """Return all parameters with the given ones set, within their bounds.

        Raises:
            UsageError: naming the parameter, its bound and the value.
        """
        unknown = [name for name in given if name not in self.params]
        if unknown:
            hint = did_you_mean(unknown[0], self.params)
            raise UsageError(f"{self.name} has no parameter '{unknown[0]}'.{hint}")
        values = validated(self, given)
        check = getattr(self.cls, "check", None)
        if check is not None:
            problem = check(**values)
            if problem:
                raise UsageError(f"{self.name}: {problem}")
        return values


def number_type(value: float) -> str:
    """Return the record type of a number: int64 or float64."""
    return "<f8" if isinstance(value, float) else "<i8"


def indicator_record(indicator: Indicator) -> np.dtype[Any]:
    """Return the dtype of an indicator's record."""
    fields = {**indicators.COMMON, **indicators.module(short(indicator)).FIELDS}
    return np.dtype([(name, "<i8" if kind is int else "<f8") for name, kind in fields.items()])


def short(indicator: Indicator) -> str:
    """Return an indicator's name, the last part of its module's."""
    return indicator.module.rpartition(".")[2]


def validated(spec: Spec, given: Mapping[str, Any]) -> dict[str, int | float]:
    """Return the parameters as pydantic reads them from the given values or texts."""
    from pydantic import Field, ValidationError, create_model  # noqa: PLC0415 (60 ms)

    fields: dict[str, Any] = {}
    for name, param in spec.params.items():
        bounds = {key: getattr(param, key) for key in ("ge", "le", "gt", "lt")}
        set_bounds = {key: bound for key, bound in bounds.items() if bound is not None}
        fields[name] = (type(param.default), Field(default=param.default, **set_bounds))
    model = create_model(spec.name, **fields)
    try:
        return dict(model(**given))
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0]
        message = first["msg"].replace("Input should", "should")
        raise UsageError(f"{spec.name}: {name} = {first['input']} {message}") from None


def strategy(cls: type | None = None, *, compiled: bool = True) -> Any:
    """Make a class a strategy; `compiled=False` keeps its hooks plain Python.

    Raises:
        UsageError: naming what in the class is no declaration.
    """
    if cls is None:
        return lambda decorated: strategy(decorated, compiled=compiled)
    cls.__alphapanda__ = read_class(cls, compiled)  # type: ignore[attr-defined]
    return cls


def spec_of(cls: type) -> Spec:
    """Return what a strategy class declares."""
    spec = cls.__dict__.get("__alphapanda__")
    if spec is None:
        raise UsageError(f"{cls.__name__} is no strategy: put @strategy above the class")
    return spec  # type: ignore[no-any-return]


def snake(name: str) -> str:
    """Return a class name as a strategy's name: EmaCross is ema_cross."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def read_class(cls: type, compiled: bool) -> Spec:
    """Sort a class's attributes into what they declare."""
    sorted_: dict[type, dict[str, Any]] = {Param: {}, StateField: {}, Indicator: {}}
    hooks: dict[str, FunctionType] = {}
    rest: dict[str, Any] = {}
    for name, value in cls.__dict__.items():
        if type(value) in sorted_:
            sorted_[type(value)][name] = value
            check_name(cls, name)
        elif isinstance(value, FunctionType) and name in HOOKS:
            hooks[name] = value
        elif not name.startswith("__"):
            rest[name] = value
    spec = Spec(
        snake(cls.__name__), cls, compiled, sorted_[Param], sorted_[StateField],
        sorted_[Indicator], hooks, rest.pop("bind", EACH), as_timers(rest.pop("timers", ())),
        rest.pop("bar", None),
    )  # fmt: skip
    rest.pop("check", None)
    check_spec(spec, rest)
    return spec


def as_timers(value: Any) -> tuple[Timer, ...]:
    """Return one timer or several as a tuple."""
    return (value,) if isinstance(value, Timer) else tuple(value)


def check_name(cls: type, name: str) -> None:
    """Refuse names that the records need themselves."""
    if name in RESERVED or name.startswith("_"):
        raise UsageError(f"{cls.__name__}.{name}: this name is taken, choose another")


def check_spec(spec: Spec, rest: Mapping[str, Any]) -> None:
    """Refuse a class that declares nothing to do, or what nobody will read."""
    label = spec.cls.__name__
    if not spec.hooks:
        raise UsageError(f"{label} has no hook: write one of {', '.join(HOOKS)}")
    if "on_time" in spec.hooks and not spec.timers:
        raise UsageError(f"{label}.on_time needs timers, such as timers = every('5m')")
    if spec.compiled and rest:
        name = next(iter(rest))
        known = (*HOOKS, "bind", "timers", "bar", "check")
        raise UsageError(
            f"{label}.{name} is no declaration: use param(), state(), an indicator, or a function "
            f"beside the class.{did_you_mean(name, known)}"
        )
    for name, indicator in spec.indicators.items():
        if indicator.leg is not None and indicator.leg not in spec.binding.legs:
            raise UsageError(f"{label}.{name}: there is no leg '{indicator.leg}'")


def class_source(cls: type, hook: FunctionType) -> str:
    """Return the text of a class statement, found through the file or cell of one of its hooks.

    Raises:
        UsageError: if the source is not to be had (typed at a bare prompt, say).
    """
    code = hook.__code__
    text = "".join(linecache.getlines(code.co_filename))
    if not text and Path(code.co_filename).is_file():
        text = Path(code.co_filename).read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            if node.lineno <= code.co_firstlineno <= (node.end_lineno or node.lineno):
                lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
                return textwrap.dedent("\n".join(lines))
    raise UsageError(f"the source of {cls.__name__} is not to be found; write it in a file or cell")
