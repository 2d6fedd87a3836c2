"""`alphapanda config key`: a new random key on stdout."""

from __future__ import annotations

import base64
import os
import sys

KEY_BYTES = 32


def config_key() -> None:
    """Make up a key for ALPHAPANDA_SECURITY__KEY."""
    sys.stdout.write(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
