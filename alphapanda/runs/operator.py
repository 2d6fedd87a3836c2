"""The operator of a running core: commands of its inbox become control rows, and are settled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alphapanda.books.state import OrderRole, OrderState
from alphapanda.brokers.ports import ForeignOrder
from alphapanda.engine.controls import Controls
from alphapanda.engine.engine import Engine
from alphapanda.model.commands import Verb
from alphapanda.model.instruments import Product
from alphapanda.model.rows import CONTROL
from alphapanda.model.texts import AdoptTexts, CommandTexts, Texts
from alphapanda.runs.commands import SCOPES, Command, Refusal, number_of
from alphapanda.runs.inbox import CommandInbox, Decide

NO_CONTROLS = np.empty(0, CONTROL)
Find = Callable[[str], ForeignOrder | str]
"""Returns an order of the broker's that no run sent, by its number there; or why it can't be
taken over."""


def find_none(_order_id: str) -> ForeignOrder | str:
    """Find no order: this run sends none."""
    return "this run sends no orders to a broker"


class Operator:
    """Takes commands out of an inbox, and settles them once a journal has them.

    `given` commands were applied before; the next one has the number behind it.
    """

    def __init__(
        self, inbox: CommandInbox, engine: Engine, strategies: Sequence[str],
        instruments: Sequence[str], *, given: int = 0,
    ) -> None:  # fmt: skip
        self.given = given
        self._inbox = inbox
        self._engine = engine
        self._strategies = strategies
        self._instruments = instruments
        self._taken: list[Command] = []
        self._find: Find = find_none
        self._adopted: set[str] = set()
        """What this process has taken over: the broker's side may not know yet."""

    def decide_with(self, decide: Decide, find: Find) -> None:
        """Let decisions about orders be carried out, and others' orders be found, by who sends."""
        self._inbox.decide = decide
        self._find = find

    def take(self, ts: int) -> tuple[Controls, tuple[Texts, ...]]:
        """Return the control rows of the commands that wait, at the time `ts`, and their texts."""
        taken: list[tuple[Command, int, ForeignOrder | None]] = []
        for command in self._inbox.due():
            number = number_of(command, self._strategies, self._instruments)
            order = self._order_of(command, number)
            if isinstance(number, Refusal):
                self._inbox.refuse(command, number)
            elif isinstance(order, Refusal):
                self._inbox.refuse(command, order)
            else:
                taken.append((command, number, order))
        if not taken:
            return NO_CONTROLS, ()
        controls = np.zeros(len(taken), CONTROL)
        controls["ts"] = ts
        for place, (command, number, order) in enumerate(taken):
            row = controls[place]
            row["kind"], row["a"], row["b"] = command.verb.control, SCOPES[command.scope], number
            self.given += 1
            row["c"], row["d"] = self.given, command.requested_ns
            if order is not None:
                row["row"], row["qty"] = self._instruments.index(order.name), order.qty
                row["price"], row["trigger"] = order.price, order.trigger
                row["reason"] = order.product
        self._taken = [command for command, _, _ in taken]
        return controls, tuple(map(texts_of, self._taken))

    def _order_of(self, command: Command, number: int | Refusal) -> ForeignOrder | Refusal | None:
        if command.verb is not Verb.ADOPT or isinstance(number, Refusal):
            return None
        if command.scope != "strategy":
            return Refusal("adopt names the strategy that takes the order")
        if command.order_id in self._adopted:
            return Refusal(f"{command.order_id} has been adopted already")
        found = self._find(command.order_id)
        why = found if isinstance(found, str) else unfit(
            self._engine, found, number, self._strategies, self._instruments
        )  # fmt: skip
        if why:
            return Refusal(why)
        self._adopted.add(command.order_id)
        assert isinstance(found, ForeignOrder)
        return found

    def settle(self) -> None:
        """Note what the commands taken last did; they are in the journal by now."""
        taken, self._taken = self._taken, []
        for command in taken:
            self._inbox.settle(command, {"applied_ns": time.time_ns(), **standing(self._engine)})


def texts_of(command: Command) -> Texts:
    """Return the words of a command."""
    words = command.id, command.by, command.reason
    adopts = command.verb is Verb.ADOPT
    return AdoptTexts(*words, command.order_id) if adopts else CommandTexts(*words)


def unfit(
    engine: Engine, order: ForeignOrder, strategy: int, strategies: Sequence[str],
    instruments: Sequence[str],
) -> str:  # fmt: skip
    """Return why an order can't be a strategy's; empty: it can."""
    name, mine = order.name, strategies[strategy]
    if name not in instruments:
        return f"the order is of {name}, which this run does not trade"
    place = strategy * len(instruments) + instruments.index(name)
    if engine.tables["binds"][place]["instance"] < 0:
        return f"{mine} does not trade {name}"
    trades = int(engine.tables["positions"][place]["product"])
    if trades != order.product:
        return (
            f"the order is {Product(order.product).name}, and {mine} trades {name} as "
            f"{Product(trades).name}: convert it at Kite, or adopt it for another strategy"
        )
    clock = engine.tables["clock"][0]
    if clock["slots"] <= clock["reserved"]:
        return "the run has as many orders working as it can keep"
    return ""


def standing(engine: Engine) -> dict[str, Any]:
    """Return what a stop leaves standing: positions, those with a stop, and working orders."""
    tables = engine.tables
    instruments = len(tables["instruments"])
    held = np.flatnonzero(tables["positions"]["qty"])
    orders = tables["orders"][tables["orders"]["id"] != 0]
    live = orders[orders["state"] != OrderState.CLOSED]
    stops = live[live["role"] == OrderRole.STOP]
    covered = {int(s) * instruments + int(r) for s, r in zip(stops["strategy"], stops["row"],
                                                            strict=True)}  # fmt: skip
    return {
        "positions": len(held),
        "with_stop": len(covered.intersection(held.tolist())),
        "working": len(live),
    }
