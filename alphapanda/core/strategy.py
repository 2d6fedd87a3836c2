"""A strategy class, read: its parameters, state, indicators, binding, timers and hooks."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
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
    return spec


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
    check_shape(spec, rest.pop("check", None))
    check_spec(spec, rest)
    return spec


def as_timers(value: Any) -> tuple[Timer, ...]:
    """Return one timer or several as a tuple."""
    return (value,) if isinstance(value, Timer) else tuple(value)


def check_name(cls: type, name: str) -> None:
    """Refuse names that the records need themselves."""
    if name in RESERVED or name.startswith("_"):
        raise UsageError(f"{cls.__name__}.{name}: this name is taken, choose another")


def check_shape(spec: Spec, check: Any) -> None:
    """Refuse declarations of the wrong kind, and functions with other arguments than they get."""
    label = spec.cls.__name__
    for base in spec.cls.__mro__[1:-1]:
        if set(vars(base)) & {*HOOKS, "__alphapanda__"}:
            raise UsageError(
                f"{label} inherits from {base.__name__}: a strategy is read from one class; "
                "share functions beside it instead"
            )
    if not isinstance(spec.binding, Binding):
        raise UsageError(f"{label}.bind: write legs('near', 'far') or universe()")
    if not all(isinstance(timer, Timer) for timer in spec.timers):
        raise UsageError(f"{label}.timers: write every('5m'), daily('15:10'), or a tuple of these")
    for name, hook in spec.hooks.items():
        if hook.__code__.co_argcount != 2:
            raise UsageError(f"{label}.{name} must take (self, ctx)")
    if check is not None and set(inspect.signature(check).parameters) != {*spec.params}:
        raise UsageError(f"{label}.check must take the parameters ({', '.join(spec.params)})")


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
        check_legs(f"{label}.{name}", indicator, spec.binding)
        check_arguments(f"{label}.{name}", indicator, spec.params)


def check_legs(label: str, indicator: Indicator, binding: Binding) -> None:
    """Refuse an indicator that does not say which of the class's legs it reads."""
    both, known = legs_of(indicator, binding), binding.legs
    named = [*indicator.legs, *([] if indicator.leg is None else [indicator.leg])]
    unknown = [leg for leg in named if leg not in known]
    if unknown:
        raise UsageError(
            f"{label}: there is no leg '{unknown[0]}'{did_you_mean(unknown[0], known)}"
        )
    if indicators.paired(short(indicator)):
        if len(both) != 2 or both[0] == both[1]:
            raise UsageError(f"{label} reads two legs: bind = legs('near', 'far'), and name two of "
                             "more as legs=('near', 'far')")  # fmt: skip
    elif known and indicator.leg is None:
        raise UsageError(f"{label} would mix the legs' rows: say which, such as leg='{known[0]}'")


def legs_of(indicator: Indicator, binding: Binding) -> tuple[str, ...]:
    """Return the two legs that an indicator of a pair reads: those it names, or both."""
    return indicator.legs or binding.legs


def check_arguments(label: str, indicator: Indicator, params: Mapping[str, Param]) -> None:
    """Refuse a text that should be the name of a parameter and is none."""
    given, wait = indicator.arguments, indicator.warmup
    if isinstance(wait, str) and wait not in params:
        hint = did_you_mean(wait, params)
        raise UsageError(f"{label}: warmup = '{wait}': there is no parameter {wait}.{hint}")
    texts = [v for v in given.values() if isinstance(v, str) and v not in params]
    try:
        first = first_values(indicator, {name: param.default for name, param in params.items()})
    except UsageError as error:
        raise UsageError(f"{label}: {error}") from None
    except (TypeError, ValueError) as error:
        first = {"": str(error)}
    if not all(isinstance(value, int | float) for value in first.values()):
        raise UsageError(
            f"{label}: there is no parameter {' or '.join(texts)}.{did_you_mean(texts[0], params)}"
            if texts
            else f"{label}: {first.get('', first)}"
        )


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


def class_source(cls: type, hook: FunctionType) -> str:
    """Return the text of a class statement, found through the file or cell of one of its hooks.

    Raises:
        UsageError: if the source is not to be had (typed at a bare prompt, say).
    """
    code = hook.__code__
    text = text_of(code.co_filename)
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            if node.lineno <= code.co_firstlineno <= (node.end_lineno or node.lineno):
                lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
                return textwrap.dedent("\n".join(lines))
    raise UsageError(f"the source of {cls.__name__} is not to be found; write it in a file or cell")


def text_of(file: str) -> str:
    """Return the text of a file as it is now, or of a notebook cell."""
    linecache.checkcache(file)
    return "".join(linecache.getlines(file))


@lru_cache(maxsize=16)
def parsed(text: str) -> ast.Module:
    """Return a text as a syntax tree; an empty one if it is no Python (a file being edited)."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])


def definition(function: FunctionType) -> ast.FunctionDef | ast.Lambda | None:
    """Return a function's syntax tree with the lines of its file, None if it is not to be had."""
    code = function.__code__
    for node in ast.walk(parsed(text_of(code.co_filename))):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            if first == code.co_firstlineno:
                return node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            if node.lineno == code.co_firstlineno:
                return node
    return None
