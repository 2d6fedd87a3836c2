"""The page on indicators says what the folder does."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path

import pytest

from alphapanda import indicators
from tests.support.oracles import CASES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "indicators.md"
ROWS = re.findall(
    r"^\| `(\w+)\((.*?)\)` \| (.*?) \| (.*?) \| (.*?) \|", PAGE.read_text(), re.MULTILINE
)
EVERYWHERE = ("of", "bar", "leg")


def test_every_indicator_has_its_row() -> None:
    """The table lists the folder, in order, each once."""
    assert tuple(name for name, *_ in ROWS) == indicators.names()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_tells_the_truth(row: tuple[str, ...]) -> None:
    """Arguments, inputs, outputs, and the warm-up of every tested set of arguments are as said."""
    name, arguments, reads, outputs, warmup = row
    parameters = inspect.signature(getattr(indicators.module(name), name)).parameters.values()
    said = [str(p).split(":")[0] + ("" if p.default is p.empty else f"={p.default!r}")
            for p in parameters if p.name not in EVERYWHERE]  # fmt: skip
    assert arguments == ", ".join(said)
    inputs = ("price" if each == "units" else each for each in indicators.module(name).INPUTS)
    assert reads == ", ".join(inputs)
    assert outputs == ", ".join(indicators.outputs(name))
    for case in CASES:
        if case.name == name:
            known = {"max": max, "isqrt": math.isqrt, **case.arguments}
            assert eval(warmup, {"__builtins__": {}}, known) == case.first()["warmup"]
