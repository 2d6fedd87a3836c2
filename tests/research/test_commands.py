"""A run's figures and files with an operator's commands in it."""

from __future__ import annotations

from alphapanda.model.rows import Out
from alphapanda.research.events import Names, event_table
from alphapanda.research.gathering import Gatherer
from tests.events.test_command_events import whole


def test_commands_are_events_like_others() -> None:
    """They are counted and listed by name, with the verb's number in `a`."""
    _, rows = whole()
    names = Names(("cross",), ("NSE:X",))
    gatherer = Gatherer(names, 10_000_000, None)
    gatherer.take(rows)
    assert gatherer.counts[Out.COMMAND] == 7
    table = event_table(rows, names, 0)
    listed = [row for row in table.to_pylist() if row["type"] == "command"]
    assert [row["a"] for row in listed] == [10, 7, 8, 5, 6, 9, 10]
    assert [row["instrument"] for row in listed] == ["NSE:X"] + [None] * 4 + ["NSE:X", None]
