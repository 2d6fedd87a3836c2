"""Output rows as envelopes: nothing lost, nothing that depends on batches, every cause named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.events.envelopes import Translator
from alphapanda.events.events import Envelope, EventType, decode, encode
from alphapanda.events.payloads import OUTS, TYPES, rows_of
from alphapanda.model.rows import Out
from tests.core.test_laws import cut_anywhere, engine_of, pieces
from tests.core.test_properties import MANY
from tests.support.cases import Case, cases


def names(case: Case) -> dict[str, Sequence[str]]:
    """Return the names of a case."""
    return {
        "strategies": [f"S{k}" for k in range(len(case.acts))],
        "instruments": [instrument.name for instrument in case.desk.instruments],
    }


def translator(case: Case, run_id: str = "a run") -> Translator:
    """Return a translator at the start of a case."""
    return Translator(run_id, broker="replay", feed="a feed", **names(case))


def told(case: Case, cuts: Sequence[int], **more: Any) -> tuple[list[Envelope], Any]:
    """Return the envelopes of a case that comes in pieces, and its rows."""
    engine, made, rows = engine_of(case), translator(case, **more), []
    envelopes: list[Envelope] = []
    for columns, controls in pieces(case, cuts):
        found = np.concatenate([chunk.copy() for chunk in engine.feed(columns, controls)])
        envelopes += made.take(found, columns, controls)
        rows.append(found)
    return envelopes, np.concatenate(rows)


@MANY
@given(case=cases(), data=st.data())
def test_every_law_of_envelopes_holds_on_every_day(case: Case, data: Any) -> None:
    """All laws below on each day: to make up a day and run it costs most of the time."""
    envelopes, rows = told(case, [])
    rows_come_back_from_their_json(case, envelopes, rows)
    every_event_names_what_led_to_it(envelopes, rows)
    runs_differ_in_ids_alone(envelopes, told(case, [], run_id="another")[0])
    cut, _ = told(case, cut_anywhere(data.draw, case))
    assert cut == envelopes, "ids and chains depend on how the input was cut"
    place = data.draw(st.integers(0, case.columns.rows))
    a_translator_goes_on_where_another_stopped(case, place, envelopes)


def rows_come_back_from_their_json(case: Case, envelopes: list[Envelope], rows: Any) -> None:
    """Envelopes, written as JSON and read, give the rows that they were made of, to the bit."""
    read = [decode(encode(envelope)) for envelope in envelopes]
    assert read == envelopes
    assert rows_of(read, **names(case)).tobytes() == rows.tobytes()


def a_translator_goes_on_where_another_stopped(
    case: Case, place: int, envelopes: list[Envelope]
) -> None:  # fmt: skip
    """Led past what was told before, a new translator tells the rest as the first one would."""
    first, second = pieces(case, [place])
    engine = engine_of(case)
    rows = [np.concatenate([c.copy() for c in engine.feed(*part)]) for part in (first, second)]
    before, after = envelopes[: len(rows[0])], envelopes[len(rows[0]) :]
    other = translator(case)
    other.skip([decode(encode(envelope)) for envelope in before], *first)
    assert other.take(rows[1], *second) == after


def every_event_names_what_led_to_it(envelopes: list[Envelope], rows: Any) -> None:
    """Ids are unique; a cause is an input or an earlier event of the same chain."""
    assert [envelope.seq for envelope in envelopes] == list(range(len(rows)))
    known: dict[str, Envelope] = {}
    for envelope in envelopes:
        assert envelope.id not in known
        before = known.get(envelope.causation_id)
        if before is None:
            assert envelope.causation_id == envelope.correlation_id
        else:
            assert before.correlation_id == envelope.correlation_id
        known[envelope.id] = envelope


def runs_differ_in_ids_alone(one: list[Envelope], two: list[Envelope]) -> None:
    """Another run of the same feed has ids of its own, the same inputs, and the same data."""
    for left, right in zip(one, two, strict=True):
        assert left.id != right.id
        assert left.correlation_id == right.correlation_id
        assert left.data == right.data


def test_every_type_of_row_has_its_own_event() -> None:
    """The table misses no type of row and gives no event to two."""
    assert set(TYPES) == set(Out)
    assert len(OUTS) == len(TYPES)
    assert set(TYPES.values()) <= set(EventType)
