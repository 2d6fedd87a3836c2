"""Intervals such as `5m` as ns, and back."""

from __future__ import annotations

import re

from alphapanda.errors import UsageError

SECOND = 1_000_000_000
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND}
WRITTEN = re.compile(
    r"0*([1-9]\d*)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)", re.IGNORECASE
)


def parse_interval(text: str) -> int:
    """Return an interval such as `30s`, `5m`, `60minute` or `1d` in ns.

    Raises:
        UsageError: for any other text.
    """
    found = WRITTEN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is not an interval: write 30s, 5m, 60m or 1d")
    return int(found[1]) * UNITS[found[2][0].lower()]


def parse_bars(text: str) -> int:
    """Return the interval of bars that are to be made, in ns: within a day, or a day.

    Raises:
        UsageError: for any other.
    """
    interval_ns = parse_interval(text)
    if interval_ns > UNITS["d"]:
        raise UsageError(f"--bars {text}: bars are made within a day, or of one: write 1d at most")
    return interval_ns


def interval_text(interval_ns: int) -> str:
    """Return an interval as a user writes it: 1m, 60m, 1d."""
    for unit in ("d", "m", "s"):
        count, rest = divmod(interval_ns, UNITS[unit])
        if rest == 0:
            return f"{count}{unit}"
    return f"{interval_ns}ns"
