"""Which shares have derivatives, by day, where no file of the exchange's contracts says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from alphapanda.model.dated import TABLES, Steps, a_date, in_force, read_table, rows_of

PATH = TABLES / "derivatives.toml"


def has_derivatives(symbol: str, day: date) -> bool:
    """Say if a share has futures on a day; before the list's first day as on that."""
    steps = _listed().get(symbol, ())
    return bool(in_force(steps, max(day, known_from())))


def known_from() -> date:
    """Return the list's first day."""
    return a_date(_rows()[0].get("from"), f"{PATH}, from")


def known_until() -> date:
    """Return the last day on which the list is known to be right."""
    return a_date(_content().get("until"), f"{PATH}, until")


@cache
def _content() -> dict[str, Any]:
    return read_table(PATH)


def _rows() -> list[dict[str, Any]]:
    return rows_of(PATH, _content(), "change")


@cache
def _listed() -> Mapping[str, Steps[bool]]:
    found: dict[str, list[tuple[date, bool]]] = {}
    for number, row in enumerate(_rows(), 1):
        day = a_date(row.get("from"), f"{PATH}, [[change]] number {number}, from")
        for listed, name in ((True, "add"), (False, "remove")):
            for symbol in row.get(name, ()):
                found.setdefault(symbol, []).append((day, listed))
    return found
