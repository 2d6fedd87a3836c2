"""A text is read as a syntax tree whatever else the process does meanwhile."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphapanda.syntax import tree_of

TEXT = Path(__file__).read_text()


class Parses:
    """Parses when it is collected, as a log that shows a traceback may."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        ast.parse("def f(): return [(1, (2, (3,)))]")


@pytest.fixture
def _thresholds() -> Iterator[None]:
    """Collect as before when a test is over, and meanwhile nothing that other tests left."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_thresholds")
def test_what_is_collected_meanwhile_does_not_disturb() -> None:
    """Whenever objects that parse, too, are collected in the middle of it, the tree is the same."""
    wanted = ast.dump(tree_of(TEXT))
    for more in range(5, 400, 50):
        gc.collect()
        gc.disable()
        for _ in range(3):
            Parses()
        gc.set_threshold(gc.get_count()[0] + more)
        gc.enable()
        assert ast.dump(tree_of(TEXT)) == wanted
        assert gc.isenabled()


def test_an_expression_is_read() -> None:
    """In the other mode the tree is one of an expression; what is no Python is a SyntaxError."""
    assert isinstance(tree_of("1 < 2", "eval").body, ast.Compare)
    with pytest.raises(SyntaxError):
        tree_of("a =", "eval")
    assert gc.isenabled()
