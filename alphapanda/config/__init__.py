"""The settings of this installation, read anew at each call: the one place that knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings


def load() -> Settings:
    """Read the environment, `.env` and `alphapanda.toml`; what comes first wins.

    Raises:
        UsageError: if a setting does not exist or its value may not be; the message names it.
    """
    from alphapanda.config import settings  # noqa: PLC0415 (pydantic-settings is slow to import)

    return settings.read()
