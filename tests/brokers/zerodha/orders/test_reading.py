"""Lists are read strictly, and Kite's own examples whole; what was sent is read back from disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.zerodha.answers import Answer, Outcome
from alphapanda.brokers.zerodha.orders.reading import (
    Cache,
    holding_row,
    moment,
    order_row,
    position_row,
    read_funds,
    read_list,
    trade_row,
)
from alphapanda.brokers.zerodha.orders.sent import SentLog
from alphapanda.brokers.zerodha.orders.state import Send
from alphapanda.errors import OutsideError
from alphapanda.journal.records import LockError
from tests.support.orders import new
from tests.support.shared import shared
from tests.support.venue import World
from tests.support.venue_faults import Way


def example(name: str) -> Any:
    """Return the data of one of Kite's example answers."""
    return json.loads(shared("kite-mocks", f"{name}.json").read_text())["data"]


def test_kites_own_examples_are_read_whole() -> None:
    """Every row of its order book, trades, positions and holdings fits; so do its funds."""
    for name, read in (("orders", order_row), ("trades", trade_row), ("order_trades", trade_row),
                       ("holdings", holding_row)):  # fmt: skip
        found = read_list(example(name), read)
        assert found is not None
        assert (found.odd, len(found.rows)) == ((), len(example(name)))
    positions = read_list(example("positions")["net"], position_row)
    assert positions is not None
    assert not positions.odd
    assert (read_funds(example("margins")) or {}).keys() == {"equity", "commodity"}
    book = read_list(example("orders"), order_row)
    assert book is not None
    market = next(row for row in book.rows if row.is_protected_market)
    assert (market.kind, market.price > 0) == ("LIMIT", True)


ODD = {
    "order_id": ["", None, [], "../x", "a b"], "status": [None, "", 5], "quantity": [-1, "x", 1.5],
    "filled_quantity": [None, True, "nan"], "transaction_type": ["HOLD", None],
    "price": [-1, "inf", 0.00001, {}], "exchange": [None, ""], "tradingsymbol": [7],
}  # fmt: skip


def test_a_row_that_does_not_fit_is_counted_and_the_others_are_read() -> None:
    """Any field that decides something and is odd makes its row odd, never the whole list."""
    made = World(1, Way())
    made.send(new(1), new(2))
    made.run(5)
    rows = json.loads(json.dumps(made.book()))
    assert len(rows) == 2
    for field, values in ODD.items():
        for value in values:
            found = read_list([{**rows[0], field: value}, rows[1], 5, None], order_row)
            assert found is not None
            assert (len(found.rows), len(found.odd)) == (1, 3), (field, value)
    loose = {**rows[0], "quantity": 5.0, "filled_quantity": "5", "new": [1], "tags": None}
    assert order_row(loose).qty == order_row(loose).filled == 5
    assert read_list({"a": 1}, order_row) is None
    cache = Cache("order_id")
    assert read_list(rows, order_row, cache) == read_list(rows, order_row, cache)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(sorted(ODD)), inner, max_size=6),
                    max_leaves=12))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_nothing_that_json_can_say_is_a_traceback(data: Any) -> None:
    """Whatever stands in the place of a list is told as odd, or as no list."""
    for read in (order_row, trade_row, position_row, holding_row):
        found = read_list(data, read)
        assert found is None or len(found.rows) + len(found.odd) == len(data)
    read_funds(data)


@pytest.mark.parametrize(
    ("text", "known"),
    [("2025-12-29 09:15:00", True), ("09:15:00", False), ("0001-01-01 00:00:00", False),
     ("29-12-2025 09:15:00", False), ("2025-13-29 09:15:00", False), (None, False),
     ("2025-12-29T09:15:00", False), (1_766_980_800, False)],
)  # fmt: skip
def test_a_time_is_written_in_one_way(text: object, known: bool) -> None:
    """Anything but Kite's own form is no time."""
    assert bool(moment(text)) == known


SEND = Send(1, "place", 7, "T" * 20, "POST", "/orders/regular", b"quantity=5")


def test_what_was_sent_is_known_after_a_crash(tmp_path: Path) -> None:
    """Accepted, refused, or without an answer; a torn end is cut; one process at a time."""
    sent = SentLog(tmp_path, 1, day=3)
    for number, answer in (
        (1, Answer(Outcome.DONE, 200, data={"order_id": "251229000000001"})),
        (2, Answer(Outcome.REFUSED, 400, "MarginException", "Insufficient funds.")), (3, None),
    ):  # fmt: skip
        send = SEND._replace(call=number, tag=f"TAG{number}")
        sent.sending(send, 10)
        if answer is not None:
            sent.answered(send, answer, 20, 5)
    with pytest.raises(LockError):
        SentLog(tmp_path, 2, day=3)
    sent.close()
    with sent.path.open("ab") as file:
        file.write(b"APJ1 half of a record")
    again = SentLog(tmp_path, 2, day=3)
    before = again.before
    again.close()
    assert before.places == {"TAG1": 1, "TAG2": 1, "TAG3": 1}
    assert before.ids == {"TAG1": "251229000000001"}
    assert before.refused["TAG2"].error_type == "MarginException"
    assert (before.today, SentLog(tmp_path, 3, day=4).before.today) == (3, 0)


def test_nothing_is_sent_that_the_disk_has_not_taken(tmp_path: Path) -> None:
    """A failed write ends the log for good: the gateway stops before a byte leaves."""
    sent = SentLog(tmp_path, 1)
    sent._writer.close()
    for _ in range(2):
        with pytest.raises(OutsideError):
            sent.sending(SEND, 10)
