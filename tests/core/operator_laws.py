"""What holds of commands on every day that can be thought of, judged from output rows alone."""

from __future__ import annotations

from typing import Any

from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import Control, Out, Scope
from tests.core.auditor import Books
from tests.support.cases import Case
from tests.support.harness import Played

Pair = tuple[int, int]


class Watch:
    """Follows commands and orders, row by row, and says who may do what."""

    def __init__(self, case: Case) -> None:
        self.pairs = [
            (k, row) for k in range(len(case.acts)) for row in range(len(case.desk.instruments))
        ]
        self.killed: set[tuple[int, int]] = set()
        self.paused: set[tuple[int, int]] = set()
        self.flattened: dict[Pair, int] = {}
        """Place of the last FLATTEN of a pair that no other command followed."""
        self.closes: dict[Pair, int] = {}
        """Place of the last FLATTEN of a pair that no kill followed."""
        self.books = Books()
        self.cancelling: set[int] = set()

    def covered(self, stops: set[tuple[int, int]], pair: Pair) -> bool:
        """Say if any of some stops covers a strategy's trading on an instrument."""
        mine = {(Scope.ACCOUNT, 0), (Scope.STRATEGY, pair[0]), (Scope.INSTRUMENT, pair[1])}
        return bool(mine & stops)

    def command(self, row: Any, place: int) -> None:
        """Take in a command."""
        number = {Scope.ACCOUNT: 0, Scope.STRATEGY: row.strategy, Scope.INSTRUMENT: row.row}
        stop = (Scope(row.b), number[Scope(row.b)])
        touched = [pair for pair in self.pairs if self.covered({stop}, pair)]
        if row.a == Control.KILL:
            self.killed.add(stop)
        elif row.a == Control.REARM:
            self.killed.discard(stop)
        elif row.a in (Control.PAUSE, Control.FLATTEN):
            self.paused.add(stop)
        elif row.a == Control.RESUME:
            self.paused.discard(stop)
        for pair in touched if row.a != Control.CANCEL else ():
            self.flattened.pop(pair, None)
            if row.a == Control.KILL:
                self.closes.pop(pair, None)
            elif row.a == Control.FLATTEN:
                self.flattened[pair] = self.closes[pair] = place

    def read(self, row: Any, place: int) -> None:
        """Take in a row, and refuse what a stop forbids."""
        pair = row.strategy, row.row
        if row.type == Out.COMMAND:
            self.command(row, place)
        elif row.type == Out.KILLED and row.a != RejectionCode.KILLED:
            self.killed.add((Scope(row.b), max(pair[0], 0)))
        elif row.type == Out.CANCEL:
            self.cancelling.add(row.order)
        elif row.type == Out.VALIDATED and self.covered(self.killed, pair):
            assert pair in self.closes, "a killed strategy sends an order"
        elif row.type == Out.FILL and self.covered(self.paused, pair):
            before = self.books.held[pair]
            grows = abs(row.c) > abs(before) or row.c * before < 0
            assert not grows or row.order in self.cancelling, "a paused position grows"
        self.books.take([row])


def stops_hold_until_they_are_lifted(case: Case, played: Played) -> None:
    """Killed, nothing is sent but by a later flatten; paused, no position grows or turns.

    The exception are orders whose cancellation was on its way before their fill.
    """
    watch = Watch(case)
    for place, row in enumerate(played.rows):
        watch.read(row, place)


def a_flatten_ends_flat_or_says_why(case: Case, played: Played) -> None:
    """What was flattened last is flat at the end, or a row behind it says what was in the way."""
    watch, rows = Watch(case), played.rows
    for place, row in enumerate(rows):
        watch.read(row, place)
    for pair, place in watch.flattened.items():
        behind = [row for row in rows[place:] if (row.strategy, row.row) == pair]
        why = {Out.REJECTED, Out.EXPIRED}
        assert watch.books.held[pair] == 0 or any(row.type in why for row in behind)


def every_command_is_told_once_before_its_effects(case: Case, played: Played) -> None:
    """Each command that an operator sent has one row, in order, the first of its control row."""
    events = [row for row in case.events.tolist() if row[2] >= Control.KILL]
    told = [row for row in played.rows if row.type == Out.COMMAND]
    assert [(r.a, r.b, r.c, r.d) for r in told] == [
        (kind, a, c, d) for _, _, kind, a, _, c, d, *_ in events
    ]
    first: dict[int, Out] = {}
    for row in played.rows:
        first.setdefault(row.cause, row.type)
    assert all(first[row.cause] == Out.COMMAND for row in told)
