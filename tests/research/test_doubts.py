"""Notes on what a rule refused: each rule has a word on what lifts it."""

from __future__ import annotations

from alphapanda.model.rows import RejectionCode
from alphapanda.research.doubts import SETTLES


def test_every_refusal_is_explained() -> None:
    """A new code without a sentence would end a run with a traceback, once it refuses."""
    assert set(SETTLES) == set(RejectionCode)
    assert all(SETTLES.values())
