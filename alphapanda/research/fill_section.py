"""The part of a live run's page that sets its fills beside those of paper: a table and a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from alphapanda.research.pack import Pack
from alphapanda.research.table import DASH, count, duration

PARTS = 1_000
"""A tick, or a rupee, in the whole numbers of a page."""


def add_fill_errors(
    pack: Pack, told: Mapping[str, Any], points: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Add the plot's columns to a page; return what the page says beside them.

    `told` and `points` are those of `calibration/fill_errors.py`: times in ns, errors in ticks.
    """
    pack.add("error_ts", np.asarray(points["ts"], np.int64) // 1_000_000)
    pack.add("error", np.asarray(points["error"], float) * PARTS)
    pack.add("error_kind", points["kind"])
    return {
        "unit": "ticks" if points["in_ticks"][0] else "rupees a share",
        "rows": list(rows(told)), "lines": list(lines(told)),
    }  # fmt: skip


def rows(told: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the table's rows: all orders, then by type, then by the hour they were sent in."""
    yield row("all", told["all"])
    for name, each in told["by_type"].items():
        yield row(name, each)
    for name, each in told["by_time"].items():
        yield row(name, each)


def row(name: str, each: Mapping[str, Any]) -> list[str]:
    """Return one row of the table."""
    counts = [count(each[key]) for key in ("filled_in_both", "only_live", "only_paper")]
    figures = ("ticks_p50", "ticks_p95", "bias_ticks", "rupees_p50", "rupees_p95")
    later = DASH if each["later_ms_p50"] is None else duration(each["later_ms_p50"] / 1e3)
    shown = [DASH if each[key] is None else str(each[key]) for key in figures]
    return [name, *counts, *shown, later]


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is to be known beside the table."""
    paper = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told["paper"].items())
    yield (
        f"What paper matching fills of the same {count(told['orders'])} orders on the same rows "
        f"({paper}). Errors are live less paper: above 0 live was worse."
    )
    yield from unlike(told, "only_live", "Filled live and not on paper")
    yield from unlike(told, "only_paper", "Filled on paper and not live")
    if told["filled_differently"]:
        number = count(told["filled_differently"])
        yield f"{number} orders were filled in both, to another quantity."
    for reason, number in told["not_at_exchange"].items():
        yield f"{count(number)} orders never were at the exchange ({reason}): left out."
    if told["rows_missed"]:
        number = count(told["rows_missed"])
        yield f"{number} rows of the feed never came: paper could not fill on them."


def unlike(told: Mapping[str, Any], key: str, what: str) -> Iterator[str]:
    """Yield which orders were filled in one only, if any was."""
    numbers = told[f"{key}_orders"]
    if numbers:
        more = told[key] - len(numbers)
        rest = f" and {count(more)} more" if more else ""
        yield f"{what}: order {', '.join(map(str, numbers))}{rest}."
