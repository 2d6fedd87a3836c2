"""Strategies by name: a file in `strategies/`, a path to a file, or a class at hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from alphapanda import config
from alphapanda.core.strategy import Spec, spec_of
from alphapanda.errors import UsageError, did_you_mean


def find(wanted: Any) -> Spec:
    """Return a strategy by name, file (`path.py` or `path.py:Class`) or class.

    Raises:
        UsageError: if there is none of that name, or its file does not load.
    """
    if isinstance(wanted, type):
        return spec_of(wanted)
    text, _, name = str(wanted).partition(":")
    if text.endswith(".py"):
        return pick(load_file(Path(text)), name, text)
    known = available()
    if text in known:
        return pick(load_file(known[text]), name, text)
    folder = config.load().strategies_dir
    hint = did_you_mean(text, known) or f" There are {', '.join(known) or 'none'}."
    raise UsageError(f"no strategy '{text}' in {folder}.{hint}")


def available() -> dict[str, Path]:
    """Return the files of the strategies folder by name."""
    files = sorted(config.load().strategies_dir.glob("*.py"))
    return {file.stem: file for file in files if not file.stem.startswith("_")}


def load_file(path: Path) -> ModuleType:
    """Import a strategy file afresh.

    Raises:
        UsageError: if it is missing or its own code fails, with file and line.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such strategy file")
    name = f"alphapanda_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    except Exception as error:
        raise UsageError(
            f"{path}:{line_of(error, path)}: {type(error).__name__}: {error}"
        ) from error
    return module


def line_of(error: BaseException, path: Path) -> int:
    """Return the line of a file at which an exception was raised."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
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
        if isinstance(value, type) and "__alphapanda__" in vars(value)
    }
    if name:
        if name not in specs:
            raise UsageError(f"{text} has no strategy {name}.{did_you_mean(name, specs)}")
        return specs[name]
    if len(specs) != 1:
        found = ", ".join(specs) or "none"
        raise UsageError(f"{text}: one strategy expected, found {found}; name it: {text}:CLASS")
    return next(iter(specs.values()))
