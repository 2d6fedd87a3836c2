"""Packages that only some sweeps need."""

from __future__ import annotations

from importlib.util import find_spec

from alphapanda.errors import UsageError


def check_installed(package: str, option: str, extra: str) -> None:
    """Refuse an option whose package is missing.

    Raises:
        UsageError: it says how to install it.
    """
    if not there(package):
        raise UsageError(f'{option}: {package} is not installed: pip install "alphapanda[{extra}]"')


def there(package: str) -> bool:
    """Say if a package is installed."""
    try:
        return find_spec(package) is not None
    except ValueError:  # somebody has kept it from being imported
        return False
