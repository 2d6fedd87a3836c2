"""The operator of a running core: commands of its inbox become control rows, and are settled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from alphapanda.books.state import OrderRole, OrderState
from alphapanda.engine.controls import Controls
from alphapanda.engine.engine import Engine
from alphapanda.model.rows import CONTROL
from alphapanda.model.texts import CommandTexts
from alphapanda.runs.commands import SCOPES, Command, Refusal, number_of
from alphapanda.runs.inbox import CommandInbox, Decide

NO_CONTROLS = np.empty(0, CONTROL)


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

    def decide_with(self, decide: Decide) -> None:
        """Let decisions about orders be carried out by whoever sends them."""
        self._inbox.decide = decide

    def take(self, ts: int) -> tuple[Controls, tuple[CommandTexts, ...]]:
        """Return the control rows of the commands that wait, at the time `ts`, and their texts."""
        taken: list[tuple[Command, int]] = []
        for command in self._inbox.due():
            number = number_of(command, self._strategies, self._instruments)
            if isinstance(number, Refusal):
                self._inbox.refuse(command, number)
            else:
                taken.append((command, number))
        if not taken:
            return NO_CONTROLS, ()
        controls = np.zeros(len(taken), CONTROL)
        controls["ts"] = ts
        for place, (command, number) in enumerate(taken):
            row = controls[place]
            row["kind"], row["a"], row["b"] = command.verb.control, SCOPES[command.scope], number
            self.given += 1
            row["c"], row["d"] = self.given, command.requested_ns
        self._taken = [command for command, _ in taken]
        texts = tuple(CommandTexts(each.id, each.by, each.reason) for each in self._taken)
        return controls, texts

    def settle(self) -> None:
        """Note what the commands taken last did; they are in the journal by now."""
        taken, self._taken = self._taken, []
        for command in taken:
            self._inbox.settle(command, {"applied_ns": time.time_ns(), **standing(self._engine)})


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
