"""`alphapanda config example`: `.env.example` on stdout."""

from __future__ import annotations

import sys

from alphapanda.config import show


def config_example() -> None:
    """Print an .env with every setting, its meaning and its default."""
    sys.stdout.write(show.example())
