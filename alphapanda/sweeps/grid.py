"""The grid of a sweep: values by parameter, and the combinations that the strategy allows."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.engine.compiler.declared import Spec, validated
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.runs.readings import pairs
from alphapanda.sweeps.where import Condition, condition

LARGEST = 100_000_000
"""Combinations that a grid may have; one more zero is a slip of the finger."""
SHUFFLED = 1_000_000
"""Up to so many combinations are shuffled whole for a draw; of more, single ones are drawn."""
EXPECTED = "write 5:25, 30:130:5 or 5,10,20"


class Chosen(NamedTuple):
    """Combinations to run, by number, and how many were passed over for what reason."""

    numbers: NDArray[np.int64]
    skipped: int = 0
    """Refused by the strategy's own check."""
    left_out: int = 0
    """By the condition that was given."""


@dataclass(frozen=True)
class Grid:
    """Every combination by its number: the last parameter changes fastest."""

    spec: Spec
    axes: Mapping[str, tuple[int | float, ...]]
    fixed: Mapping[str, int | float]
    """All parameters; those of the axes have any value here."""
    condition: Condition | None = None
    """What combinations must satisfy, beside the strategy's own check."""

    @cached_property
    def total(self) -> int:
        """How many combinations there are, those the strategy refuses included."""
        return math.prod(len(values) for values in self.axes.values())

    def arguments(self, number: int) -> dict[str, int | float]:
        """Return all parameters of a combination."""
        made = dict(self.fixed)
        for name, values in reversed(list(self.axes.items())):
            number, place = divmod(number, len(values))
            made[name] = values[place]
        return made

    def number(self, places: Mapping[str, int]) -> int:
        """Return the number of a combination by its places on the axes; where none: the first."""
        number = 0
        for name, values in self.axes.items():
            number = number * len(values) + places.get(name, 0)
        return number

    def holds(self, number: int) -> bool:
        """Say if a combination satisfies the condition that was given."""
        return self.condition is None or self.condition.holds(self.arguments(number))

    def allowed(self, number: int) -> bool:
        """Say if the strategy's own check passes a combination."""
        return not self.spec.problem(self.arguments(number))

    def chosen(self, draws: int | None, seed: int) -> Chosen:
        """Return which combinations to run, ascending: all that may run, or so many drawn.

        Raises:
            UsageError: if none may run.
        """
        drawn = range(self.total) if draws is None else self.drawn(seed)
        found = self.taken(drawn, draws)
        return found._replace(numbers=np.sort(found.numbers))

    def taken(self, numbers: Iterable[int], most: int | None) -> Chosen:
        """Return the combinations that may run, in their order, up to so many.

        Raises:
            UsageError: if none may run.
        """
        skipped = left_out = 0
        taken: list[int] = []
        for number in numbers:
            if not self.holds(number):
                left_out += 1
            elif not self.allowed(number):
                skipped += 1
            else:
                taken.append(number)
                if len(taken) == most:
                    break
        if not taken:
            raise self._nothing(left_out)
        return Chosen(np.array(taken, np.int64), skipped, left_out)

    def _nothing(self, left_out: int) -> UsageError:
        if left_out and self.condition is not None:
            texts = " and ".join(f"--where {text!r}" for text in self.condition.texts)
            return UsageError(
                f"{self.spec.name}: none of the {self.total:,} combinations is left by {texts}"
                " and the strategy's own check"
            )
        return UsageError(
            f"{self.spec.name}: none of the {self.total:,} combinations is allowed: "
            f"{self.spec.problem(self.arguments(0))}"
        )

    def drawn(self, seed: int) -> Iterator[int]:
        """Yield combinations in an order of chance, no more than half of very many."""
        draw = random.Random(seed)  # noqa: S311 (repeatable on purpose)
        if self.total <= SHUFFLED:
            yield from draw.sample(range(self.total), self.total)
            return
        seen: set[int] = set()
        while len(seen) < self.total // 2:
            number = draw.randrange(self.total)
            if number not in seen:
                seen.add(number)
                yield number


def make_grid(spec: Spec, given: Any, params: Mapping[str, Any], where: Any = None) -> Grid:
    """Return the grid of texts such as `fast=5:25`, or of a mapping from names to values.

    `where` is a condition on parameters, such as `fast < slow`, or several.

    Raises:
        UsageError: naming the parameter and what is wrong with its values.
    """
    texts = given if isinstance(given, Mapping) else pairs(listed(given), "--grid")
    if not texts:
        raise UsageError("no grid is given: --grid NAME=5:25, as often as there are parameters")
    axes: dict[str, tuple[int | float, ...]] = {}
    for name, values in texts.items():
        if name not in spec.params:
            hint = did_you_mean(name, spec.params)
            raise UsageError(f"--grid {name}: {spec.name} has no parameter '{name}'.{hint}")
        if name in params:
            raise UsageError(f"'{name}' is swept by --grid and fixed by --param: leave one out")
        axes[name] = axis(spec, name, values)
    unknown = [name for name in params if name not in spec.params]
    if unknown:
        hint = did_you_mean(unknown[0], spec.params)
        raise UsageError(f"{spec.name} has no parameter '{unknown[0]}'.{hint}")
    fixed = validated(spec, {**params, **{name: values[0] for name, values in axes.items()}})
    grid = Grid(spec, axes, fixed, condition(where, spec.params))
    if grid.total > LARGEST:
        raise UsageError(
            f"the grid has {grid.total:,} combinations, more than {LARGEST:,}: widen the steps"
        )
    return grid


def listed(given: Any) -> Sequence[str]:
    """Return one text or several as a sequence; the same parameter twice is a mistake."""
    texts = [given] if isinstance(given, str) else list(given)
    names = [str(text).partition("=")[0].strip() for text in texts]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--grid {twice[0]} is given more than once: {twice[0]}=5,10,20 lists")
    return texts


def axis(spec: Spec, name: str, given: Any) -> tuple[int | float, ...]:
    """Return the values of one parameter, each within its bounds, in the order given."""
    kind = type(spec.params[name].default)
    values = from_text(name, given, kind) if isinstance(given, str) else from_values(given)
    if not values:
        raise UsageError(f"--grid {name}={given}: there is no value in it; {EXPECTED}")
    made = [checked(spec, name, value) for value in values]
    if len(set(made)) != len(made):
        raise UsageError(f"--grid {name}={given}: a value is there twice")
    return tuple(made)


def checked(spec: Spec, name: str, value: Any) -> int | float:
    """Return a value as the parameter's type holds it, within its bounds."""
    if type(value) is type(spec.params[name].default) and inside(spec, name, value):
        return value
    return validated(spec, {name: value})[name]


def inside(spec: Spec, name: str, value: float) -> bool:
    """Say if a value keeps its bounds; one that does not goes to pydantic for the message."""
    param = spec.params[name]
    return not (
        (param.ge is not None and value < param.ge)
        or (param.le is not None and value > param.le)
        or (param.gt is not None and value <= param.gt)
        or (param.lt is not None and value >= param.lt)
        or not math.isfinite(value)
        or abs(value) >= 1 << 63
    )


def from_values(given: Any) -> list[Any]:
    """Return the values of a list, a range or an array, or one number, as Python numbers."""
    return list(np.atleast_1d(np.asarray(given)).tolist())


def from_text(name: str, text: str, kind: type) -> list[Any]:
    """Return the values of `5:25`, `30:130:5`, `0.5:2:0.25` or `5,10,20`."""
    if ":" not in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    parts = text.split(":")
    try:
        numbers = [Decimal(part) for part in parts]
    except InvalidOperation:
        numbers = []
    if len(numbers) not in (2, 3) or not all(number.is_finite() for number in numbers):
        raise UsageError(f"--grid {name}={text}: {EXPECTED}")
    whole = all(number == number.to_integral_value() for number in numbers)
    if kind is not float and not whole:
        raise UsageError(f"--grid {name}={text}: {name} is a whole number")
    if len(numbers) == 2 and not whole:
        raise UsageError(f"--grid {name}={text}: say the step too, {text}:0.1")
    start, stop, step = (*numbers, Decimal(1))[:3]
    if step == 0:
        raise UsageError(f"--grid {name}={text}: the step must not be 0")
    count = max(math.ceil((stop - start) / step), 0)
    if count > LARGEST:
        raise UsageError(f"--grid {name}={text}: {count:,} values; widen the step")
    cast = float if kind is float else int
    return [cast(start + step * place) for place in range(count)]
