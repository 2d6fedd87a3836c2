"""What all tests share: one cache of compiled loops, kept from one session to the next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> None:
    """Keep compiled loops in build/, unless a cache was chosen: a new shape costs some 15 s."""
    os.environ.setdefault("ALPHAPANDA_CACHE_DIR", str(ROOT / "build" / "compiled"))
