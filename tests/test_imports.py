"""Imports go one way: no ring, nor one hidden in functions, in types or in names as text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAZY = {"alphapanda", "alphapanda.cli.table"}
"""The public names and the command line's table: what they name in text is loaded when used."""


@cache
def trees() -> dict[str, ast.Module]:
    """Return the package's modules, parsed, by name."""
    files = sorted((ROOT / "alphapanda").rglob("*.py"))
    names = (file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for file in files)
    return {
        name.removesuffix(".__init__"): ast.parse(file.read_text())
        for name, file in zip(names, files, strict=True)
    }


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules that an import statement loads a name of, or loads itself."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        for alias in node.names:
            inside = f"{node.module}.{alias.name}"
            yield inside if inside in trees() else node.module


def named(node: ast.AST) -> Iterator[str]:
    """Yield a text that names a module of ours, as importlib would take it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value.startswith("alphapanda."):
            yield node.value


def arrows(tree: ast.Module, *, text: bool) -> set[str]:
    """Return the modules that a module imports anywhere, those named in text if wanted."""
    found = {name for node in ast.walk(tree) for name in imported(node)}
    if text:
        found |= {name for node in ast.walk(tree) for name in named(node)}
    return found & trees().keys() - {"alphapanda"}


def graph(*, text: bool) -> dict[str, set[str]]:
    """Return what each module imports."""
    return {name: arrows(tree, text=text) - {name} for name, tree in trees().items()}


def rings(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return each set of modules that reach one another."""
    reach = {name: reachable(name, edges) for name in edges}
    found = {
        tuple(sorted(other for other in reach[name] if name in reach[other])) for name in edges
    }
    return [list(ring) for ring in sorted(found) if ring]


def reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    """Return every module that is reached from one, itself if it comes back."""
    seen: set[str] = set()
    left = list(edges[start])
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += edges[name]
    return seen


def test_there_is_no_ring() -> None:
    """No module reaches itself, by imports in functions or for types only either."""
    assert rings(graph(text=False)) == []


def test_a_ring_is_found() -> None:
    """The search finds a ring of three, and none in a chain."""
    assert rings({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert rings({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_no_module_is_named_in_text() -> None:
    """A module is imported by a statement; but for the two lazy tables none is named in text."""
    found = [
        f"{name}: {text}"
        for name, tree in trees().items()
        if name not in LAZY
        for node in ast.walk(tree)
        for text in named(node)
        if text in trees()
    ]
    assert found == []
