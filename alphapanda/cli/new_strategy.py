"""`alphapanda new strategy NAME`: a strategy that runs as it is, and its tests."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json
from alphapanda.config.settings import Settings
from alphapanda.data import catalogue
from alphapanda.errors import OutsideError, UsageError
from alphapanda.files import beside

SKELETON = Path(__file__).parent / "skeleton"


def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As opening_range.")],
    json: Json = False,
) -> None:
    """Write strategies/NAME.py, which runs as it is, and tests/test_NAME.py."""
    base = config.load()
    words = {"name": check_name(name), "class": class_of(name), "title": title_of(name)}
    files = {
        base.strategies_dir / f"{name}.py": filled("strategy", words),
        base.base_dir / "tests" / f"test_{name}.py": filled("test", words),
    }
    write(files)
    written, todo = [str(relative(path)) for path in files], steps(name, base)
    if json:
        print_json({"name": name, "files": written, "next": todo})
        return
    sys.stdout.write("".join(f"{path}\n" for path in written))
    sys.stdout.write("".join(["next:\n", *(f"  {line}\n" for line in todo)]))


def check_name(name: str) -> str:
    """Return a name that a file, a class and a module can have.

    Raises:
        UsageError: it is no such name; what to write instead.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", name) or len(name) > 60:
        plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).strip("_0123456789")
        better = re.sub(r"_+(?=\d)", "", plain).lower()[:60]
        hint = f": write {better}" if better else ", as opening_range"
        raise UsageError(f"{name!r} is no name of a strategy: small letters, digits and _{hint}")
    if keyword.iskeyword(name) or find_spec(name) is not None:
        raise UsageError(f"{name} means something else in Python: write my_{name}")
    return name


def class_of(name: str) -> str:
    """Return the name of a strategy's class: opening_range is OpeningRange."""
    return "".join(word.capitalize() for word in name.split("_"))


def title_of(name: str) -> str:
    """Return a strategy's name as the beginning of a sentence."""
    return name.replace("_", " ").capitalize()


def filled(kind: str, words: Mapping[str, str]) -> str:
    """Return the text of a new file."""
    return Template((SKELETON / f"{kind}.txt").read_text(encoding="utf-8")).substitute(words)


def write(files: Mapping[Path, str]) -> None:
    """Write new files: all of them, or none.

    Raises:
        UsageError: one of them is there already.
        OutsideError: the system does not let them be written.
    """
    for path in files:
        if path.exists():
            raise UsageError(f"{relative(path)} is there already: choose another name")
    try:
        with ExitStack() as undo:
            hidden_at = {path: hidden(path, text, undo) for path, text in files.items()}
            for path, partial in hidden_at.items():
                undo.callback(path.unlink, missing_ok=True)
                partial.rename(path)
            undo.pop_all()
    except OSError as error:
        raise OutsideError(f"can't write {error.filename}: {error.strerror}") from error


def hidden(path: Path, text: str, undo: ExitStack) -> Path:
    """Write a file beside its place, in folders made for it; return where."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            undo.callback(folder.rmdir)
    partial = beside(path)
    undo.callback(partial.unlink, missing_ok=True)
    partial.write_text(text, encoding="utf-8")
    return partial


def steps(name: str, base: Settings) -> list[str]:
    """Return the commands that come next, on the catalogue or on made-up data."""
    data = "synth.parquet"
    first = [f"alphapanda data synth --kind bar --days 20 --out {data}"]
    if catalogue.is_catalogue(base.data_dir):
        data, first = str(relative(base.data_dir)), []
    return [
        *first,
        f"alphapanda backtest {name} --data {data}",
        f"alphapanda sweep {name} --data {data} --grid window=10:60:10",
        f"alphapanda check {name} --data {data}",
        f"python -m pytest {relative(base.base_dir / 'tests' / f'test_{name}.py')}",
    ]


def relative(path: Path) -> Path:
    """Return a path as it is written from the current folder, where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
