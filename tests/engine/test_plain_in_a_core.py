"""Hooks in plain Python beside a core that was compiled for any strategies."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda import config, strategy, target
from alphapanda.runs.options import make
from alphapanda.validation.lab import open_lab
from tests.support.running import session


@strategy(compiled=False)
class Restless:
    """Turns at every tick."""

    def on_tick(self, ctx: Any) -> None:
        """Buy, then sell."""
        target(ctx, 1 - ctx.position)


@pytest.mark.core
def test_what_a_core_queues_is_taken_from_its_queue() -> None:
    """Such a core queues calls of hooks that the strategy lacks; they never pile up behind it."""
    given = {"strategy": Restless, "data": session(1, 600), "limits": "wide"}
    out = []
    for way in ({"tier": "quick"}, {"no_jit": True}):
        lab = open_lab(make({**given, **way}), config.load())
        engine = lab.engine()
        out.append(lab.whole(engine).tobytes())
        clock = engine.tables["clock"][0]
        assert clock["seq"] > 1_000
        assert clock["n_calls"] == 0
    assert out[0] == out[1]
