"""What a broker reports, on the wire: its numbers, times and words, however the input is cut."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from alphapanda import bracket
from alphapanda.brokers.ports import Report
from alphapanda.events.envelopes import Translator
from alphapanda.events.events import Envelope, EventType, decode, encode
from alphapanda.events.payloads import rows_of
from alphapanda.events.topics import topic_of
from alphapanda.model.rows import ReportKind
from alphapanda.model.texts import ReportTexts
from alphapanda.runs.reports import Reports
from tests.support.harness import SECOND, T0, Desk, present, rs, tick_strategy, ticks

NAMES: dict[str, Any] = {"strategies": ("cross",), "instruments": ("NSE:X",)}
ROWS = ticks(*[100.0] * 12)
R = ReportKind
TOLD = [
    Report(R.ACKNOWLEDGED, 1, 0, exchange_ns=T0 + 5, broker_order_id="25001"),
    Report(R.FILLED, 1, 0, 10, rs(100), 0, 0, T0 + 7, "25001", "t1"),
    Report(R.UNKNOWN, 2, 0, text="no answer"),
    Report(R.REJECTED, 2, 0, 0, 0, 0, 19, T0 + 9, "25002", text="Insufficient funds. प"),
    Report(R.EXTERNAL_ORDER, 0, 0, 5, rs(99), broker_order_id="25003", text="web"),
    Report(R.EXTERNAL_POSITION, 0, -1, -3, rs(7), text="NSE:TCS"),
    Report(R.BLOCKED, 0, -1, reason=26, text="token"),
    Report(R.RECONCILED, 0, qty=1, text="cash"),
]


def day() -> tuple[Any, tuple[ReportTexts, ...]]:
    """Return a control row for each report, a second apart, and their words."""
    reports = Reports()
    reports.put(*TOLD)
    controls, texts = reports.take(0)
    controls["ts"] = T0 + SECOND * (1 + np.arange(len(controls)))
    controls["at"] = np.searchsorted(ROWS.ts, controls["ts"])
    return controls, texts


def events(edges: list[int]) -> tuple[list[Envelope], Any]:
    """Return envelopes and rows of the day, its rows cut at these places."""
    script = {0: lambda ctx: bracket(ctx, 10, rs(98))}
    engine = Desk(sent=True).engine([tick_strategy(script)], present(ROWS))
    made = Translator("run", broker="zerodha", feed="feed", **NAMES)
    controls, texts = day()
    found: list[Envelope] = []
    rows = []
    for start, end in pairwise(edges):
        mine = (controls["at"] >= start) & (controls["at"] < end)
        part, columns = controls[mine].copy(), ROWS.slice(start, end)
        part["at"] -= start
        words = tuple(text for text, yes in zip(texts, mine, strict=True) if yes)
        said = np.concatenate([chunk.copy() for chunk in engine.feed(columns, part)])
        found += made.take(said, columns, part, words)
        rows.append(said)
    return found, np.concatenate(rows)


def of(kind: EventType) -> list[Any]:
    """Return the payloads of a type."""
    return [each.data for each in events([0, 12])[0] if each.type is kind]


def test_events_bear_the_brokers_numbers_and_words() -> None:
    """Fill, acknowledgement and end have trade, order and the exchange's time; the rest none."""
    (fill,) = of(EventType.ORDER_FILLED)
    assert (fill.trade_id, fill.broker_order_id, fill.exchange_ns) == ("t1", "25001", T0 + 7)
    assert [a.broker_order_id for a in of(EventType.ORDER_ACKNOWLEDGED)] == ["25001"]
    assert [p.broker_order_id for p in of(EventType.ORDER_PLACED)] == ["", ""]
    (failed,) = of(EventType.ORDER_FAILED)
    assert (failed.reason, failed.text) == ("MARGIN", "Insufficient funds. प")
    (unknown,) = of(EventType.ORDER_UNKNOWN)
    assert (unknown.order, unknown.qty, unknown.text) == (2, -10, "no answer")


def test_events_of_the_account_have_topics_and_keys() -> None:
    """What is not of a strategy says its instrument or none, and lies where its readers look."""
    found = {each.type: each for each in events([0, 12])[0]}
    external, position = found[EventType.EXTERNAL_ORDER], found[EventType.EXTERNAL_POSITION]
    assert (external.data.instrument, external.data.qty, external.key) == ("NSE:X", 5, "run:25003")
    assert (position.data.instrument, position.data.qty, position.data.price) == (None, -3, "7.00")
    session, compared = found[EventType.BROKER_SESSION], found[EventType.RECONCILED]
    assert (session.data.code, session.data.blocked, session.data.text) == ("AUTH_LOST", 1, "token")
    assert (compared.data.qty, compared.data.text) == (1, "cash")
    assert {topic_of(each.type, each.broker) for each in (session, compared)} == {"zerodha.system"}


def test_cuts_and_reading_change_nothing() -> None:
    """Cut anywhere the events are the same bytes, and read back they give the rows."""
    whole, rows = events([0, 12])
    for edges in ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12], [0, 6, 12]):
        assert events(edges)[0] == whole
    read = [decode(encode(envelope)) for envelope in whole]
    assert read == whole
    assert rows_of(read, **NAMES).tobytes() == rows.tobytes()


def test_without_reports_events_are_as_they_were() -> None:
    """New fields are left out where they say nothing."""
    (placed, _) = [e for e in events([0, 12])[0] if e.type is EventType.ORDER_PLACED]
    assert b"broker_order_id" not in encode(placed)
    assert b"exchange_ns" not in encode(placed)
