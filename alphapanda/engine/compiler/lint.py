"""What a compiled strategy may not say, found before numba runs: file, line and construct.

Compiled and plain execution give the same bytes only inside these rules: `**`, most of NumPy's
functions, randomness and clocks differ or are not to be had in the core. Functions that a hook
calls are read too; the first offending line is named.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any

from alphapanda.books.state import TABLES
from alphapanda.core.context import Context
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.sources import definition
from alphapanda.engine.compiler.tags import KEYWORD, tag_texts, tag_values
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.indicators._black76 import black_price
from alphapanda.indicators._rupees import rupees
from alphapanda.model.tags import tag_number
from alphapanda.words.chains import forward_of
from alphapanda.words.dates import date_of
from alphapanda.words.futures import roll
from alphapanda.words.sizing import size_by_risk

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
    ast.ClassDef: "a class",
    ast.FunctionDef: "a function inside a function",
    ast.AsyncFunctionDef: "a function inside a function",
    ast.JoinedStr: "an f-string",
    ast.Delete: "del",
}
INSTEAD = {
    "**": "multiply, or use math.sqrt or math.exp",
    "numpy": "use math.sqrt, math.exp, math.log, math.floor and plain loops",
    "print": "run with --no-jit to print",
    "time": "ctx.now is the time",
    "datetime": "ctx.now is the time",
    "a string": "use numbers, such as Kind.LIMIT",
}
BUILTINS = {
    "abs", "bool", "divmod", "enumerate", "float", "int", "len", "max", "min", "range", "sum",
    "zip",
}  # fmt: skip
MATH_DIFFERS = {"gamma", "lgamma", "hypot", "pow", "fsum", "dist", "prod", "fmod", "sumprod"}
"""Functions of `math` that numba computes otherwise, or not at all."""

WORDS = frozenset(
    word.__module__
    for word in (Context, rupees, black_price, forward_of, date_of, roll, size_by_risk)
)
"""Modules of ours whose functions hooks may call."""

MARKET = TABLES["instruments"].names or ()


def check(spec: Spec, *, printing: bool = False) -> None:
    """Refuse what cannot be compiled or would not give the same bytes in plain Python.

    Raises:
        UsageError: naming file, line and construct.
    """
    waiting = [Reading(spec, hook, hook=True, printing=printing) for hook in spec.hooks.values()]
    seen = {reading.function for reading in waiting}
    for reading in waiting:
        for line, problem in sorted(reading.problems()):
            where = f"{reading.function.__code__.co_filename}:{line}"
            raise UsageError(f"{where}: {reading.label}: {problem}")
        for called in reading.called:
            if called not in seen:
                seen.add(called)
                waiting.append(Reading(spec, called, hook=False, printing=printing))


@dataclass(eq=False)
class Reading:
    """One function of a strategy as it is read: a hook, or what a hook calls."""

    spec: Spec
    function: FunctionType
    hook: bool
    printing: bool

    def __post_init__(self) -> None:
        self.called: list[FunctionType] = []
        """Functions of the user's that this one uses."""

    @property
    def label(self) -> str:
        """How messages call the function."""
        owner = f"{self.spec.cls.__name__}." if self.hook else ""
        return f"{owner}{self.function.__name__}"

    @cached_property
    def roles(self) -> dict[str, str]:
        """What the function calls the strategy and the context."""
        arguments = self.function.__code__.co_varnames[: self.function.__code__.co_argcount]
        given = (
            arguments[:2] if self.hook else [name for name in ("self", "ctx") if name in arguments]
        )
        return dict(zip(given, ("self", "ctx") if self.hook else given, strict=False))

    @cached_property
    def own_names(self) -> dict[str, Any]:
        """What the function's global and enclosing names stand for."""
        enclosing = inspect.getclosurevars(self.function).nonlocals
        return {**self.function.__globals__, **enclosing}

    @cached_property
    def names(self) -> dict[str, Any]:
        """What any name stands for, built-in ones too."""
        return {**vars(builtins), **self.own_names}

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield line and problem of whatever can't stay."""
        tree = definition(self.function)
        if tree is None:
            return
        tags = list(tag_texts(tree))
        yield from wrong_tags(tree)
        texts = harmless_texts(tree) | {id(node) for node in tags}
        for node in inside(tree):
            if id(node) not in texts:
                problem = self.judge(node)
                if problem:
                    yield getattr(node, "lineno", tree.lineno), problem

    def judge(self, node: ast.AST) -> str:
        """Return what is wrong with a node, or an empty string."""
        match node:
            case ast.Attribute():
                return self.judge_attribute(node)
            case ast.Name(id=name, ctx=ast.Load()):
                return self.judge_name(name)
            case ast.Call():
                return self.judge_call(node)
            case ast.Constant(value=str() | bytes()):
                return advice("a string")
            case ast.BinOp(op=ast.Pow()) | ast.AugAssign(op=ast.Pow()):
                return advice("**")
        construct = STATEMENTS.get(type(node))
        return "" if construct is None else advice(construct)

    def judge_name(self, name: str) -> str:
        """Return what is wrong with a name that is read."""
        code = self.function.__code__
        if name in code.co_varnames or name in code.co_cellvars:
            return ""
        if name not in self.names:
            return f"the name {name} is not defined.{did_you_mean(name, self.names)}"
        value = self.names[name]
        if name in self.own_names or isinstance(value, type) or not callable(value):
            return self.judge_value(name, value)
        return self.judge_builtin(name)

    def judge_value(self, name: str, value: Any) -> str:
        """Return what is wrong with using a value from outside the function."""
        if isinstance(value, FunctionType):
            return self.judge_function(name, value)
        if value is None or isinstance(value, int | float | tuple | ModuleType):
            return ""
        if isinstance(value, type):
            known = issubclass(value, IntEnum | Exception) or value.__name__ in BUILTINS
            return "" if known else advice(f"the class {name}")
        if inspect.isbuiltin(value):
            return self.judge_native(name, value)
        if type(value).__module__.startswith("numpy") and callable(value):
            return advice(f"numpy.{name}", key="numpy")
        return advice(f"{name}, which is of type {type(value).__name__},")

    def judge_function(self, name: str, value: FunctionType) -> str:
        """Return what is wrong with a Python function; the user's own are read next."""
        module = str(value.__module__)
        if module in WORDS:
            return ""
        if module.startswith("alphapanda.options."):
            return (
                f"options.{name}() is for notebooks: hooks have black_delta, implied_volatility "
                "and the others of docs/options.md"
            )
        if module.startswith("alphapanda."):
            return f"{name}() belongs into the class body, not into a hook"
        if is_library(module, value.__code__.co_filename):
            return advice(f"{module}.{name}", key=module)
        self.called.append(value)
        return ""

    def judge_native(self, name: str, value: Any) -> str:
        """Return what is wrong with a function written in C."""
        if value.__module__ != "math":
            return self.judge_builtin(name)
        return advice(f"math.{name}") if name in MATH_DIFFERS else ""

    def judge_builtin(self, name: str) -> str:
        """Return what is wrong with a built-in function; libraries replace some by their own."""
        allowed = name in BUILTINS or (name == "print" and self.printing)
        return "" if allowed else advice(f"{name}()", key=name)

    def judge_attribute(self, node: ast.Attribute) -> str:
        """Return what is wrong with `owner.attribute`."""
        match node.value:
            case ast.Name(id=name) if name in self.roles:
                return self.judge_own(self.roles[name], node)
            case ast.Attribute(value=ast.Name(id=name), attr=field) if name in self.roles:
                return self.judge_field(self.roles[name], field, node)
        owner = self.value_of(node.value)
        if not isinstance(owner, ModuleType | type):
            return ""
        name = owner.__name__
        if is_library(name, getattr(owner, "__file__", "")):
            return advice(f"{name}.{node.attr}", key=name)
        if not hasattr(owner, node.attr):
            return f"{name} has no {node.attr}.{did_you_mean(node.attr, dir(owner))}"
        return self.judge_value(node.attr, getattr(owner, node.attr))

    def judge_own(self, role: str, node: ast.Attribute) -> str:
        """Return what is wrong with `self.x` or `ctx.x`."""
        writes = not isinstance(node.ctx, ast.Load)
        if role == "ctx":
            if writes:
                return f"ctx.{node.attr} can't be set: a context only tells"
            known: Iterable[str] = Context._fields
            return (
                ""
                if node.attr in known
                else f"ctx has no {node.attr}.{did_you_mean(node.attr, known)}"
            )
        if node.attr in self.spec.params and writes:
            return f"self.{node.attr} is a parameter, which stays: keep what changes in a state()"
        if node.attr in declared(self.spec):
            return ""
        if inspect.isfunction(getattr(self.spec.cls, node.attr, None)):
            return f"self.{node.attr}() can't be called: write a function beside the class"
        return (
            f"self.{node.attr} is not declared: add {node.attr} = state(0) to the class."
            f"{did_you_mean(node.attr, declared(self.spec))}"
        )

    def judge_field(self, role: str, name: str, node: ast.Attribute) -> str:
        """Return what is wrong with `self.average.x` or `ctx.market.x`."""
        if role == "ctx":
            known: Iterable[str] = MARKET if name == "market" else ()
        else:
            known = self.spec.indicator_fields(name)
        if not known or node.attr in known:
            return ""
        return f"{role}.{name} has no {node.attr}.{did_you_mean(node.attr, known)}"

    def judge_call(self, node: ast.Call) -> str:
        """Return what is wrong with the arguments of a call."""
        function = self.value_of(node.func)
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        if not isinstance(function, FunctionType) or starred:
            return ""
        named = {keyword.arg: None for keyword in node.keywords if keyword.arg is not None}
        signature = inspect.signature(function)
        try:
            signature.bind(*node.args, **named)
        except TypeError as error:
            return f"{function.__name__}(): {error}; it takes ({', '.join(signature.parameters)})"
        if KEYWORD in signature.parameters:
            if len(node.args) > [*signature.parameters].index(KEYWORD):
                return f"{function.__name__}(): too many positional arguments; {KEYWORD}= is named"
            if signature.parameters[KEYWORD].default not in (inspect.Parameter.empty, 0):
                return f"{function.__name__}(): {KEYWORD} has a default: hand it on by its name"
        return ""

    def value_of(self, node: ast.expr) -> Any:
        """Return what a global name, or an attribute of a module, stands for; else None."""
        if isinstance(node, ast.Name) and node.id not in self.function.__code__.co_varnames:
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.value_of(node.value)
            return getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
        return None


def inside(tree: ast.FunctionDef | ast.Lambda) -> Iterator[ast.AST]:
    """Yield what is in a function's body; annotations and decorators are not compiled."""
    for part in tree.body if isinstance(tree.body, list) else [tree.body]:
        if not isinstance(part, ast.Expr) or not isinstance(part.value, ast.Constant):
            yield from ast.walk(part)


def wrong_tags(tree: ast.FunctionDef | ast.Lambda) -> Iterator[tuple[int, str]]:
    """Yield line and problem of what is no tag: it is a text in place, or handed on as `tag`."""
    own = {KEYWORD} & {each.arg for each in (*tree.args.args, *tree.args.kwonlyargs)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in own and isinstance(node.ctx, ast.Store):
            yield node.lineno, f"{KEYWORD} is handed on as it came, and can't be set"
    for given in tag_values(tree):
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            try:
                tag_number(given.value)
            except ValueError as error:
                yield given.lineno, str(error)
        elif not (isinstance(given, ast.Name) and given.id in own):
            yield given.lineno, f'tag={ast.unparse(given)}: write the text itself, tag="gap-up"'


def harmless_texts(tree: ast.AST) -> set[int]:
    """Return the nodes of messages: `raise ValueError("...")` and `assert x, "..."` compile."""
    found: set[int] = set()
    for node in ast.walk(tree):
        message = node.exc if isinstance(node, ast.Raise) else getattr(node, "msg", None)
        if message is not None:
            found.update(id(part) for part in ast.walk(message) if isinstance(part, ast.Constant))
    return found


def declared(spec: Spec) -> set[str]:
    """Return what hooks may write behind `self.`."""
    own = {"cold", "row", *spec.params, *spec.states, *spec.binding.legs}
    return own if spec.binding.kind == "universe" else own | {*spec.indicators}


def is_library(module: str, file: str | None) -> bool:
    """Say if a module is installed rather than the user's own; `math` numba knows.

    The examples are installed too, and are strategies as the user's own are.
    """
    top = module.partition(".")[0]
    if top in ("math", "alphapanda", "__main__") or top.startswith("alphapanda_strategy_"):
        return False
    return top in sys.stdlib_module_names or "site-packages" in (file or "")


def advice(construct: str, *, key: str = "") -> str:
    """Return the sentence that refuses a construct and says what to do instead."""
    instead = INSTEAD.get(key or construct, "")
    return (
        f"{construct} can't be used in a compiled hook"
        + (f" ({instead})" if instead else "")
        + ", or declare @strategy(compiled=False)"
    )
