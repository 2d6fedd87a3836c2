"""Times of steps are told as percentiles that are never below what was measured."""

from __future__ import annotations

import random

import pytest

from alphapanda.runs.timing import BOUNDS, NAMES, Steps, slowest


def test_a_percentile_is_within_a_quarter_above_the_true_one() -> None:
    """Of 10,000 times each is the true one, or up to a quarter more."""
    chance, steps = random.Random(7), Steps()
    times = sorted(chance.lognormvariate(-7, 1.5) for _ in range(10_000))
    for each in times:
        steps.add("journal", each)
    told = steps.figures()
    for name, place in (("p50", 5_000), ("p95", 9_500), ("p99", 9_900)):
        true = times[place - 1]
        assert true <= told[f"latency/journal/{name}"] <= true * 1.2501
    assert told["latency/journal/count"] == 10_000
    assert not [name for name in told if "send" in name], "nobody has measured it"


@pytest.mark.parametrize("seconds", [0.0, 1e-9, BOUNDS[0], BOUNDS[-1], 1e9])
def test_any_time_has_a_class(seconds: float) -> None:
    """None is too short or too long to be counted."""
    steps = Steps()
    steps.add("ack", seconds)
    assert BOUNDS[0] <= steps.figures()["latency/ack/p99"] <= BOUNDS[-1]


def test_of_several_processes_the_slowest_is_told() -> None:
    """Null where none has measured."""
    fast, slow = Steps(), Steps()
    fast.add("send", 0.001)
    slow.add("send", 0.1)
    told = slowest([fast.figures(), slow.figures(), {}])
    assert told["send"] == {
        name: slow.figures()[f"latency/send/{name}"] for name in ("p50", "p95", "p99")
    }
    assert {step for step, each in told.items() if each["p50"] is None} == {*NAMES} - {"send"}
