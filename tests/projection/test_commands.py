"""Commands in the tables and on the board: counted, shown, and what they end is ended."""

from __future__ import annotations

from alphapanda.events.events import EventType, RunStatus
from alphapanda.projection.changes import of_system
from alphapanda.projection.fold import Fold
from alphapanda.store.trading import Run
from alphapanda.store.words import OrderStatus
from tests.events.test_command_events import whole


def test_commands_are_counted_and_what_they_end_is_ended() -> None:
    """Every event of a day with all verbs is taken in; an operator's cancel has its reason."""
    envelopes, _ = whole()
    run = Run(
        run_id="run", broker="paper", strategies=[], status=RunStatus.RUNNING, seq=-1,
        started_ns=envelopes[0].ts, owner_id="owner", account_id="account",
    )  # fmt: skip
    fold = Fold(run)
    for event in envelopes:
        fold.take(event)
    assert run.seq == len(envelopes) - 1
    assert fold.stages[str(EventType.COMMAND)].count == 7
    assert "refused" not in fold.stages
    assert {row.status for row in fold.orders.values()} == {
        OrderStatus.FILLED, OrderStatus.CANCELLED,
    }  # fmt: skip
    assert sum(row.quantity for row in fold.positions.values()) == 0


def test_the_board_shows_the_last_command() -> None:
    """It stands under its run, with its sender."""
    last = [event for event in whole()[0] if event.type is EventType.COMMAND][-1]
    change = of_system(last)
    assert (change.part, change.name) == ("system", "command/run")
    assert change.value is not None
    assert (change.value["verb"], change.value["by"]) == ("cancel", "Priya")
