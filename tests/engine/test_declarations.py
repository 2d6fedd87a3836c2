"""Strategy files and classes that declare what no run could mean: one clear line."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import alphapanda as ap
from alphapanda import indicators
from alphapanda.errors import UsageError
from alphapanda.runs.discovery import in_file
from tests.support.running import session

HEAD = (
    "from alphapanda import daily, ema, every, legs, param, state, strategy, target, universe\n"
    "@strategy\nclass Some:\n    '''Doc.'''\n"
)
TICK = "    def on_tick(self, ctx):\n        target(ctx, 1)\n"
FILES = {
    "def f(:\n": "some.py:1: SyntaxError: ",
    "\nimport nowhere\n": "some.py:2: ModuleNotFoundError: No module named 'nowhere'",
    "\n\nx = 1 / 0\n": "some.py:3: ZeroDivisionError",
    "raise SystemExit(4)\n": "some.py:1: SystemExit: 4",
    "x = 1\n": "one strategy expected, found none",
    HEAD + TICK + "@strategy\nclass Other:\n" + TICK: "found two or more: name one,",
    HEAD: "Some has no hook: write one of on_tick",
    HEAD + "    def on_tik(self, ctx): pass\n" + TICK: "Some.on_tik is no declaration",
    HEAD + "    size = 3\n" + TICK: "Some.size is no declaration: use param(), state()",
    HEAD + "    row = state(0)\n" + TICK: "Some.row: this name is taken",
    HEAD + "    a = param('x')\n" + TICK: "param('x'): the first value is a number",
    HEAD + "    a = state([1])\n" + TICK: "state([1]): the first value is a number",
    HEAD + "    n = param(3)\n    a = ema('m')\n" + TICK: "there is no parameter m",
    HEAD + "    a = ema(3, leg='near')\n" + TICK: "there is no leg 'near'",
    HEAD + "    bind = 'near'\n" + TICK: "Some.bind: write legs",
    HEAD + "    timers = 'x'\n" + TICK: "Some.timers: write every",
    HEAD + "    timers = every('7x')\n" + TICK: "'7x' is not an interval",
    HEAD + "    timers = daily('25:00')\n" + TICK: "'25:00' is no time of day",
    HEAD + "    def on_time(self, ctx): pass\n": "on_time needs timers",
    HEAD + "    def on_tick(self): pass\n": "Some.on_tick must take (self, ctx)",
    HEAD
    + "    n = param(1)\n    def check(m): pass\n"
    + TICK: "check must take the parameters (n)",
    HEAD + TICK + "@strategy\nclass Next(Some):\n" + TICK: "Next inherits from Some",
}


@pytest.mark.parametrize(("text", "said"), FILES.items())
def test_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    """The message is one line that begins with the file and, where there is one, the line."""
    file = tmp_path / "some.py"
    file.write_text(text)
    with pytest.raises(UsageError) as refusal:
        in_file(str(file))
    assert said in str(refusal.value)
    assert str(refusal.value).startswith(str(file))
    assert "\n" not in str(refusal.value)


def test_one_of_two_is_named(tmp_path: Path) -> None:
    """FILE.py:CLASS names one of several; a wrong name is told from the right ones."""
    file = tmp_path / "two.py"
    file.write_text(HEAD + TICK + "@strategy\nclass Other:\n" + TICK)
    assert in_file(f"{file}:Other").name == "other"
    with pytest.raises(UsageError, match="Did you mean Other"):
        in_file(f"{file}:Othr")


def test_imported_strategy_is_not_the_files_own(tmp_path: Path) -> None:
    """A file that imports another's class still has one strategy."""
    (tmp_path / "base.py").write_text(HEAD + TICK)
    file = tmp_path / "mine.py"
    file.write_text("from base import Some\n" + HEAD.replace("Some", "Mine") + TICK)
    assert in_file(str(file)).name == "mine"


PARAMS = (
    HEAD + "    n = param(3, ge=-5, le=9)\n    x = param(0.5, gt=0)\n    up = param(True)\n" + TICK
)


@pytest.mark.parametrize(("given", "want"), [
    ({"n": "-4"}, {"n": -4}),
    ({"x": "1e-3"}, {"x": 0.001}),
    ({"x": 2}, {"x": 2.0}),
    ({"up": "false"}, {"up": False}),
    ({"up": "no"}, {"up": False}),
])  # fmt: skip
def test_parameters_from_texts(given: dict[str, object], want: object, tmp_path: Path) -> None:
    """Texts become the kind of the default: whole numbers, fractions, yes or no."""
    (tmp_path / "some.py").write_text(PARAMS)
    values = in_file(str(tmp_path / "some.py")).arguments(given)
    assert {name: values[name] for name in given} == want


@pytest.mark.parametrize("given", [{"n": "-6"}, {"n": 10}, {"x": 0}, {"x": "inf"}, {"x": "nan"},
                                   {"up": "perhaps"}, {"n": None}, {"n": "3.5"}])  # fmt: skip
def test_parameters_out_of_bounds(given: dict[str, object], tmp_path: Path) -> None:
    """The message names parameter and value."""
    (tmp_path / "some.py").write_text(PARAMS)
    name, value = next(iter(given.items()))
    with pytest.raises(UsageError, match=f"some: {name} = {value}"):
        in_file(str(tmp_path / "some.py")).arguments(given)


def test_default_out_of_its_own_bounds(tmp_path: Path) -> None:
    """A default that its own bounds refuse is the first to be told."""
    (tmp_path / "some.py").write_text(HEAD + "    n = param(3, ge=4)\n" + TICK)
    with pytest.raises(UsageError, match="some: n = 3 should be greater"):
        in_file(str(tmp_path / "some.py")).arguments({})


CALLS = {name: inspect.signature(getattr(ap, name)) for name in indicators.names()}


OTHERWISE_FED = {"beta", "cointegration", "correlation", "imbalance"}
"""They read two legs, or a quote."""


@pytest.mark.parametrize("name", sorted({*CALLS} - OTHERWISE_FED))
def test_a_longer_warm_up_changes_only_when_hooks_are_called(name: str, tmp_path: Path) -> None:
    """An indicator told to wait for 300 rows has, from there on, the values it would have had."""
    needed = [p.name for p in CALLS[name].parameters.values() if p.default is p.empty]
    given = "".join(f"{one}=20, " for one in needed)
    file = tmp_path / "some.py"
    file.write_text(
        f"from alphapanda import {name}, param, state, strategy, target\n"
        "@strategy\nclass Some:\n    '''Doc.'''\n"
        "    wait = param(300)\n    calls = state(0)\n"
        f"    plain = {name}({given.rstrip(', ')})\n    late = {name}({given}warmup='wait')\n"
        "    def on_bar(self, ctx):\n        self.calls += 1\n"
        "        if self.plain.value == self.late.value and self.calls == 1:\n"
        "            target(ctx, 1)\n"
        "        elif self.plain.value != self.late.value:\n            target(ctx, 2)\n"
    )
    result = ap.backtest(str(file), session(1, 3_000, 2), jit=False, limits="wide")
    (fill,) = result.table("fills").to_pylist()
    assert fill["qty"] == 1
    assert fill["ts"].hour >= 14  # the 301st minute of the first day


def test_a_warm_up_of_no_parameter_is_refused(tmp_path: Path) -> None:
    """The name of a parameter that is not there is told."""
    file = tmp_path / "some.py"
    file.write_text(HEAD + "    wait = param(9)\n    a = ema(3, warmup='wat')\n" + TICK)
    with pytest.raises(UsageError, match=r"there is no parameter wat\. Did you mean wait"):
        in_file(str(file))
