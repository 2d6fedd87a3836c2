"""Where the shared reference material lies, for the tests that compare with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2].parent / "shared"


def shared(*parts: str) -> Path:
    """Return a path within the folder `shared` beside the repository.

    Skips the test when it is absent; in CI that is a failure.
    """
    path = FOLDER.joinpath(*parts)
    if path.exists():
        return path
    reason = f"{Path('../shared', *parts)} is absent: nothing to compare with"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
