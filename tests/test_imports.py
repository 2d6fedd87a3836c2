"""Imports go one way: no ring, nor one hidden in functions, in types or in names as text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import alphapanda

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


PUBLIC = ("alphapanda.notebook", "alphapanda.options")
"""What notebooks import from, beside `alphapanda` itself: above these names is no command."""
ON_ITS_OWN = {
    "alphapanda.ta.__getattr__": "an indicator over data, called as `ta.ema(...)`",
    "alphapanda.sweeps.remote.Remote": "where a process of a cluster begins, on another machine",
}
"""Who else loads settings, and why nobody could hand them over."""


def called(node: ast.AST) -> str:
    """Return the name of a call, `config.load`; empty where there is none or it is longer."""
    func = getattr(node, "func", None)
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        return f"{func.value.id}.{func.attr}"
    return func.id if isinstance(func, ast.Name) else ""


def loaders(tree: ast.Module) -> set[str]:
    """Return the functions and classes, of those at the top, inside which settings are loaded."""
    found = set()
    for part in tree.body:
        for node in ast.walk(part):
            ours = isinstance(node, ast.ImportFrom) and node.module == "alphapanda.config"
            inside = ours and any(alias.name == "load" for alias in node.names)
            if inside or called(node) in ("config.load", "settings.read", "Settings"):
                found.add(getattr(part, "name", "the module itself"))
    return found


def public_functions() -> set[str]:
    """Return the homes of the names that Python programs and notebooks import."""
    imports = [node for part in PUBLIC for node in trees()[part].body]
    gathered = [node for node in imports if isinstance(node, ast.ImportFrom)]
    own = {f"{home}.{name}" for home, names in alphapanda._HOMES.items() for name in names}
    return own | {f"{node.module}.{alias.name}" for node in gathered for alias in node.names}


def test_settings_are_loaded_once_and_handed_down() -> None:
    """Commands load settings, and functions that have no command above them; all else takes them.

    A function below that needs a setting has it, or the settings, as a parameter.
    """
    found = {
        f"{name}.{function}"
        for name, tree in trees().items()
        if not name.startswith(("alphapanda.cli.", "alphapanda.config"))
        for function in loaders(tree)
    }
    assert found - public_functions() == {*ON_ITS_OWN}


def test_a_hidden_load_is_found() -> None:
    """However settings are loaded, the function that does it is named; what takes them is not."""
    for hidden in ("config.load().cache_dir", "Settings()", "settings.read()"):
        tree = ast.parse(f"def start(plan):\n    return go(plan, {hidden})\ndef go(a, b): ...")
        assert loaders(tree) == {"start"}
    assert loaders(ast.parse("from alphapanda.config import load")) == {"the module itself"}
    assert loaders(ast.parse("def go(settings): return settings.cache_dir")) == set()


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
