"""A server of Kite's protocol for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alphapanda.log import redact
from tests.support.kite import Kite, serving


@pytest.fixture
def kite() -> Iterator[Kite]:
    """Give a server that answers as the test says."""
    with serving() as server:
        yield server
    redact.forget()
