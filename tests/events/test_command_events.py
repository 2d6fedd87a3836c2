"""Commands on the wire: verb, scope, names and words, however the input is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alphapanda import buy, buy_limit
from alphapanda.events.envelopes import Translator
from alphapanda.events.events import Command, Envelope, EventType, decode, encode
from alphapanda.events.payloads import rows_of
from alphapanda.events.topics import topic_of
from alphapanda.model.columns import Columns
from alphapanda.model.commands import Verb
from alphapanda.model.rows import Control, Scope
from alphapanda.model.texts import CommandTexts
from tests.support.harness import SECOND, T0, Desk, controls, opens, present, tick_strategy, ticks

NAMES: dict[str, Any] = {"strategies": ("cross",), "instruments": ("NSE:X",)}
SENT = [
    (Verb.CANCEL, Scope.ACCOUNT, 2),
    (Verb.PAUSE, Scope.ACCOUNT, 0), (Verb.RESUME, Scope.ACCOUNT, 0), (Verb.KILL, Scope.STRATEGY, 0),
    (Verb.REARM, Scope.STRATEGY, 0), (Verb.FLATTEN, Scope.INSTRUMENT, 0),
    (Verb.CANCEL, Scope.ACCOUNT, 99),
]  # fmt: skip
TEXTS = tuple(CommandTexts(f"id-{n}", "Priya", "ब" * n) for n in range(1, len(SENT) + 1))
ROWS = ticks(*[100.0] * 8)


def events(
    batches: list[tuple[Columns, Any, tuple[CommandTexts, ...]]],
) -> tuple[list[Envelope], Any]:
    """Return the envelopes of a day with every verb, and its rows."""
    script = {0: lambda ctx: (buy(ctx, 1), buy_limit(ctx, 1, 1_000))}
    engine = Desk(always=False).engine([tick_strategy(script)], present(ROWS))
    made = Translator("run", broker="paper", feed="feed", **NAMES)
    found: list[Envelope] = []
    rows = []
    for columns, placed, texts in batches:
        said = np.concatenate([chunk.copy() for chunk in engine.feed(columns, placed)])
        found += made.take(said, columns, placed, texts)
        rows.append(said)
    return found, np.concatenate(rows)


def day() -> Any:
    """Return control rows: each verb behind a tick of its own, and a pause that nobody sent."""
    sent = [
        (T0 + n * SECOND + 1, verb.control, scope, number, n, T0 + n)
        for n, (verb, scope, number) in enumerate(SENT, start=1)
    ]
    silent = (T0 + SECOND // 2, Control.RESUME, Scope.ACCOUNT, 0)
    return controls(opens(T0 + 100 * SECOND), silent, *sent, columns=ROWS)


def whole() -> tuple[list[Envelope], Any]:
    """Return the day in one batch."""
    return events([(ROWS, day(), TEXTS)])


def test_a_command_says_who_sent_what() -> None:
    """Each has verb, scope, the names behind its numbers, and its sender's words."""
    told = [each for each in whole()[0] if each.type is EventType.COMMAND]
    assert [each.data.verb for each in told] == [str(verb) for verb, _, _ in SENT]
    assert [(each.data.strategy, each.data.instrument, each.data.name) for each in told] == [
        ("cross", "NSE:X", "cross"), (None, None, ""), (None, None, ""), ("cross", None, "cross"),
        ("cross", None, "cross"), (None, "NSE:X", "NSE:X"), (None, None, ""),
    ]  # fmt: skip
    assert [(e.data.command, e.data.by, e.data.reason) for e in told] == [*map(tuple, TEXTS)]
    assert [(e.data.number, e.data.requested_ns) for e in told] == [
        (n, T0 + n) for n in range(1, 8)
    ]
    assert [each.key for each in told] == [each.data.scope for each in told]
    assert {topic_of(each.type, each.broker) for each in told} == {"paper.commands"}


def test_rows_come_back_from_commands() -> None:
    """Read back from JSON, the events give the rows that they were made of."""
    envelopes, rows = whole()
    read = [decode(encode(envelope)) for envelope in envelopes]
    assert read == envelopes
    assert rows_of(read, **NAMES).tobytes() == rows.tobytes()


@pytest.mark.parametrize("cut", range(9))
def test_commands_are_the_same_however_the_input_is_cut(cut: int) -> None:
    """Words follow their command into whichever batch it comes."""
    placed = day()
    first = placed["at"] < cut
    before, after = placed[first].copy(), placed[~first].copy()
    after["at"] -= cut
    sent = int(((before["kind"] >= Control.KILL) & (before["c"] != 0)).sum())
    parts = [(ROWS.slice(0, cut), before, TEXTS[:sent]), (ROWS.slice(cut, 8), after, TEXTS[sent:])]
    assert events(parts)[0] == whole()[0]


def test_a_stop_names_its_command() -> None:
    """The stop that a kill makes follows from the command, which follows from its input."""
    found = whole()[0]
    kill = next(e for e in found if e.type is EventType.COMMAND and e.data.verb == "kill")
    stop = next(e for e in found if e.type is EventType.TRADING_STOPPED)
    assert (stop.causation_id, stop.correlation_id) == (kill.id, kill.correlation_id)


def test_a_command_of_the_first_version_is_read() -> None:
    """The fields that came later have defaults."""
    old = Command(verb="stop", scope="STRATEGY", name="text", by="text")
    assert (old.cause, old.order, old.command, old.reason) == (0, 0, "", "")
