"""Conditions on parameters: what they leave, and that nothing in them runs as code."""

from __future__ import annotations

from itertools import product

import pytest

import alphapanda
from alphapanda.errors import UsageError
from alphapanda.sweeps.where import condition
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, bars

NAMES = ("fast", "slow", "edge")
TRUE = [
    "fast < slow", "fast<slow and edge>=0", "not fast >= slow", "2 * fast <= slow or edge == 0",
    "1 < fast < slow < 100", "slow // fast != 3", "slow % 7 == 2", "slow - fast > -1.5",
    "(fast + slow) / 2 >= 4", "abs(fast - slow) > min(edge, 1)", "max(fast, slow, 9) == 9",
    "+fast > -slow", "fast == 5.0", "not (fast > 3 and slow > 9)",
]  # fmt: skip


@pytest.mark.parametrize("text", TRUE)
def test_a_condition_means_what_python_means(text: str) -> None:
    """On many values it is true exactly where Python's own reading of the text is."""
    found = condition(text, NAMES)
    assert found is not None
    for fast, slow, edge in product((1, 3, 5, 9), (2, 3, 9, 30), (0.0, 0.5)):
        values = {"fast": fast, "slow": slow, "edge": edge}
        names = {"abs": abs, "min": min, "max": max, **values}
        assert found.holds(values) is bool(eval(text, {"__builtins__": {}}, names)), values


REFUSED = {
    "__import__('os').system('touch owned')": "neither true nor false",
    "__import__('os') == 1": "is refused; write abs",
    "fast.__class__ == 1": "'fast.__class__' is no number",
    "fast[0] < 1": "is no number",
    "(lambda: 1)() < 2": "is refused",
    "[x for x in (1,)] < 2": "is no number",
    "9 ** 9 ** 9 > fast": "'9 ** 9 ** 9' is no number",
    "1 << 999999999 > fast": "is no number",
    "'a' * 999 < fast": "is no number",
    "f'{fast}' < slow": "is no number",
    "(fast := 3) < slow": "is no number",
    "fast < slow if edge else slow": "neither true nor false",
    "True": "neither true nor false",
    "fast": "'fast' is neither true nor false; write a comparison",
    "fast and slow": "neither true nor false",
    "(fast < slow) < 1": "is no number",
    "fast in slow": "compare with <, <=, >, >=, == or !=",
    "fast is 3": "compare with",
    "fast = slow": "equal is ==",
    "fast <": "can't be read; write a comparison",
    "": "can't be read",
    "fast < 1; slow > 2": "can't be read",
    "fast < slwo": "no parameter 'slwo'. Did you mean slow?",
    "abs(fast, slow) < 1": "is refused; write abs(a)",
    "min(*fast) < 1": "write abs(a), min(a, b)",
    "max(fast, key=1) < 1": "write abs(a), min(a, b)",
    "fast < 1j": "is no number",
    "fast < 1\0": "can't be read",
    "-" * 900 + "fast < 1": "",
    "(" * 300 + "fast" + ")" * 300 + " < 1": "can't be read",
    "not " * 100 + "fast < 1": "nested deeper than 40",
    "fast < 1" + " or fast < 1" * 200: "longer than 1,000 characters",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30].replace("\0", "NUL"))
def test_all_else_is_refused(text: str) -> None:
    """Code, names, powers, texts and what is no comparison are refused before anything runs."""
    with pytest.raises(UsageError, match="--where") as told:
        condition(text, NAMES)
    assert REFUSED[text] in str(told.value)


def test_what_cannot_be_worked_out_names_the_combination() -> None:
    """A division by zero is told with the parameters at which it happens."""
    found = condition("slow / (fast - 5) > 2", NAMES)
    assert found is not None
    assert not found.holds({"fast": 6, "slow": 1})
    with pytest.raises(UsageError, match="division by zero, with fast=5, slow=1"):
        found.holds({"fast": 5, "slow": 1})


def test_a_condition_is_a_text_or_several() -> None:
    """Several must all hold; anything that is no text is refused."""
    both = condition(["fast < slow", "slow < 9"], NAMES)
    assert both is not None
    assert both.holds({"fast": 1, "slow": 8})
    assert not both.holds({"fast": 1, "slow": 9})
    assert condition(None, NAMES) is None
    for given in (7, abs, [1]):
        with pytest.raises(UsageError, match="--where is a text or a list of texts"):
            condition(given, NAMES)


@pytest.mark.core
def test_a_sweep_leaves_combinations_out_and_counts_them() -> None:
    """Only those that satisfy it are run; the count stands beside those the strategy refuses."""
    whole = alphapanda.sweep(SMA_CROSS, bars(), grid=GRID, metric="pnl", **WAYS)
    part = alphapanda.sweep(
        SMA_CROSS, bars(), grid=GRID, where="2 * fast < slow", metric="pnl", **WAYS
    )
    rows = [row for row in whole.table.to_pylist() if 2 * row["fast"] < row["slow"]]
    assert part.table.to_pylist() == rows
    assert part.summary["combos"] == len(rows) == 6
    assert (whole.summary["skipped"], part.summary["skipped"]) == (2, 0)
    assert part.summary["left_out"] == 3
    assert part.summary["where"] == ["2 * fast < slow"]
    with pytest.raises(UsageError, match="none of the 9 combinations is left by --where"):
        alphapanda.sweep(SMA_CROSS, bars(), grid=GRID, where="fast > slow", **WAYS)
