"""Tags as numbers: every text and every number comes back, and what is none is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.model.tags import LETTERS, LONGEST, read_tag, tag_number, tag_text


@given(st.text(LETTERS, max_size=LONGEST))
def test_a_tag_comes_back(text: str) -> None:
    """Its number is an int64 that says it."""
    number = tag_number(text)
    assert 0 <= number < 1 << 63
    assert tag_text(number) == text
    assert read_tag(text) == number


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_number_comes_back(number: int) -> None:
    """What a row holds can be written and read, whatever it is."""
    assert read_tag(tag_text(number)) == number


@pytest.mark.parametrize("text", ["Gap", "#1", "#x", "gap up", "gap_up", "a" * (LONGEST + 1), "é"])
def test_what_is_none_is_refused(text: str) -> None:
    """The message says what to write."""
    with pytest.raises(ValueError, match=r"a-z, 0-9 and -, such as gap-up"):
        tag_number(text)
