"""The user's own modules that a strategy imports: what was loaded, so that it can be told apart."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.lint import is_library
from alphapanda.engine.compiler.sources import text_of
from alphapanda.errors import UsageError
from alphapanda.syntax import tree_of

KEPT = "__imported__"
"""In a loaded strategy file: the modules that it had imported, as they were then."""
NONE = ("alphapanda", "__main__", "math")
NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Imported(NamedTuple):
    """A module of the user's own; what is no Python text has only its hash."""

    name: str
    file: str
    package: bool
    sha256: str
    text: str

    @property
    def path(self) -> Path:
        """Return where it lies below the folder that it is imported from."""
        parts = Path(*self.name.split("."))
        return parts / "__init__.py" if self.package else parts.with_suffix(".py")


def imported_by(spec: Spec) -> tuple[Imported, ...]:
    """Return the modules of the user's own that a strategy uses, by name."""
    hook = next(iter(spec.hooks.values()))
    kept = hook.__globals__.get(KEPT)
    if kept is not None:
        return tuple(kept)
    return modules_of(text_of(spec.file), Path(spec.file).parent, referenced(spec))


def hashes(modules: tuple[Imported, ...]) -> dict[str, str]:
    """Return the hash of each module by its name."""
    return {each.name: each.sha256 for each in modules}


def modules_of(text: str, folder: Path, more: Iterable[str] = ()) -> tuple[Imported, ...]:
    """Return the modules of the user's own that a text imports, and those that they import."""
    found: dict[str, Imported] = {}
    seen: set[str] = set()
    waiting = [*names_in(text, ""), *more]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module = read_module(name, folder)
        if module is not None:
            found[name] = module
            waiting += names_in(module.text, name if module.package else parent(name))
        if parent(name):
            waiting.append(parent(name))
    return tuple(found[name] for name in sorted(found))


def names_in(text: str, package: str) -> Iterator[str]:
    """Yield the names that a text may import; of `from a import b` also `a.b`, if it is one."""
    try:
        tree = tree_of(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if base)


def referenced(spec: Spec) -> Iterator[str]:
    """Yield the modules that the hooks of a class refer to: one of a notebook has no file."""
    for hook in spec.hooks.values():
        for name in hook.__code__.co_names:
            value = hook.__globals__.get(name)
            if isinstance(value, ModuleType):
                yield value.__name__
            elif isinstance(value, FunctionType | type) or hasattr(value, "py_func"):
                yield str(getattr(value, "__module__", "") or "")


def read_module(name: str, folder: Path) -> Imported | None:
    """Return a module of the user's own, None if it is a library's, or none at all."""
    file = place_of(name, folder)
    if file is None or name.partition(".")[0] in NONE or name.startswith("alphapanda_strategy_"):
        return None
    if is_library(name, str(file)) or "dist-packages" in file.parts:
        return None
    try:
        content = file.read_bytes()
    except OSError:
        return None
    text = content.decode("utf-8", "replace") if file.suffix == ".py" else ""
    digest = hashlib.sha256(content).hexdigest()
    return Imported(name, str(file), file.stem == "__init__", digest, text)


def place_of(name: str, folder: Path) -> Path | None:
    """Return the file of a module: where it was loaded from, else where it would be."""
    if NAME.fullmatch(name) is None:
        return None
    loaded: Any = getattr(sys.modules.get(name), "__file__", None)
    if loaded:
        return Path(loaded).absolute()
    parts = name.split(".")
    for base in (str(folder), *sys.path):
        place = Path(base or ".", *parts)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file.absolute()
    return None


def parent(name: str) -> str:
    """Return the package of a module, empty if it is in none."""
    return name.rpartition(".")[0]


def written_out(modules: list[Mapping[str, Any]], folder: Path) -> None:
    """Write modules below a folder, from which they can be imported."""
    for facts in modules:
        module = Imported(**facts)
        if NAME.fullmatch(module.name) is None:
            raise UsageError(f"the journal has a module with the name {module.name!r}")
        file = folder / module.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(module.text, encoding="utf-8")
