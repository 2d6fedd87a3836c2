"""Grids: ranges as Python's, values within bounds, combinations by number, seeded draws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.engine.compiler.strategy import spec_of
from alphapanda.errors import UsageError
from alphapanda.runs import discovery
from alphapanda.sweeps.grid import Grid, make_grid
from tests.sweeps.markets import SMA_CROSS, Flipper

SPEC = discovery.in_file(SMA_CROSS)
FLOATS = spec_of(Flipper)


def grid(*texts: str, **params: str) -> Grid:
    return make_grid(SPEC, list(texts), params)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 9))
def test_whole_ranges_are_pythons(start: int, stop: int, step: int) -> None:
    """`5:25` and `30:130:5` are `range(5, 25)` and `range(30, 130, 5)`."""
    expected = tuple(range(start, stop, step))
    if expected:
        assert grid(f"fast={start}:{stop}:{step}").axes["fast"] == expected
    else:
        with pytest.raises(UsageError, match="there is no value in it"):
            grid(f"fast={start}:{stop}:{step}")


def test_fractions_step_exactly() -> None:
    """Fractions are stepped in decimals: 0.3 is 0.3, not three times 0.1."""
    made = make_grid(FLOATS, ["band=0:0.5:0.1"], {})
    assert made.axes["band"] == (0.0, 0.1, 0.2, 0.3, 0.4)


def test_every_combination_has_a_number() -> None:
    """Numbers run through the product of the axes, the last parameter fastest."""
    made = grid("fast=2,3", "slow=10:40:10", quantity="4")
    seen = [made.arguments(number) for number in range(made.total)]
    pairs = [(2, 10), (2, 20), (2, 30), (3, 10), (3, 20), (3, 30)]
    assert seen == [{"fast": f, "slow": s, "quantity": 4} for f, s in pairs]


def test_refused_combinations_are_skipped_and_counted() -> None:
    """What the class's own check refuses is left out, in a draw as in the whole grid."""
    made = grid("fast=5:25", "slow=10:20:5")
    numbers, skipped, _ = made.chosen(None, 7)
    allowed = [n for n in range(40) if made.arguments(n)["fast"] < made.arguments(n)["slow"]]
    assert (numbers.tolist(), skipped) == (allowed, 40 - len(allowed))
    assert set(made.chosen(6, 7)[0].tolist()) <= set(allowed)


def test_a_draw_is_seeded_and_distinct() -> None:
    """The same seed draws the same combinations, each once, out of huge grids too."""
    small, huge = grid("fast=5:25", "slow=30:130:5"), grid("fast=1:3001", "slow=4000:8000")
    for made in (small, huge):
        first = made.chosen(100, 7)[0].tolist()
        assert len(set(first)) == 100
        assert first == made.chosen(100, 7)[0].tolist() != made.chosen(100, 8)[0].tolist()
    assert len(small.chosen(10_000, 7)[0]) == 400


BAD = {
    ("fast=0:5",): "fast = 0 should be greater than or equal to 1",
    ("fast=a:b",): "--grid fast=a:b: write 5:25, 30:130:5 or 5,10,20",
    ("fast=1:2:3:4",): "--grid fast=1:2:3:4: write 5:25",
    ("fast=5:10:0",): "the step must not be 0",
    ("fast=1.5:3:0.5",): "fast is a whole number",
    ("fast=2.5,3",): "fast = 2.5 should be a valid integer",
    ("fast=5,5",): "a value is there twice",
    ("fast=5,9", "fast=10"): "--grid fast is given more than once",
    ("fst=1:3",): "no parameter 'fst'. Did you mean fast?",
    ("fast",): "--grid fast: write NAME=VALUE",
    ("fast=",): "there is no value in it",
    (): "no grid is given",
    ("fast=1:9999", "slow=2:99999"): "more than 100,000,000",
    ("fast=1:9999999999",): "widen the step",
}


@pytest.mark.parametrize("texts", BAD, ids=" ".join)
def test_a_bad_grid_says_what_to_write(texts: tuple[str, ...]) -> None:
    """A grid that can't be read names the parameter, what was written and what to write."""
    with pytest.raises(UsageError) as told:
        grid(*texts)
    assert BAD[texts] in str(told.value)


def test_a_parameter_is_swept_or_fixed() -> None:
    """One parameter can't be both, and a grid of which nothing is allowed says why."""
    with pytest.raises(UsageError, match=r"'fast' is swept by --grid and fixed by --param"):
        grid("fast=5:9", fast="5")
    with pytest.raises(UsageError, match="none of the 5 combinations is allowed: fast = 50"):
        grid("fast=50:55", slow="9").chosen(None, 7)
