"""What a compiled strategy may not say, found before numba runs: file, line and construct.

Compiled and plain execution give the same bytes only inside these rules: `**`, most of NumPy's
functions, randomness and clocks differ or are not to be had in the core.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence

from alphapanda.core.strategy import HOOKS, Spec
from alphapanda.errors import UsageError, did_you_mean

STATEMENTS: dict[type[ast.AST], str] = {
    ast.Try: "try/except",
    ast.With: "with",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
    ast.Await: "await",
    ast.AsyncFor: "async for",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.Import: "import inside a hook",
    ast.ImportFrom: "import inside a hook",
    ast.Dict: "a dict",
    ast.Set: "a set",
    ast.DictComp: "a dict comprehension",
    ast.SetComp: "a set comprehension",
    ast.ListComp: "a list comprehension",
    ast.GeneratorExp: "a generator",
    ast.Lambda: "a lambda",
    ast.JoinedStr: "an f-string",
    ast.Pow: "**",
    ast.Delete: "del",
}
MODULES = {"np", "numpy", "random", "time", "datetime", "os", "pandas", "pd", "scipy", "sklearn"}
INSTEAD = {
    "**": "multiply, or use math.sqrt or math.exp",
    "np": "use math.sqrt, math.exp, math.log, math.floor and plain loops",
}


def check(spec: Spec) -> None:
    """Refuse what cannot be compiled or would not give the same bytes in plain Python.

    Raises:
        UsageError: naming file, line and construct.
    """
    declared = {
        "cold", "row", *spec.params, *spec.states, *spec.binding.legs,
        *(spec.indicators if spec.binding.kind != "universe" else ()),
    }  # fmt: skip
    for function in functions(spec):
        for node in ast.walk(function):
            problem = judge(node, declared, spec)
            if problem:
                line = first_line(spec) + getattr(node, "lineno", function.lineno) - 1
                where = f"{spec.file}:{line}"
                raise UsageError(f"{where}: {spec.cls.__name__}.{function.name}: {problem}")


def functions(spec: Spec) -> Iterator[ast.FunctionDef]:
    """Yield the hooks of a strategy as syntax trees."""
    tree = ast.parse(spec.source).body[0]
    assert isinstance(tree, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in HOOKS:
            yield node


def first_line(spec: Spec) -> int:
    """Return the line of the class's own first line in its file."""
    tree = ast.parse(spec.source).body[0]
    assert isinstance(tree, ast.ClassDef)
    hooks = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    name, hook = next(iter(spec.hooks.items()))
    decorated = hooks[name].decorator_list
    inside = decorated[0].lineno if decorated else hooks[name].lineno
    return hook.__code__.co_firstlineno - inside + 1


def judge(node: ast.AST, declared: set[str], spec: Spec) -> str:
    """Return what is wrong with a node, or an empty string."""
    construct = STATEMENTS.get(type(node))
    if construct is not None:
        return advice(construct)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return judge_attribute(node, node.value.id, declared, spec)
    return ""


def judge_attribute(node: ast.Attribute, owner: str, declared: set[str], spec: Spec) -> str:
    """Return what is wrong with `owner.attribute`, or an empty string."""
    if owner == "self" and node.attr not in declared:
        if inspect.isfunction(getattr(spec.cls, node.attr, None)):
            return f"self.{node.attr}() can't be called: write a function beside the class"
        hint = did_you_mean(node.attr, declared)
        return f"self.{node.attr} is not declared: add {node.attr} = state(0) to the class.{hint}"
    if owner in MODULES:
        return advice(f"{owner}.{node.attr}", key="np" if owner in ("np", "numpy") else "")
    return ""


def advice(construct: str, *, key: str = "") -> str:
    """Return the sentence that refuses a construct and says what to do instead."""
    instead = INSTEAD.get(key or construct, "")
    return (
        f"{construct} can't be used in a compiled hook"
        + (f" ({instead})" if instead else "")
        + ", or declare @strategy(compiled=False)"
    )


def explain(error: Exception, specs: Sequence[Spec]) -> str:
    """Return a numba error as one message that names the strategy's file and line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    files = {spec.file: spec for spec in specs}
    found = [m for m in re.finditer(r'File "([^"]+)", line (\d+)', text) if m[1] in files]
    reasons = [
        line.strip()
        for line in text.splitlines()
        if re.match(
            r"\s*(?:- )?(?:Unknown attribute|No implementation|Untyped|Cannot|Invalid|Use of)", line
        )
    ]
    reason = reasons[-1] if reasons else text.strip().splitlines()[-1].strip()
    if not found:
        return f"the strategies can't be compiled: {text.strip()}"
    spec = files[found[-1][1]]
    where = f"{found[-1][1]}:{found[-1][2]}"
    return (
        f"{where}: {spec.cls.__name__} can't be compiled: {reason} "
        "Change that line, or declare @strategy(compiled=False)."
    )
