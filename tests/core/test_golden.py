"""The core says of two made-up days what it has always said; a change here changes a meaning."""

from __future__ import annotations

import json

import pytest

from tests.golden.rewrite import DAYS, FILE, said, written


@pytest.mark.parametrize("name", DAYS)
def test_a_day_is_told_as_before(name: str) -> None:
    """First rows, counts and digest equal the committed ones (`python -m tests.golden.rewrite`)."""
    expected, found = json.loads(FILE.read_text())[name], said(name)
    assert found["fields"] == expected["fields"]
    for row, before in zip(found["first"], expected["first"], strict=True):
        assert row == before
    assert found["rows"] == expected["rows"]
    assert found["digest"] == expected["digest"]


def test_the_file_is_what_rewrite_writes() -> None:
    """The committed file is the rewriter's own, byte for byte."""
    assert FILE.read_text() == written()
