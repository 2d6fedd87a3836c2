"""Ticks that come late are said, once a minute: old prices must not pass for new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphapanda.brokers.zerodha.addresses import Addresses
from alphapanda.brokers.zerodha.live_feed import Hours, LiveFeed
from alphapanda.model.calendar import Calendar, ist_date
from alphapanda.model.instruments import Exchange, Instrument, Segment
from tests.support.kite import DAY_NS
from tests.support.kite_ticker import framed, full
from tests.support.servers import databases

SECOND = 10**9
TOKEN = 408065
NOW_S = DAY_NS // SECOND + 60


def said(caplog: pytest.LogCaptureFixture) -> int:
    """Return how often it was said."""
    return sum("ticks are late" in record.getMessage() for record in caplog.records)


def test_a_lag_of_more_than_two_seconds_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """By the exchange's time of the newest tick of a message; again only a minute later."""
    listed = [Instrument("NSE:INFY", Exchange.NSE, Segment.EQUITY, 500, 1, TOKEN)]
    feed = LiveFeed(
        databases.settings_of(Path(), ""), Addresses("", "ws://127.0.0.1:9", "", simulator=True),
        listed, clock=lambda: NOW_S * SECOND,
        hours=Hours(Calendar.nse(), listed, ist_date(NOW_S * SECOND)), late_ns=10 * SECOND,
    )  # fmt: skip
    for number, (late_s, times) in enumerate(((0, 0), (2, 0), (3, 1), (4, 1))):
        feed._take(framed(full(TOKEN, 150_000 + number, stamp=NOW_S - late_s, volume=1 + number)))
        assert said(caplog) == times, late_s
    assert feed.sieve.counts.worst_lag_ns == 4 * SECOND
