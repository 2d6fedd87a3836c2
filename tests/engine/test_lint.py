"""What compiled strategies may not say: each construct is named with its file and line."""

from __future__ import annotations

import builtins
import textwrap
from pathlib import Path

import pytest

from alphapanda.engine.compiler import lint
from alphapanda.errors import UsageError
from alphapanda.runs.discovery import in_file

FILE = '''
import math, random, time
import numpy as np
import alphapanda as ap
import neighbour
from statistics import fmean
from alphapanda import Kind, ema, options, order, param, state, strategy, target

TABLE = [1, 2]

def power(x):
    """Square."""
    return x ** 2

def deeper(x):
    return power(x)

@strategy
class Wrong:
    """A strategy."""
    fast = param(3)
    seen = state(0)
    level = state(0.0)
    average = ema("fast")

    def on_tick(self, ctx):
        """Do."""
'''
LINE = FILE.count("\n") + 1
REFUSED = {
    "self.x = 1": "self.x is not declared: add x = state(0)",
    "self.sen += 1": "Did you mean seen?",
    "self.fast = 3": "self.fast is a parameter",
    "self.average.valu": "self.average has no valu. Did you mean value?",
    "self.level = 2.0 ** 3": "**",
    "self.seen **= 2": "**",
    "self.level = np.exp(1.0)": "numpy.exp can't be used",
    "self.level = math.gamma(2.0)": "math.gamma can't",
    "x = random.random()": "random.random can't",
    "x = time.time()": "ctx.now is the time",
    "x = fmean((1.0, 2.0))": "statistics.fmean can't",
    "x = {}": "a dict",
    "x = {1}": "a set",
    "x = [y for y in (1, 2)]": "a list comprehension",
    "x = lambda y: y": "a lambda",
    "x = 'a' + 'b'": "a string",
    "x = f'{self.seen}'": "an f-string",
    "x = '%d' % 3": "a string",
    "x = TABLE[0]": "TABLE, which is of type list",
    "x = sorted((1, 2))": "sorted() can't",
    "print(1)": "--no-jit to print",
    "import os": "import inside a hook",
    "super().on_tick(ctx)": "super",
    "def f():\n    pass": "a function inside a function",
    "try:\n    pass\nexcept ValueError:\n    pass": "try/except",
    "targt(ctx, 1)": "the name targt is not defined. Did you mean target",
    "ap.targt(ctx, 1)": "alphapanda has no targt. Did you mean target",
    "ctx.lst": "ctx has no lst. Did you mean last",
    "ctx.market.tik": "ctx.market has no tik. Did you mean tick",
    "ctx.last = 1": "ctx.last can't be set",
    "target(ctx)": "target(): missing a required argument: 'qty'",
    "ap.target(ctx, 1, 2)": "target(): too many positional arguments",
    "order(ctx, 1, pric=3)": "unexpected keyword argument 'pric'",
    "order(ctx, 1, Kind.LIMT)": "Kind has no LIMT. Did you mean LIMIT",
    "ema(3)": "ema() belongs into the class body",
    "options.iv(1, 5.0, 100.0, 100.0, 0.1)": "options.iv() is for notebooks: hooks have",
    "ap.size_by_risk(ctx, 1.0)": "size_by_risk(): missing a required argument: 'stop'",
}
ELSEWHERE = {
    "power(2)": ("wrong.py:13: power: **"),
    "deeper(2)": ("wrong.py:13: power: **"),
    "neighbour.wrong(1)": ("neighbour.py:5: wrong: a dict"),
}
ALLOWED = (
    "self.level = math.sqrt(abs(self.level)) + math.log1p(1.0)",
    "raise ValueError('too late')",
    "assert self.seen >= 0, 'never'",
    "ap.order(ctx, 1, ap.Kind.LIMIT, ctx.last)",
    "for k in range(3):\n    self.seen += neighbour.right(k) // max(k, 1)",
    "x, y = divmod(ctx.last, ctx.market.tick + 1)",
    "self.level = ap.black_delta(1, 100.0, 100.0, 0.1, 0.2, 0.0) + ap.years_left(ctx)",
    "self.seen = ap.size_by_equity(ctx, 5) + ap.date_of(ctx) + ap.nearest_expiry(ctx)",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a module beside the strategy."""
    (tmp_path / "neighbour.py").write_text(
        "def right(x):\n    return x\n\ndef wrong(x):\n    return {x: 1}\n"
    )
    return tmp_path


def checked(body: str, folder: Path) -> None:
    """Load and check a strategy with a hook of this body."""
    file = folder / "wrong.py"
    file.write_text(FILE + textwrap.indent(body, " " * 8) + "\n")
    lint.check(in_file(str(file)))


@pytest.mark.parametrize(("body", "said"), REFUSED.items())
def test_construct_is_refused(body: str, said: str, folder: Path) -> None:
    """The message is one line: file, line, class and hook, construct."""
    with pytest.raises(UsageError) as refusal:
        checked(body, folder)
    message = str(refusal.value)
    assert message.startswith(f"{folder}/wrong.py:{LINE}: Wrong.on_tick: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(("body", "said"), ELSEWHERE.items())
def test_functions_that_hooks_call_are_read(body: str, said: str, folder: Path) -> None:
    """A construct is named where it stands, in the strategy's file or in one beside it."""
    with pytest.raises(UsageError, match=r"^\S+" + said.replace("*", r"\*")):
        checked(body, folder)


@pytest.mark.parametrize("body", ALLOWED)
def test_construct_is_allowed(body: str, folder: Path) -> None:
    """What compiles to the same result is let through."""
    checked(body, folder)


def test_printing_is_allowed_in_plain_python(folder: Path) -> None:
    """--no-jit is there to print."""
    (folder / "wrong.py").write_text(FILE + "        print(ctx.last)\n")
    lint.check(in_file(str(folder / "wrong.py")), printing=True)


def test_a_print_of_somebody_else_is_print(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray, for one, puts its own function in the place of the built-in one, and leaves it there."""
    monkeypatch.setattr(builtins, "print", lambda _: None)
    with pytest.raises(UsageError, match="--no-jit to print"):
        checked("print(ctx.last)", folder)
    lint.check(in_file(str(folder / "wrong.py")), printing=True)
