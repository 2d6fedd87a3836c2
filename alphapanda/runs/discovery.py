"""Strategies by name: a file in `strategies/`, a path to a file, or a class at hand."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import alphapanda
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.lint import is_library
from alphapanda.engine.compiler.strategy import spec_of
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.runs.imported import KEPT, modules_of


def find(wanted: Any, strategies_dir: Path) -> Spec:
    """Return a strategy by name, file (`path.py` or `path.py:Class`) or class.

    Names are those of files in `strategies_dir`, and of the examples.

    Raises:
        UsageError: if there is none of that name, or its file does not load.
    """
    if isinstance(wanted, type):
        return spec_of(wanted)
    if not isinstance(wanted, (str, Path)):
        raise UsageError(f"a strategy is a class, a name or a file, not {wanted!r}")
    text, _, name = str(wanted).partition(":")
    if text.endswith(".py"):
        return in_file(str(wanted))
    known = available(strategies_dir)
    if text in known:
        return pick(load_file(known[text]), name, text)
    hint = did_you_mean(text, known) or f" There are {', '.join(known) or 'none'}."
    raise UsageError(f"no strategy '{text}' in {strategies_dir}.{hint}")


def in_file(place: str) -> Spec:
    """Return the strategy of a file, `path.py` or `path.py:Class`.

    Raises:
        UsageError: if the file has none such, or does not load.
    """
    text, _, name = place.partition(":")
    return pick(load_file(Path(text).expanduser().absolute()), name, text)


def shipped_dir() -> Path:
    """Return the example strategies: installed inside the package, in the repository beside it."""
    package = Path(alphapanda.__file__).parent
    inside = package / "strategies"
    return inside if inside.is_dir() else package.parent / "strategies"


def available(strategies_dir: Path) -> dict[str, Path]:
    """Return the files by name: of the base folder's strategies/, and the examples behind them."""
    folders = (shipped_dir(), strategies_dir)
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.py"))}
    own_first = sorted(files.items(), key=lambda item: (item[1].parent == folders[0], item[0]))
    return {name: file for name, file in own_first if not name.startswith("_")}


def load_file(path: Path) -> ModuleType:
    """Import a strategy file afresh, with the modules that lie beside it.

    Raises:
        UsageError: if it is missing or its own code fails, with file and line.
    """
    module = ModuleType(f"alphapanda_strategy_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        with neighbours(path.parent):
            before, text = {*sys.modules}, path.read_bytes()
            code = compile(text, path, "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 (what the user asked to run)
            more = tuple(name for name in {*sys.modules} - before if lies_in(path.parent, name))
            found = modules_of(text.decode("utf-8", "replace"), path.parent, more)
            setattr(module, KEPT, found)
    except OSError as error:
        if error.filename != str(path):
            raise
        raise UsageError(f"{path}: no such strategy file ({error.strerror})") from None
    except UsageError as error:
        raise UsageError(f"{path}:{line_of(error, path)}: {error}") from None
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, SyntaxError) and error.filename:
            raise UsageError(f"{error.filename}:{error.lineno}: SyntaxError: {error.msg}") from None
        raise UsageError(f"{path}:{line_of(error, path)}: {what}") from error
    return module


def lies_in(folder: Path, name: str) -> bool:
    """Say if a module was loaded from a folder or below it, however it was asked for."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return bool(file) and folder in Path(str(file)).absolute().parents


@contextmanager
def neighbours(folder: Path) -> Iterator[None]:
    """Let a file import the modules beside it, as they are now and not as they once were."""
    for name in {path.stem for path in folder.iterdir()} & {*sys.modules}:
        file = getattr(sys.modules[name], "__file__", None)
        if file and name != "alphapanda" and not is_library(name, file):
            del sys.modules[name]
    importlib.invalidate_caches()
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # its stamps are whole seconds: an edit may go unseen
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = before


def line_of(error: BaseException, path: Path) -> int:
    """Return the line of a file at which an exception was raised."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def pick(module: ModuleType, name: str, text: str) -> Spec:
    """Return the named strategy of a module, or its only one."""
    specs = {
        value.__name__: spec_of(value)
        for value in vars(module).values()
        if isinstance(value, type)
        and "__alphapanda__" in vars(value)
        and value.__module__ == module.__name__
    }
    if name:
        if name not in specs:
            raise UsageError(f"{text} has no strategy {name}.{did_you_mean(name, specs)}")
        return specs[name]
    if len(specs) != 1:
        found = (
            f"two or more: name one, {text}:{next(iter(specs))}"
            if specs
            else "none: put @strategy above a class"
        )
        raise UsageError(f"{text}: one strategy expected, found {found}")
    return next(iter(specs.values()))
