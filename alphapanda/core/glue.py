"""The seams between the loop and what a run declares; the generator writes their bodies.

These are the plainest bodies that make sense: no rules, no strategies. The loop, the gate and the
clock call them by these names, and each generated module defines its own.
"""

from __future__ import annotations

from alphapanda.books.state import Core, Record


def refusal(core: Core, request: Record) -> int:
    """Return the code of the first risk rule that refuses a request, or 0."""
    return 0


def closing_refusal(core: Core, request: Record) -> int:
    """Return the code of the first rule that refuses a flatten's closing order, or 0."""
    return 0


def update_bar(core: Core, interval: int, row: int) -> None:
    """Update the indicators on a bar that is complete."""


def close_bar(core: Core, interval: int, row: int) -> None:
    """Queue the on_bar hooks of a bar that has ended."""


def open_session(core: Core, row: int) -> None:
    """Reset the indicators on an instrument that begin anew with each session."""


def see_row(core: Core, row: int) -> None:
    """Update the indicators and bars that a market row feeds."""


def decide(core: Core, row: int) -> None:
    """Call on_tick (or on_bar of input bars) of the strategies bound to an instrument."""


def dispatch(core: Core, entry: Record) -> None:
    """Call one queued hook."""
