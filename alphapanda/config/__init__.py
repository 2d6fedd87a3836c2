"""The settings of this installation, read anew at each call: the one place that knows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

_withheld: list[bool] = []


def load() -> Settings:
    """Read the environment, `.env` and `alphapanda.toml`; what comes first wins.

    Raises:
        UsageError: if a setting does not exist or its value may not be; the message names it.
    """
    from alphapanda.config import settings  # noqa: PLC0415 (pydantic-settings is slow to import)

    found = settings.read()
    return found.without_broker() if _withheld else found


@contextmanager
def broker_withheld() -> Iterator[None]:
    """Let nothing in this process have what it takes to reach a broker: no key and no token.

    The key that opens stored tokens is withheld too.
    """
    _withheld.append(True)
    try:
        yield
    finally:
        _withheld.pop()
