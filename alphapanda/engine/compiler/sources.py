"""The source text of strategy classes and their functions."""

from __future__ import annotations

import ast
import linecache
import textwrap
from functools import lru_cache
from types import FunctionType

from alphapanda.errors import UsageError
from alphapanda.syntax import tree_of


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
        return tree_of(text)
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
