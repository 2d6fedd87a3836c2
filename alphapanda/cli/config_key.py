"""`alphapanda config key`: a new random key on stdout."""

from __future__ import annotations

import sys

from alphapanda.config.keys import new_key


def config_key() -> None:
    """Make up a key for ALPHAPANDA_SECURITY__KEY."""
    sys.stdout.write(new_key() + "\n")
