"""Prices count Rs 0.0001, indicators rupees: mixing them is refused with file and line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from alphapanda import buy, buy_limit, target
from alphapanda.engine.compiler import lint, units
from alphapanda.errors import UsageError
from alphapanda.runs.discovery import in_file
from tests.support.harness import Filled, play, rs, ticks

FILE = '''
from alphapanda import (
    at, average_price, bollinger, forward_of, middle_price, param, rupees, sma, state, strategy,
    target, tick_down, universe,
)

UNIT = 10_000

def too_high(ctx, self):
    return ctx.close > self.average.value{helper}

@strategy(compiled={compiled})
class Mixed:
    """A strategy."""
    bar = "1m"
    factor = param(2)
    scale = param(10_000)
    level = state(0)
    line = state(0.0)
    average = sma(20)
    bands = bollinger(20)

    def on_bar(self, ctx):
        """Do."""
'''
WRONG = [
    "x = ctx.close > self.average.value",
    "x = self.average.value <= ctx.last",
    "x = ctx.close - self.average.value",
    "x = self.bands.lower < ctx.low < ctx.high",
    "x = 1.01 * ctx.close > self.bands.upper",
    "x = ctx.close / 2 > self.average.value",
    "x = ctx.close * self.factor > self.average.value",
    "x = (ctx.bid + ctx.ask) / 2 > self.average.value",
    "x = max(ctx.close, self.average.value)",
    "x = float(ctx.close) > self.average.value",
    "x = average_price(ctx) < self.average.value",
    "x = tick_down(ctx, ctx.close) < self.average.value",
    "x = at(ctx, 1).last > self.average.value",
    "price = ctx.close\nx = price > self.average.value",
    "price = ctx.close\nother = price - 5\nx = other > self.average.value",
    "self.level = ctx.high\nx = self.level > self.average.value",
    "self.line = self.average.value\nx = self.line > ctx.close",
    "x = ctx.close > self.average.value * 1.01",
    "x = -ctx.close > -self.average.value",
    "x = rupees(ctx.close) > ctx.open",
    "x = middle_price(ctx) > forward_of(ctx, 0)",
    "x = forward_of(ctx, 0) - ctx.last",
    "x = ctx.close / 10_000 > ctx.open",
    "x, y = ctx.close, self.average.value\nz = x > y",
]
RIGHT = [
    "x = rupees(ctx.close) > self.average.value",
    "x = ctx.close / 10_000 > self.average.value",
    "x = ctx.close / 10_000.0 > self.average.value",
    "x = ctx.close * 0.0001 > self.average.value",
    "x = ctx.close > self.average.value * 10_000",
    "x = ctx.close > UNIT * self.average.value",
    "x = ctx.close / self.scale > self.average.value",
    "x = ctx.close / self.average.value",
    "x = ctx.close > ctx.open",
    "x = middle_price(ctx) - ctx.close + rupees(ctx.low) / forward_of(ctx, 0)",
    "x = forward_of(ctx, 0) > self.average.value",
    "x = self.bands.upper > self.average.value",
    "x = ctx.volume > self.average.value",
    "x = ctx.close > 1_000_000 and self.average.value > 100.0",
    "price = ctx.close / 10_000\nx = price > self.average.value",
    "self.level = ctx.high\nx = ctx.close > self.level",
    "self.line = self.average.value\nx = self.line > self.bands.value",
    "x = (ctx.close - ctx.open) / (ctx.high - ctx.low) > self.average.value",
]


def written(folder: Path, body: str, *, compiled: bool = True, helper: str = "") -> Path:
    """Return the file of a strategy whose hook has this body."""
    path = folder / "mixed.py"
    text = FILE.format(compiled=compiled, helper=helper)
    path.write_text(text + textwrap.indent(body, " " * 8) + "\n")
    return path


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("body", WRONG)
def test_mixed_units_are_refused(tmp_path: Path, body: str, compiled: bool) -> None:
    """Whatever compares, adds or chooses between the two is named with file and line."""
    path = written(tmp_path, body, compiled=compiled)
    with pytest.raises(UsageError) as refused:
        units.check(in_file(str(path)))
    last = len(path.read_text().splitlines())
    assert f"mixed.py:{last}: Mixed.on_bar: " in str(refused.value)
    assert "rupees(" in str(refused.value)


@pytest.mark.parametrize("body", RIGHT)
def test_like_units_pass(tmp_path: Path, body: str) -> None:
    """What counts the same, or can't be told, is let be, and may stand in a hook."""
    spec = in_file(str(written(tmp_path, body)))
    units.check(spec)
    lint.check(spec)


def test_a_helper_is_read_too(tmp_path: Path) -> None:
    """A function beside the class that a hook calls is followed."""
    path = written(tmp_path, "x = too_high(ctx, self)")
    with pytest.raises(UsageError, match=r"mixed.py:10: too_high: "):
        units.check(in_file(str(path)))
    units.check(in_file(str(written(tmp_path, "x = too_high(ctx, self)", helper=" * 10_000"))))


@pytest.mark.parametrize("ask", [
    lambda ctx: target(ctx, 0.7), lambda ctx: buy(ctx, 1.5),
    lambda ctx: buy_limit(ctx, 2.5, rs(99)), lambda ctx: target(ctx, float("nan")),
    lambda ctx: buy(ctx, float("inf")),
])  # fmt: skip
def test_a_quantity_is_a_whole_number(ask: object) -> None:
    """A fraction of a share is refused where it is asked for, not cut to nothing."""
    with pytest.raises((ValueError, OverflowError)):
        play(ticks(100, 100), {0: ask})


def test_a_whole_float_is_a_quantity() -> None:
    """What a computation leaves as 10.0 is ten."""
    assert play(ticks(100, 100), {0: lambda ctx: buy(ctx, 10.0)}).fills == [Filled(1, 10, 100)]
