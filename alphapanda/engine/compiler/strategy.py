"""A strategy class, read: its parameters, state, indicators, binding, timers and hooks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from types import FunctionType
from typing import Any

from alphapanda import indicators
from alphapanda.engine.compiler.declared import HOOKS, RESERVED, Spec, first_values, legs_of, short
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.declaration import (
    EACH,
    Binding,
    Indicator,
    Param,
    StateField,
    Timer,
)


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
    spec: Spec | None = cls.__dict__.get("__alphapanda__")
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
