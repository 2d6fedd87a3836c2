"""Prices of the context count Rs 0.0001, indicators count rupees: mixing the two is refused.

`ctx.close > self.average.value` compares 1,000,000 with 100.0 and is always true. What a hook
compares, adds or subtracts is followed through its own variables, states and helpers; where an
amount can't be told, nothing is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from types import FunctionType
from typing import Any

from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.lint import WORDS, Reading, is_library
from alphapanda.engine.compiler.sources import definition
from alphapanda.errors import UsageError
from alphapanda.model.money import SCALE

SCALED, RUPEES = "Rs 0.0001", "rupees"
PRICES = {"last", "bid", "ask", "open", "high", "low", "close", "price"}
"""Fields of a context that are prices."""
PRICED = {
    "average_price", "tick_down", "tick_up", "pnl", "middle_price", "at_the_money", "strike_beside",
}  # fmt: skip
"""Functions that return scaled prices or money."""
IN_RUPEES = {"rupees", "forward_of", "black_price"}
"""Functions that return rupees."""
KEPT = {"int", "float", "abs", "round"}
"""Functions whose result counts what their argument does."""
SIDES = {"min", "max"}
ROUNDS = 3
"""How often assignments are read, so that a variable made of another is known."""

Known = dict[str, str | None]
"""What variables and states count; None: it can't be told."""


def check(spec: Spec) -> None:
    """Refuse a strategy that mixes scaled prices with rupees.

    Raises:
        UsageError: naming file, line and both sides.
    """
    readings = list(functions(spec))
    states: Known = {}
    for _ in range(ROUNDS):
        fresh: Known = {}
        for reading in readings:
            Measure(spec, reading, states).learn(states=fresh)
        states = fresh
    for reading in readings:
        for line, problem in Measure(spec, reading, states).problems():
            where = f"{reading.function.__code__.co_filename}:{line}"
            raise UsageError(f"{where}: {reading.label}: {problem}")


def functions(spec: Spec) -> Iterator[Reading]:
    """Yield a strategy's hooks and the user's own functions that they use."""
    waiting = [Reading(spec, hook, hook=True, printing=True) for hook in spec.hooks.values()]
    seen = {reading.function for reading in waiting}
    for reading in waiting:
        yield reading
        for name in reading.function.__code__.co_names:
            called = reading.function.__globals__.get(name)
            if isinstance(called, FunctionType) and called not in seen and is_own(called):
                seen.add(called)
                waiting.append(Reading(spec, called, hook=False, printing=True))


def is_own(function: FunctionType) -> bool:
    """Say if a function is the user's."""
    module = str(function.__module__)
    return not module.startswith("alphapanda.") and not is_library(
        module, function.__code__.co_filename
    )


@dataclass
class Measure:
    """What the expressions of one function count."""

    spec: Spec
    reading: Reading
    states: Known
    names: Known = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tree = definition(self.reading.function)
        for _ in range(ROUNDS):
            self.names = self.learn(states={})

    def learn(self, *, states: Known) -> Known:
        """Return what variables count by what is known so far, and note it of states."""
        names: Known = {}
        for target, value in self.assignments():
            if self.number(value) is not None:  # the 0 of a reset tells nothing
                continue
            if isinstance(target, ast.Name):
                join(names, target.id, self.unit(value))
            elif self.is_state(target):
                assert isinstance(target, ast.Attribute)
                join(states, target.attr, self.unit(value))
        return names

    def assignments(self) -> Iterator[tuple[ast.expr, ast.expr]]:
        """Yield targets and values of the function's assignments."""
        for node in ast.walk(self.tree) if self.tree is not None else ():
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                yield node.target, node.value
            elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, value = node.targets[0], node.value
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    yield from zip(target.elts, value.elts, strict=False)
                else:
                    yield target, value

    def is_state(self, node: ast.expr) -> bool:
        """Say if an expression is a state of the strategy."""
        return (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and self.reading.roles.get(node.value.id) == "self"
            and node.attr in self.spec.states
        )

    def unit(self, node: ast.expr) -> str | None:
        """Return what an expression counts, None if it can't be told."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.UnaryOp(operand=operand):
                return self.unit(operand)
            case ast.IfExp(body=body, orelse=orelse):
                return common(self.unit(body), self.unit(orelse))
        if isinstance(node, ast.Attribute):
            return self.unit_of_field(node)
        if isinstance(node, ast.BinOp):
            return self.unit_of_sum(node)
        return self.unit_of_call(node) if isinstance(node, ast.Call) else None

    def unit_of_field(self, node: ast.Attribute) -> str | None:
        """Return what `ctx.close`, `at(ctx, row).last`, `self.average.value` or a state counts."""
        owner = node.value
        if isinstance(owner, ast.Attribute) and owner.attr in self.spec.indicators:
            return RUPEES
        if node.attr in PRICES and self.is_context(owner):
            return SCALED
        return self.states.get(node.attr) if self.is_state(node) else None

    def is_context(self, node: ast.expr) -> bool:
        """Say if an expression is a context: the hook's own, or one turned by `at`."""
        if isinstance(node, ast.Name):
            return self.reading.roles.get(node.id) == "ctx"
        return isinstance(node, ast.Call) and self.called(node) == "at"

    def called(self, node: ast.Call) -> str:
        """Return the name of one of the platform's words, or of a built-in, that is called."""
        function = self.reading.value_of(node.func)
        module = getattr(function, "__module__", "")
        return str(function.__name__) if module in WORDS or module == "builtins" else ""

    def unit_of_call(self, node: ast.Call) -> str | None:
        """Return what a call returns."""
        name = self.called(node)
        if name in PRICED:
            return SCALED
        if name in IN_RUPEES:
            return RUPEES
        if name in KEPT and node.args:
            return self.unit(node.args[0])
        if name in SIDES and node.args:
            found = {self.unit(argument) for argument in node.args} - {None}
            return found.pop() if len(found) == 1 else None
        return None

    def unit_of_sum(self, node: ast.BinOp) -> str | None:
        """Return what a sum, product or quotient counts."""
        left, right = self.unit(node.left), self.unit(node.right)
        match node.op:
            case ast.Add() | ast.Sub():
                return common(left, right) if left and right else left or right
            case ast.Mult():
                if left and right:
                    return None
                factor = self.number(node.left if right else node.right)
                return scaled(left or right, factor)
            case ast.Div() | ast.FloorDiv():
                divisor = self.number(node.right)
                return scaled(left, 1 / divisor) if divisor and not right else None
        return None

    def number(self, node: ast.expr) -> float | None:
        """Return a number that is written here, beside the hook, or as a parameter's default."""
        value: Any = None
        match node:
            case ast.Constant(value=int() | float()):
                value = node.value
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.number(operand)
                return None if inner is None else -inner
            case ast.Name():
                value = self.reading.value_of(node)
            case ast.Attribute(value=ast.Name(id=name)) if self.reading.roles.get(name) == "self":
                param = self.spec.params.get(node.attr)
                value = None if param is None else param.default
        return float(value) if isinstance(value, int | float) else None

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield the line of each mixture, and what is mixed."""
        for node in ast.walk(self.tree) if self.tree is not None else ():
            for one, other in combinations(together(node, self), 2):
                units = self.unit(one), self.unit(other)
                if None not in units and units[0] != units[1]:
                    price = ast.unparse(one if units[0] == SCALED else other)
                    value = ast.unparse(other if units[0] == SCALED else one)
                    yield (
                        one.lineno,
                        (
                            f"{price} counts Rs 0.0001 and {value} rupees: write rupees({price}), "
                            "or bring the other to Rs 0.0001"
                        ),
                    )


def together(node: Any, measure: Measure) -> list[ast.expr]:
    """Return the expressions that a node compares, adds, subtracts or chooses from."""
    match node:
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
        case ast.BinOp(op=ast.Add() | ast.Sub(), left=left, right=right):
            return [left, right]
        case ast.Call(args=arguments) if measure.called(node) in SIDES:
            return list(arguments)
    return []


def join(known: Known, name: str, unit: str | None) -> None:
    """Note what a name counts; what is assigned in several ways can't be told."""
    known[name] = common(known[name], unit) if name in known else unit


def common(one: str | None, other: str | None) -> str | None:
    """Return what both count, None if they differ."""
    return one if one == other else None


def scaled(unit: str | None, factor: float | None) -> str | None:
    """Return what an amount counts once it is multiplied."""
    if unit is None or factor is None:
        return None
    if unit == SCALED and round(factor * SCALE, 9) == 1:
        return RUPEES
    if unit == RUPEES and factor == SCALE:
        return SCALED
    return unit
