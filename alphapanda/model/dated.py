"""Tables whose rows hold from a date on: reading them from TOML, finding the one in force."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from alphapanda.errors import UsageError

TABLES = Path(__file__).with_name("tables")
"""Where the tables that come with the package lie."""

T = TypeVar("T")

Steps = Sequence[tuple[date, T]]
"""(first day, value), rising by day; a value holds until the next one's first day."""


def read_table(path: Path) -> dict[str, Any]:
    """Return a TOML file's content.

    Raises: UsageError when it cannot be read or is no TOML.
    """
    import tomllib  # noqa: PLC0415 (here, so that programs that read no table do not pay for it)

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}.") from error


def rows_of(path: Path, content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the [[name]] tables of a TOML file's content.

    Raises: UsageError when there is none, or something else of that name.
    """
    rows = content.get(name)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path}: no [[{name}]] table.")
    return rows


def in_force(steps: Steps[T], day: date) -> T | None:
    """Return the value of the newest step not after the day, None before the first."""
    place = bisect_right(steps, day, key=lambda step: step[0])
    return steps[place - 1][1] if place else None


def a_date(value: object, where: str) -> date:
    """Return a TOML value that must be a date.

    Raises: UsageError otherwise.
    """
    if type(value) is not date:
        raise UsageError(f"{where}: {value!r} is not a date (write 2026-08-03, without quotes).")
    return value
