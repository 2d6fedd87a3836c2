"""What a strategy class declares, checked and typed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from alphapanda import indicators
from alphapanda.engine.compiler.sources import class_source
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.declaration import EACH, Binding, Indicator, Param, StateField, Timer
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
        """Return the ns of an interval of the class; None is the data's own, or a minute."""
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

    def indicator_fields(self, name: str) -> tuple[str, ...]:
        """Return the fields of one of the indicators, none if there is no such."""
        found = self.indicators.get(name)
        return () if found is None else indicator_record(found).names or ()

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
        problem = self.problem(values)
        if problem:
            raise UsageError(f"{self.name}: {problem}")
        return values

    def problem(self, values: Mapping[str, Any]) -> str:
        """Return what the class's own `check` says of parameters that are each within bounds."""
        check = getattr(self.cls, "check", None)
        return "" if check is None else str(check(**values) or "")


def number_type(value: float) -> str:
    """Return the record type of a number: int64 or float64."""
    return "<f8" if isinstance(value, float) else "<i8"


def indicator_record(indicator: Indicator) -> np.dtype[Any]:
    """Return the dtype of an indicator's record."""
    fields = indicators.fields(short(indicator))
    return np.dtype([(name, "<i8" if kind is int else "<f8") for name, kind in fields.items()])


def short(indicator: Indicator) -> str:
    """Return an indicator's name, the last part of its module's."""
    return indicator.module.rpartition(".")[2]


def validated(spec: Spec, given: Mapping[str, Any]) -> dict[str, int | float]:
    """Return the parameters as pydantic reads them from the given values or texts."""
    from pydantic import Field, ValidationError, create_model  # noqa: PLC0415 (60 ms)

    fields: dict[str, Any] = {}
    for name, param in spec.params.items():
        bounds: dict[str, Any] = {key: getattr(param, key) for key in ("ge", "le", "gt", "lt")}
        given_bounds = {key: bound for key, bound in bounds.items() if bound is not None}
        kind = type(param.default)
        if kind is float:
            given_bounds["allow_inf_nan"] = False
        elif kind is int:  # what a record can hold
            given_bounds = {"ge": -(2**63), "le": 2**63 - 1, **given_bounds}
        fields[name] = (kind, Field(default=param.default, validate_default=True, **given_bounds))
    model = create_model(spec.name, **fields)
    try:
        return dict(model(**given))
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].replace("Input should", "should")
        label = f"{spec.name}: {first['loc'][0]} = {first['input']}"
        raise UsageError(f"{label} {message}") from None


def legs_of(indicator: Indicator, binding: Binding) -> tuple[str, ...]:
    """Return the two legs that an indicator of a pair reads: those it names, or both."""
    return indicator.legs or binding.legs


def named_values(indicator: Indicator) -> dict[str, Any]:
    """Return what an indicator was declared with: values, or names of parameters."""
    return {**indicator.arguments, "warmup": indicator.warmup}


def first_values(indicator: Indicator, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first values of an indicator's record, its parameters looked up by name.

    Raises:
        UsageError: if the parameters make no sense to it.
    """
    values = {
        key: arguments[value] if isinstance(value, str) and value in arguments else value
        for key, value in named_values(indicator).items()
    }
    wanted = values.pop("warmup")
    first = indicators.module(short(indicator)).prepare(**values)
    return {**first, "warmup": max(first["warmup"], wanted)}
