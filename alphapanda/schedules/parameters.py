"""Parameters of a notebook: values that JSON holds, with the run's own day filled in.

papermill 2.7 writes them into a cell as code: a tuple arrives as text, NumPy's whole numbers, dates
and paths do not arrive at all, and a name the notebook has not is a warning in a log.
"""

from __future__ import annotations

import ast
import json
import keyword
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import Calendar
from alphapanda.syntax import tree_of

WORDS = {
    "today": "the run's day, 2026-01-15",
    "previous_session": "the trading day before it",
    "month_start": "the 1st of its month",
    "folder": "where the notebook writes its results",
    "last": "the results folder of the last run that went well, or nothing",
}
"""What may stand in braces in a parameter's text."""
BRACED = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
TAG = "parameters"
INSTEAD = {
    "tuple": "a list", "set": "a list", "frozenset": "a list", "date": "the text of .isoformat()",
    "datetime": "the text of .isoformat()", "Timestamp": "the text of .isoformat()",
    "time": "the text of .isoformat()", "Decimal": "a text", "bytes": "a text",
    "PosixPath": "a text, str(path)", "WindowsPath": "a text, str(path)",
    "bool": "bool(value)", "bool_": "bool(value)", "float32": "float(value)",
    "ndarray": "a list, .tolist()", "Series": "a list, .tolist()",
}  # fmt: skip
"""What to write for a value of some type."""


def checked(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return parameters as they are, of types that JSON and a notebook's cell both hold.

    Raises:
        UsageError: naming the parameter, what it is and what to write.
    """
    for name, value in given.items():
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"{where}{name!r} is no name that a notebook can have")
        problem = next(problems(value, name), "")
        if problem:
            raise UsageError(f"{where}{problem}")
    return dict(given)


def problems(value: Any, name: str) -> Iterator[str]:
    """Yield what is wrong with a value: exact types, as a subclass may write itself otherwise."""
    kind = float if isinstance(value, float) else type(value)
    if kind is float and not math.isfinite(value):
        yield f"{name} = {value}: JSON has no such number; leave it out, or write a text"
    elif kind is str:
        for word in braced(value):
            if word not in WORDS:
                hint = did_you_mean(word, WORDS) or f" There are {', '.join(WORDS)}."
                yield f"{name} = {value!r}: nothing is called {{{word}}}.{hint}"
    elif kind is list:
        for at, each in enumerate(value):
            yield from problems(each, f"{name}[{at}]")
    elif kind is dict:
        for key, each in value.items():
            if type(key) is str:
                yield from problems(each, f"{name}.{key}")
            else:
                yield f"{name}: {key!r} is a key that is no text; JSON has only texts"
    elif kind not in (bool, int, float, type(None)):
        whole = kind.__name__.startswith(("int", "uint"))
        instead = "int(value)" if whole else INSTEAD.get(kind.__name__, "a number, text or list")
        yield f"{name} = {value!r:.60} is a {kind.__name__}, which JSON has not: write {instead}"


def braced(text: str) -> Iterator[str]:
    """Yield the words in braces; `{{` and `}}` are braces themselves."""
    yield from (found[1] for found in BRACED.finditer(text) if found[1] is not None)


def facts(day: date, calendar: Calendar, folder: Path, last: Path | None) -> dict[str, str]:
    """Return what the words in braces stand for on a day."""
    return {
        "today": day.isoformat(),
        "previous_session": previous_session(day, calendar).isoformat(),
        "month_start": day.replace(day=1).isoformat(),
        "folder": str(folder),
        "last": "" if last is None else str(last),
    }


def previous_session(day: date, calendar: Calendar) -> date:
    """Return the trading day before a day."""
    found = day - timedelta(1)
    while not calendar.is_trading_day(found):
        found -= timedelta(1)
    return found


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """Return a value with the words in braces replaced, at any depth."""
    if isinstance(value, str):
        return BRACED.sub(lambda m: m[0][0] if m[1] is None else known[m[1]], value)
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    if isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    return value


def refuse_strange(notebook: Path, given: Mapping[str, Any], where: str) -> None:
    """Refuse parameters that a notebook has not, or has of another kind.

    Raises:
        UsageError: naming the parameter; or if the notebook can't be read.
    """
    known = defaults(notebook)
    for name, value in given.items():
        if name not in known:
            hint = did_you_mean(name, known) or f" It has {', '.join(known) or 'none'}."
            raise UsageError(f"{where}{notebook} has no parameter {name!r}.{hint}")
        default = known[name]
        if default is not None and value is not None and kind_of(value) != kind_of(default):
            if not (kind_of(default) == "number" and kind_of(value) == "whole number"):
                raise UsageError(
                    f"{where}{name} = {value!r:.60} is a {kind_of(value)}; the notebook has "
                    f"{default!r:.60}, a {kind_of(default)}"
                )


def kind_of(value: Any) -> str:
    """Return the kind of a value in words."""
    kinds = {bool: "yes or no", int: "whole number", float: "number", str: "text", list: "list",
             tuple: "list", set: "list", dict: "table"}  # fmt: skip
    return kinds.get(type(value), type(value).__name__)


def defaults(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook's cell with the tag `parameters`, None where computed.

    Raises:
        UsageError: if the file is no notebook, or its cell no Python.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if TAG in cell.get("metadata", {}).get("tags", ())]
        lines = "".join(tagged[0]["source"]).splitlines() if tagged else []
    except OSError as error:
        raise UsageError(f"{notebook}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(f"{notebook}: this is no notebook") from None
    text = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
    try:
        body = tree_of(text).body
    except SyntaxError as error:
        raise UsageError(
            f"{notebook}: its cell of parameters is no Python ({error.msg}, line {error.lineno})"
        ) from None
    return dict(assigned(body))


def assigned(body: list[ast.stmt]) -> Iterator[tuple[str, Any]]:
    """Yield the names that statements assign, with plain values."""
    for node in body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, literal(node.value)


def literal(node: ast.expr) -> Any:
    """Return the value of a literal, None of anything else."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
