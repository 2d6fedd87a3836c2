"""Conditions on parameters, as `fast < slow and 2 * fast > 10`: read, checked, never run as code.

Python's own reader makes a tree of the text. Of that tree only what is named here counts: numbers,
parameters, + - * / // %, comparisons, `and`, `or`, `not`, `abs`, `min`, `max`. All else is refused
before anything is worked out.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.syntax import tree_of

Arguments = Mapping[str, int | float]
Value = Callable[[Arguments], Any]

LONGEST, DEEPEST = 1_000, 40
"""Characters of a condition, and how deep it may be nested."""
EXPECTED = "write a comparison of parameters, such as 'fast < slow' or '2 * fast <= slow'"
SUMS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
ORDERS: Mapping[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
FUNCTIONS: Mapping[str, Callable[..., Any]] = {"abs": abs, "min": min, "max": max}


@dataclass(frozen=True)
class Condition:
    """What combinations must satisfy: one text, or several that must all hold."""

    texts: tuple[str, ...]
    _parts: tuple[Value, ...]

    def holds(self, arguments: Arguments) -> bool:
        """Say if a combination satisfies it.

        Raises:
            UsageError: if it can't be worked out for these parameters.
        """
        for text, part in zip(self.texts, self._parts, strict=True):
            try:
                if not part(arguments):
                    return False
            except (ArithmeticError, ValueError) as error:
                shown = ", ".join(f"{name}={value}" for name, value in arguments.items())
                raise UsageError(f"--where {text!r}: {error}, with {shown}") from None
        return True


def condition(given: Any, known: Iterable[str]) -> Condition | None:
    """Return the condition of one text or several about these parameters; None if there is none.

    Raises:
        UsageError: naming what in the text is no part of a condition.
    """
    texts = listed(given)
    names = tuple(known)
    parts = tuple(Reader(text, names).condition() for text in texts)
    return Condition(texts, parts) if texts else None


def listed(given: Any) -> tuple[str, ...]:
    """Return one text or several as a tuple of texts."""
    many = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(many, Sequence) or not all(isinstance(text, str) for text in many):
        raise UsageError(f"--where is a text or a list of texts, not {given!r:.80}: {EXPECTED}")
    return tuple(text.strip() for text in many)


class Reader:
    """Makes a function of one text."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text = text
        self._names = names

    def condition(self) -> Value:
        """Return the text's condition as a function of the parameters."""
        if len(self._text) > LONGEST:
            raise self._refusal(f"longer than {LONGEST:,} characters")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd literals, which are refused below
                tree = tree_of(self._text, "eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            hint = "; equal is ==" if "=" in self._text else ""
            raise self._refusal(f"can't be read; {EXPECTED}{hint}") from None
        return self._truth(tree, 0)

    def _truth(self, node: ast.AST, depth: int) -> Value:
        self._fits(depth)
        if isinstance(node, ast.Compare):
            return self._comparison(node, depth)
        if isinstance(node, ast.BoolOp):
            parts = [self._truth(value, depth + 1) for value in node.values]
            every = all if isinstance(node.op, ast.And) else any
            return lambda a: every(part(a) for part in parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            part = self._truth(node.operand, depth + 1)
            return lambda a: not part(a)
        raise self._refusal(f"'{self._shown(node)}' is neither true nor false; {EXPECTED}")

    def _comparison(self, node: ast.Compare, depth: int) -> Value:
        terms = [self._number(each, depth + 1) for each in (node.left, *node.comparators)]
        orders = []
        for op in node.ops:
            if type(op) not in ORDERS:
                raise self._refusal("compare with <, <=, >, >=, == or !=")
            orders.append(ORDERS[type(op)])

        def holds(arguments: Arguments) -> bool:
            values = [term(arguments) for term in terms]
            return all(order(values[k], values[k + 1]) for k, order in enumerate(orders))

        return holds

    def _number(self, node: ast.AST, depth: int) -> Value:
        self._fits(depth)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            value = node.value
            return lambda _: value
        if isinstance(node, ast.Name):
            return self._parameter(node.id)
        if isinstance(node, ast.BinOp) and type(node.op) in SUMS:
            work = SUMS[type(node.op)]
            left, right = (self._number(each, depth + 1) for each in (node.left, node.right))
            return lambda a: work(left(a), right(a))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            part = self._number(node.operand, depth + 1)
            return (lambda a: -part(a)) if isinstance(node.op, ast.USub) else part
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        raise self._refusal(
            f"'{self._shown(node)}' is no number; numbers, parameters, + - * / // %, abs, min and "
            "max may stand there"
        )

    def _call(self, node: ast.Call, depth: int) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        fits = len(node.args) == 1 if name == "abs" else len(node.args) > 1
        if name not in FUNCTIONS or node.keywords or not fits:
            shown = self._shown(node)
            raise self._refusal(f"'{shown}' is refused; write abs(a), min(a, b) or max(a, b)")
        function = FUNCTIONS[name]
        parts = [self._number(each, depth + 1) for each in node.args]
        return lambda a: function(*(part(a) for part in parts))

    def _parameter(self, name: str) -> Value:
        if name not in self._names:
            hint = did_you_mean(name, self._names)
            raise self._refusal(f"there is no parameter '{name}'.{hint}")
        return lambda a: a[name]

    def _fits(self, depth: int) -> None:
        if depth > DEEPEST:
            raise self._refusal(f"nested deeper than {DEEPEST}")

    def _shown(self, node: ast.AST) -> str:
        return (ast.get_source_segment(self._text, node) or "")[:80]

    def _refusal(self, why: str) -> UsageError:
        return UsageError(f"--where {self._text[:80]!r}: {why}")
