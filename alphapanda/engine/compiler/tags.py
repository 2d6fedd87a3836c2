"""Tags of orders in compiled code: the text behind `tag=` becomes its number before numba runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from alphapanda.engine.compiler.sources import definition
from alphapanda.model.tags import tag_number

KEYWORD = "tag"


def tag_values(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what stands behind `tag=` in a call; of a condition both arms."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == KEYWORD:
            yield from arms(node.value)


def arms(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what an expression may come to: a condition's arms, else itself."""
    if isinstance(node, ast.IfExp):
        yield from arms(node.body)
        yield from arms(node.orelse)
    else:
        yield node


def tag_texts(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the texts among them."""
    for value in tag_values(tree):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value


def with_numbers(function: FunctionType) -> CodeType:
    """Return a function's code with the number of each tag in place of its text."""
    code, tree = function.__code__, definition(function)
    texts = {node.value for node in tag_texts(tree)} if tree is not None else set()
    if not texts:
        return code

    def number(value: Any) -> Any:
        return tag_number(value) if isinstance(value, str) and value in texts else value

    return code.replace(co_consts=tuple(map(number, code.co_consts)))
