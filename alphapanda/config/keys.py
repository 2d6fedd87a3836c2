"""The key of an installation, and an environment that is one's own."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from alphapanda.config.settings import PREFIX

KEY_BYTES = 32
SHARED = f"{PREFIX}CACHE_DIR"
"""The one setting that every installation of a user may share: compiled loops serve every run."""


def new_key() -> str:
    """Return a random key for `security.key`, as base64."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def environment_of(base: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an installation in a folder of its own.

    None of the user's settings is in it but where compiled loops are kept; `given` are its own, by
    their names without the prefix.
    """
    kept = {
        name: value for name, value in os.environ.items()
        if name == SHARED or not name.startswith(PREFIX)
    }  # fmt: skip
    own = {"BASE_DIR": str(base), **given}
    return kept | {f"{PREFIX}{name}": value for name, value in own.items()}
