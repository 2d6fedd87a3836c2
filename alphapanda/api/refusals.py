"""Refusals in words: what the rule saw, what it allows, in the units of a trader."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from alphapanda.model.limits import Unit
from alphapanda.model.money import text
from alphapanda.rules import modules
from alphapanda.store.trading import Signal

NEVER_NS = 10 * 365 * 86_400 * 10**9
"""An age as great is that of a price whose time is 0: there was none."""
OF_THE_GATE = {
    "UNKNOWN_ORDER": "there is no such working order",
    "ORDER_CAPACITY": "no more orders fit",
}
"""Refusals of the gate itself; those of a rule its own file puts into words."""


@cache
def words() -> Mapping[str, tuple[str, Unit]]:
    """Return how each code is put into words, and what its value and limit are numbers of."""
    of_rules = {r.CODE.name: (r.SAYS, getattr(r, "UNIT", Unit.COUNT)) for r in modules()}
    return {**of_rules, **{code: (text, Unit.COUNT) for code, text in OF_THE_GATE.items()}}


def sentence(row: Signal) -> str | None:
    """Return why a signal was refused, or None if it was not."""
    if row.code is None:
        return None
    pattern, unit = words().get(row.code.upper(), (f"refused by the rule {row.code}", Unit.COUNT))
    if unit == Unit.TIME and row.value is not None and row.value >= NEVER_NS:
        return "no price has come yet"
    write = {Unit.MONEY: rupees, Unit.TIME: seconds}.get(unit, count)
    return pattern.format(value=write(row.value), limit=write(row.bound))


def rupees(scaled: int | None) -> str:
    """Return money as text."""
    return "unknown" if scaled is None else text(scaled)


def seconds(ns: int | None) -> str:
    """Return a length of time as text."""
    return "unknown" if ns is None else f"{ns / 10**9:,.1f} s"


def count(number: int | None) -> str:
    """Return a count as text."""
    return "unknown" if number is None else f"{number:,}"
