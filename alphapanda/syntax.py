"""Python text as a syntax tree: of a strategy, of a notebook's cell, of an expression."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal, overload

SOUND = sys.version_info >= (3, 11, 8)
ONE_AT_A_TIME = Lock()


@overload
def tree_of(text: str, mode: Literal["exec"] = "exec") -> ast.Module: ...
@overload
def tree_of(text: str, mode: Literal["eval"]) -> ast.Expression: ...
def tree_of(text: str, mode: Literal["exec", "eval"] = "exec") -> ast.AST:
    """Return the syntax tree of a text.

    Raises:
        SyntaxError: if it is no Python; `ast.parse` raises ValueError, RecursionError and
            MemoryError of strange ones.
    """
    with undisturbed():
        return ast.parse(text, mode=mode)


# Where what is collected in the middle of it runs Python, an early 3.11 loses count of how deep it
# is, and raises SystemError of a text that is in order (https://github.com/python/cpython/issues/106905).
@contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing be collected meanwhile, on a Python that needs it."""
    if SOUND:
        yield
        return
    with ONE_AT_A_TIME:
        collects = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collects:
                gc.enable()
