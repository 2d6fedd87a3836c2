"""Corporate actions by a dated file: what they do to prices and volumes before their day."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path

from alphapanda.data.names import full_name
from alphapanda.errors import UsageError

HEAD = ("instrument", "ex_date", "kind", "from", "to")
SPLIT, BONUS, DIVIDEND, CONSOLIDATION = "split", "bonus", "dividend", "consolidation"
KINDS = (SPLIT, BONUS, DIVIDEND, CONSOLIDATION)


@dataclass(frozen=True, slots=True)
class Action:
    """One corporate action: on its day the share trades without what came with it before."""

    instrument: str
    ex_date: date
    kind: str
    shares: Fraction
    """How many a share became: 5 of a split of Rs 10 to Rs 2; 1 of a dividend."""
    rupees: Decimal = Decimal(0)
    """Of a dividend, a share."""

    def __str__(self) -> str:
        return f"{self.instrument}, {self.kind} of {self.ex_date}"


def read_actions(path: Path) -> tuple[Action, ...]:
    """Return the actions in a CSV of instrument,ex_date,kind,from,to.

    A split says face values (10,2) or shares (1,5): it always makes more of them; fewer are a
    consolidation. A bonus says for how many shares (from) how many more there are (to). A dividend
    says its rupees a share in `to`.

    Raises: UsageError naming file, line and field of what does not fit.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--corporate-actions {path}: cannot be read ({error}).") from error
    if not rows or tuple(cell.lower() for cell in rows[0]) != HEAD:
        raise UsageError(f"--corporate-actions {path}, line 1: write the head {','.join(HEAD)}.")
    found: dict[Action, int] = {}
    for number, row in enumerate(rows[1:], 2):
        if any(row):
            where = f"--corporate-actions {path}, line {number}"
            action = _action(row, where)
            first = found.setdefault(action, number)
            if first != number:
                raise UsageError(f"{where}: {action} is on line {first} already: take one away.")
    return tuple(found)


def idle(actions: Iterable[Action], why: str) -> list[str]:
    """Return that some actions changed nothing: their names may be written otherwise."""
    return [f"--corporate-actions: {action}: {why}" for action in actions]


def of_instrument(actions: Iterable[Action], name: str) -> list[Action]:
    """Return the actions of an instrument by day."""
    return sorted(
        (each for each in actions if each.instrument == name), key=lambda each: each.ex_date
    )


def _action(row: list[str], where: str) -> Action:
    if len(row) != len(HEAD):
        raise UsageError(f"{where}: {len(row)} fields instead of {len(HEAD)}: {','.join(HEAD)}.")
    name, day, kind, before, after = row
    if not name:
        raise UsageError(f"{where}: instrument is empty: write NSE:INFY.")
    try:
        ex_date = date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{where}: ex_date {day!r}: write 2025-07-01.") from None
    kind = kind.lower()
    if kind not in KINDS:
        raise UsageError(f"{where}: kind {kind!r}: write {', '.join(KINDS)}.")
    to = _number(after, "to", where)
    if kind == DIVIDEND:
        return Action(full_name(name, None), ex_date, kind, Fraction(1), to)
    ratio = Fraction(to) / Fraction(_number(before, "from", where))
    if kind == BONUS:
        ratio += 1
    elif (kind == SPLIT) == (ratio < 1):
        ratio = 1 / ratio
    return Action(full_name(name, None), ex_date, kind, ratio)


def _number(text: str, field: str, where: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise UsageError(f"{where}: {field} {text!r}: write a number above 0.")
    return number
