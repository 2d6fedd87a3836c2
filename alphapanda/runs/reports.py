"""What a broker says on its way into the core: from any thread, one control row a report.

A row has the report's ints, the journal's texts its words; so a run replays without the broker.
Each trade passes once: one that the journal has already, of the same order, is left out and
counted, so that a client that starts again may tell all that it finds.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np

from alphapanda import log
from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.engine.controls import Controls
from alphapanda.errors import AlphaPandaError
from alphapanda.model.limits import RejectionCode
from alphapanda.model.rows import CONTROL, Control, Reason
from alphapanda.model.texts import ReportTexts
from alphapanda.runs.operator import NO_CONTROLS

LOG = log.get(__name__)
KINDS, REASONS = frozenset(map(int, ReportKind)), frozenset(map(int, Reason))
BLOCKS = frozenset({int(RejectionCode.STALE_DATA)}) | frozenset(
    range(RejectionCode.AUTH_LOST, RejectionCode.PRODUCT_CUTOFF + 1)
)
LONGEST = 1_000
"""Characters that are kept of a broker's words; that some were cut is said in the last of them."""
LONGEST_ID = 64


class Reports:
    """Takes a run's reports, and hands them on when its session asks.

    `given` reports were taken before, among them the trades `booked`, each with its order.
    """

    def __init__(self, *, given: int = 0, booked: Iterable[tuple[int, str]] = ()) -> None:
        self.given = given
        self.repeated = 0
        """Trades that came again."""
        self._booked = set(booked)
        self._waiting: list[Report] = []
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self.came = threading.Event()
        """Set while something waits."""

    def put(self, *reports: Report) -> None:
        """Take reports, from any thread."""
        with self._lock:
            self._waiting += reports
            self.came.set()

    def fail(self, error: BaseException) -> None:
        """Let whoever asks next know that no more reports come, and why."""
        with self._lock:
            self._failure = self._failure or error
            self.came.set()

    def take(self, ts: int) -> tuple[Controls, tuple[ReportTexts, ...]]:
        """Return the control rows of the reports that wait, at the time `ts`, and their texts.

        Raises:
            AlphaPandaError, AssertionError: why the client failed, once its last reports are taken.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, []
            failure = self._failure
            self.came.clear()
        for report in waiting:
            check(report)
        news = [report for report in waiting if self._is_new(report)]
        if not news and failure is not None:
            if isinstance(failure, AlphaPandaError | AssertionError):
                raise failure
            raise AssertionError(f"the client of the broker failed: {failure!r}") from failure
        if not news:
            return NO_CONTROLS, ()
        controls = np.zeros(len(news), CONTROL)
        for place, report in enumerate(news):
            self.given += 1
            write(controls[place], report, ts, self.given)
        return controls, tuple(words_of(report) for report in news)

    def _is_new(self, report: Report) -> bool:
        key = trade_of(report)
        if key is None:
            return True
        if not report.trade_id:
            raise AssertionError(f"a trade of order {report.order} has no number")
        if key in self._booked:
            self.repeated += 1
            LOG.info("trade told again", order=report.order, trade=report.trade_id)
            return False
        self._booked.add(key)
        return True


def trade_of(report: Report) -> tuple[int, str] | None:
    """Return what a report's trade is known by in its run; None: it is of no trade.

    A trade of no order of ours is known by the broker's order too, whose number is of one day.
    """
    if report.kind == ReportKind.FILLED:
        return report.order, report.trade_id
    if report.kind == ReportKind.SQUARED_OFF:
        return 0, f"{report.broker_order_id}/{report.trade_id}"
    return None


def check(report: Report) -> None:
    """See that a report says what a core can read: a client's broken promise goes no further."""
    kind = ReportKind(report.kind) if report.kind in KINDS else None
    known: Container[int] = REASONS
    if kind in (ReportKind.BLOCKED, ReportKind.UNBLOCKED):
        known = BLOCKS
    if kind is None or report.reason not in known or report.exchange_ns < 0:
        raise AssertionError(f"no report that there can be: {report}")


def write(row: Any, report: Report, ts: int, number: int) -> None:
    """Write a report into a control row."""
    row["ts"], row["kind"] = ts, Control.REPORT
    row["a"], row["b"], row["c"], row["d"] = report.kind, report.order, number, report.exchange_ns
    for name in ("row", "qty", "price", "trigger", "reason"):
        row[name] = getattr(report, name)


def read(row: Any, words: ReportTexts) -> Report:
    """Return the report that a control row and its texts were made of."""
    return Report(
        int(row["a"]), int(row["b"]), int(row["row"]), int(row["qty"]), int(row["price"]),
        int(row["trigger"]), int(row["reason"]), int(row["d"]), *words,
    )  # fmt: skip


def words_of(report: Report) -> ReportTexts:
    """Return a report's words, as long as a journal keeps them."""
    for name in ("broker_order_id", "trade_id"):
        if len(getattr(report, name)) > LONGEST_ID:
            raise AssertionError(f"a {name} of order {report.order} has over {LONGEST_ID} letters")
    text = report.text
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} ... (cut: {len(text):,} characters)"
    return ReportTexts(report.broker_order_id, report.trade_id, text)


def reports_in(controls: Any, texts: Sequence[Any]) -> list[Report]:
    """Return the reports among a batch's control rows."""
    rows = controls[controls["kind"] == Control.REPORT]
    words = [each for each in texts if isinstance(each, ReportTexts)]
    return [read(row, each) for row, each in zip(rows, words, strict=True)]
