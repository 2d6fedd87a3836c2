"""Editing any source that a strategy uses changes what runs; unchanged sources compile once."""

from __future__ import annotations

import linecache
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import alphapanda as ap
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.program import GENERAL, bind_declared, bind_loop, unbound
from alphapanda.engine.compiler.strategy import spec_of
from alphapanda.errors import UsageError
from alphapanda.runs.discovery import in_file
from tests.support.running import ROOT, session

MAIN = '''
import helper
import math
import alphapanda as ap
from helper import twice
from alphapanda import Kind, ema, param, state, strategy

STEP = 3
LEVELS = (1, 2)

def wanted(seen, most=3):
    """Return a quantity."""
    return min(twice(seen // STEP % LEVELS[1]) + helper.more(seen), most)

def made(extra):
    """Return a closure."""
    def inner(x):
        return x + extra
    return inner

lifted = made(1)

@strategy
class Uses:
    """Uses a bit of everything."""
    start = param(2, ge=0)
    seen = state(0)
    level = state(0.0)
    average = ema(5)

    def on_tick(self, ctx):
        self.seen += 1
        self.level = math.sqrt(self.average.value)
        if self.seen % 50 == 0 and self.level > 1.0:
            ap.target(ctx, wanted(lifted(self.seen)))
        if self.seen % 400 == 0:
            ap.order(ctx, 1, ap.Kind.LIMIT, ctx.last, protection=ap.AUTO)
'''
HELPER = """
MORE = 1

def twice(x):
    return 2 * x

def more(x):
    return MORE if x % 4 == 3 else 0
"""
EDITS = {
    "the hook": ("uses.py", "self.seen % 50", "self.seen % 60"),
    "a function beside the class": ("uses.py", "seen // STEP", "seen // 2 // STEP"),
    "a module constant": ("uses.py", "STEP = 3", "STEP = 4"),
    "a tuple": ("uses.py", "LEVELS = (1, 2)", "LEVELS = (1, 3)"),
    "a default argument": ("uses.py", "most=3", "most=1"),
    "what a closure holds": ("uses.py", "made(1)", "made(17)"),
    "a closure's code": ("uses.py", "x + extra", "x - extra"),
    "an imported function": ("helper.py", "2 * x", "3 * x"),
    "a function of an imported module": ("helper.py", "x % 4 == 3", "x % 3 == 0"),
    "a constant in another module": ("helper.py", "MORE = 1", "MORE = 2"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a strategy and the module it uses."""
    (tmp_path / "uses.py").write_text(MAIN)
    (tmp_path / "helper.py").write_text(HELPER)
    return tmp_path


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Edit a file in place."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def key(strategy: Any) -> str:
    """Return the name under which a strategy's loop of one piece is kept."""
    return bind_loop(unbound(shape(strategy)), "step").key


def hooks_key(strategy: Any) -> str:
    """Return the name under which what a strategy declares is kept; that is quicker to bind."""
    made = shape(strategy)
    return bind_declared(unbound(made), {**made.flags, **GENERAL}).key


def shape(strategy: Any) -> Shape:
    """Return what a loop of a strategy is generated for, on prices alone."""
    spec = spec_of(strategy) if isinstance(strategy, type) else in_file(strategy)
    return Shape((spec,), 0, frozenset({"last"}), (True,))


def run(strategy: Any, **options: Any) -> str:
    """Run a strategy and return what it did."""
    digest = ap.backtest(strategy, session(1, 3_000), **options).digest
    assert isinstance(digest, str)
    return digest


@pytest.mark.parametrize(("file", "old", "new"), EDITS.values(), ids=EDITS)
def test_edit_changes_what_runs(file: str, old: str, new: str, folder: Path) -> None:
    """In one process, without a restart: another loop is compiled, and it does something else."""
    path = str(folder / "uses.py")
    before = hooks_key(path), run(path, jit=False)
    edit(folder, file, old, new)
    after = hooks_key(path), run(path, jit=False)
    assert after[0] != before[0]
    assert after[1] != before[1]
    edit(folder, file, new, old)
    assert hooks_key(path) == before[0]


def test_default_of_a_parameter_is_no_source(folder: Path) -> None:
    """A parameter is data: another default runs the same loop."""
    path = str(folder / "uses.py")
    before = key(path), hooks_key(path)
    edit(folder, "uses.py", "param(2, ge=0)", "param(9, ge=1)")
    assert (key(path), hooks_key(path)) == before
    edit(folder, "helper.py", "2 * x", "3 * x")
    assert key(path) != before[0]


def test_compiled_runs_the_edit_too(folder: Path) -> None:
    """Compiled, before and after an edit beside it, it does what it does in plain Python."""
    path = str(folder / "uses.py")
    first = run(path, tier="quick")
    assert first == run(path, jit=False)
    edit(folder, "helper.py", "2 * x", "3 * x")
    assert run(path, tier="quick") == run(path, jit=False) != first


CORE = {
    "an indicator": ("indicators/ema.py", "self.alpha * price", "self.alpha * price * 1.5"),
    "a rule": ("rules/quantity.py", "def check", "CALM = 1\n\n\ndef check"),
    "the book": ("books/book.py", "def ", "SPARE = 1\n\n\ndef "),
    "the pointer": ("engine/compiler/pointer.py", "WORD = ", "SPARE = 1\nWORD = "),
}
SCRIPT = """
import sys
sys.path[:0] = [{copy!r}, {root!r}]
import alphapanda
from tests.engine.test_sources import key
assert alphapanda.__file__.startswith({copy!r}), alphapanda.__file__
print(key({strategy!r}))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[], str]:
    """Return what tells the key of ema_cross by a copy of the package."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "alphapanda", tmp_path / "alphapanda", ignore=ignore)
    code = SCRIPT.format(
        root=str(ROOT), copy=str(tmp_path), strategy=str(ROOT / "strategies" / "ema_cross.py")
    )
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    def told() -> str:
        done = subprocess.run([sys.executable, "-c", code], text=True, check=True, env=env,
                              stdout=subprocess.PIPE)  # fmt: skip
        return done.stdout.strip()

    return told


def test_edit_of_the_package_changes_the_loop(copy: Callable[[], str], tmp_path: Path) -> None:
    """An indicator, a rule and the core itself are sources like any other."""
    seen = {copy()}
    assert copy() in seen
    for number, (file, old, new) in enumerate(CORE.values(), 2):
        text = (tmp_path / "alphapanda" / file).read_text()
        (tmp_path / "alphapanda" / file).write_text(text.replace(old, new, 1))
        seen.add(copy())
        assert len(seen) == number, file


CELL = '''
@ap.strategy
class InCell:
    """Written in a notebook."""
    seen = ap.state(0)

    def on_tick(self, ctx):
        self.seen += 1
        ap.target(ctx, self.seen // EVERY % 2)
'''


def cell(number: int, text: str) -> Any:
    """Run a notebook cell and return the class in it."""
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"ap": ap, "EVERY": 10}
    exec(compile(text, name, "exec"), scope)
    return scope["InCell"]


def test_class_in_a_cell() -> None:
    """A class in a notebook runs; edited and run again, the new code runs."""
    first = cell(1, CELL)
    second = cell(2, CELL.replace("// EVERY", "// 20"))
    assert key(first) == key(cell(3, CELL)) != key(second)
    assert run(first, jit=False) == run(cell(3, CELL), jit=False) != run(second, jit=False)
    with pytest.raises(UsageError, match=r"<cell 4>:9: InCell.on_tick"):
        run(cell(4, CELL.replace("self.seen //", "self.sen //")))
