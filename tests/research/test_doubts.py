"""Notes on what a rule refused: each rule has a word on what lifts it."""

from __future__ import annotations

from alphapanda.model.limits import RejectionCode
from alphapanda.research.doubts import settles


def test_every_refusal_is_explained() -> None:
    """A new code without a sentence would end a run with a traceback, once it refuses."""
    assert set(settles()) == set(RejectionCode)
    assert all(settles().values())
