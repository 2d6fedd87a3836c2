"""What commands and reports say in words, beside their control rows, whose fields are all ints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from alphapanda.model.rows import Control


class CommandTexts(NamedTuple):
    """The words of an operator's command."""

    command: str
    """Its id."""
    by: str = ""
    reason: str = ""


class ReportTexts(NamedTuple):
    """The words of a broker's report."""

    broker_order_id: str = ""
    trade_id: str = ""
    text: str = ""
    """The broker's own words."""


class AdoptTexts(NamedTuple):
    """The words of a command that takes an order of the broker's for a strategy's."""

    command: str
    by: str = ""
    reason: str = ""
    broker_order_id: str = ""


Texts = CommandTexts | ReportTexts | AdoptTexts
WORDS = (len(CommandTexts._fields), len(AdoptTexts._fields))
"""How many words each has: the last alone has one more."""
SHAPES: dict[int, type[CommandTexts | ReportTexts | AdoptTexts]] = {
    Control.REPORT: ReportTexts, Control.ADOPT: AdoptTexts,
}  # fmt: skip
"""By kind of the control row, where they are no plain command's."""
PART = "/"
"""Between the number of a trade and that of a part of it, from the second on."""


def worded(controls: Any) -> Any:
    """Return by control row if it has words beside it: what was numbered as it came in has."""
    return (controls["kind"] >= Control.KILL) & (controls["c"] != 0)


def texts_of(controls: Any, words: Iterable[Sequence[str]]) -> tuple[Texts, ...]:
    """Return the words of control rows, in order, as texts of commands or of reports."""
    kinds = controls["kind"][np.flatnonzero(worded(controls))].tolist()
    made: list[Texts] = []
    for number, each in enumerate(words):
        kind = kinds[number] if number < len(kinds) else Control.KILL
        made.append(SHAPES.get(kind, CommandTexts)(*each))
    return tuple(made)


def commands(texts: Iterable[Texts]) -> list[str]:
    """Return the ids of the commands among texts."""
    return [each.command for each in texts if isinstance(each, CommandTexts | AdoptTexts)]


def adopted(controls: Any, texts: Sequence[Texts]) -> dict[int, str]:
    """Return which of the broker's orders commands take over, by the commands' numbers."""
    numbers = controls["c"][worded(controls)].tolist()
    named = zip(numbers, texts, strict=False)  # beside a core alone there are no words
    return {number: each.broker_order_id for number, each in named if isinstance(each, AdoptTexts)}


def part_id(trade_id: str, number: int) -> str:
    """Return the number of a part of a trade: one may close what several strategies hold."""
    return trade_id if number == 1 else f"{trade_id}{PART}{number}"
