"""Hooks that fail or put a wrong number somewhere: told with line and time, in both executions."""

from __future__ import annotations

from pathlib import Path

import pytest

import alphapanda as ap
from alphapanda.errors import UsageError
from tests.support.loops import FAILS, prices_alone, written
from tests.support.running import session


def fails(
    folder: Path, way: int, *, compiled: bool, jit: bool, text: str = FAILS, tier: str = "quick"
) -> str:  # fmt: skip
    """Run a hook that fails and return the message."""
    file = written(folder, compiled=compiled, text=text)
    data = prices_alone(3_000) if tier == "full" else session(1, 3_000)
    with pytest.raises(UsageError) as refusal:
        ap.backtest(file, data, params={"way": way}, jit=jit, tier=tier)
    return str(refusal.value)


PLAIN = {
    1: ":6: share at 2025-08-04 ",
    2: ":23: on_tick at 2025-08-04 ",
    3: ":26: on_tick at 2025-08-04 ",
}
WHAT = {
    1: "ZeroDivisionError: integer division or modulo by zero",
    2: "OverflowError: a hook asked for more orders than one call may make",
    3: "ValueError: no more",
}


@pytest.mark.parametrize("way", PLAIN)
@pytest.mark.parametrize("compiled", [True, False])
def test_plain_hook_that_raises(way: int, compiled: bool, tmp_path: Path) -> None:
    """In plain Python the innermost line of the strategy's file is named."""
    said = fails(tmp_path, way, compiled=compiled, jit=False)
    assert f"fails.py{PLAIN[way]}" in said
    assert said.endswith(WHAT[way])


@pytest.mark.parametrize("tier", ["quick", "full"])
@pytest.mark.parametrize("way", PLAIN)
def test_compiled_hook_that_raises(way: int, tier: str, tmp_path: Path) -> None:
    """Compiled, numba knows the line of a `raise` alone; the time of the row is always told."""
    said = fails(tmp_path, way, compiled=True, jit=True, tier=tier)
    assert " at 2025-08-04 " in said
    assert WHAT[way].partition(":")[0] in said
    if way == 3:
        assert "fails.py:26: on_tick" in said
    else:
        assert "--no-jit names the line" in said


def test_plain_whole_number_field(tmp_path: Path) -> None:
    """A float in a field that holds whole numbers is told as such."""
    text = FAILS.replace("self.level = self.seen", "self.seen = self.level + 0.5")
    said = fails(tmp_path, 0, compiled=True, jit=False, text=text)
    assert "fails.py:27: on_tick at 2025-08-04 " in said
    assert "seen holds whole numbers and was given 0.5: declare it state(0.0)" in said


def test_compiled_whole_number_field(tmp_path: Path) -> None:
    """Compiled it would be cut in silence, so it is refused before the run."""
    text = FAILS.replace("self.level = self.seen", "self.seen = self.level + 0.5")
    said = fails(tmp_path, 0, compiled=True, jit=True, text=text)
    assert "fails.py:27: seen holds whole numbers and was given a float" in said


def test_numba_refusal_is_one_line(tmp_path: Path) -> None:
    """What only numba finds out is told with file and line, without its stack of reasons."""
    text = FAILS.replace("self.level = self.seen", "self.level = ctx.market.last + (1, 2)")
    said = fails(tmp_path, 0, compiled=True, jit=True, text=text)
    assert "fails.py:27: Fails can't be compiled: " in said
    assert "\n" not in said
    assert len(said) < 500


OWN = '''
from alphapanda import param, state, strategy, target

@strategy(compiled=False)
class Own:
    """Keeps what it likes."""
    most = param(2)
    seen = state(0)
    names = {"a": 1}

    def start(self):
        self.log = []
        self.seen = 5

    def helper(self, x):
        return x % (self.most + 1)

    def on_tick(self, ctx):
        self.seen += 1
        self.log.append((str(ctx.now), {**self.names}))
        target(ctx, self.helper(len(self.log) // 200))
'''


def test_ordinary_python_is_free(tmp_path: Path) -> None:
    """`start` is called, attributes and methods are its own.

    That a compiled loop around it changes nothing is shown in `tests/system/test_same_digest.py`.
    """
    (tmp_path / "own.py").write_text(OWN)
    result = ap.backtest(str(tmp_path / "own.py"), session(2, 1_500), jit=False)
    assert result.summary["fills"] > 2


def test_start_that_raises(tmp_path: Path) -> None:
    """So is an exception in `start`."""
    text = OWN.replace("self.log = []", "self.log = nothing")
    (tmp_path / "own.py").write_text(text)
    with pytest.raises(UsageError, match=r"own.py:12: start at start: NameError: name 'nothing'"):
        ap.backtest(str(tmp_path / "own.py"), session(), jit=False)
