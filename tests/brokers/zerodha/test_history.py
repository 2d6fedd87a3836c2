"""Candles into the catalogue: each once, whole days, and what is missing by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.zerodha import history
from alphapanda.brokers.zerodha.answers import KiteError
from alphapanda.brokers.zerodha.candles import INTERVALS, Span, interval_of, read, spans
from alphapanda.brokers.zerodha.client import Client
from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.errors import UsageError
from alphapanda.model.calendar import INDIA, Calendar
from alphapanda.model.instruments import Exchange, Instrument, Segment
from tests.support.ducks import query
from tests.support.kite import DAY_NS, TOKEN, Asked, Kite, Reply, failure, success

TODAY = date(2025, 8, 25)
MINUTE = INTERVALS["minute"]
INFY = Instrument("NSE:INFY", Exchange.NSE, Segment.EQUITY, 500, 1, 408065)
TCS = Instrument("NSE:TCS", Exchange.NSE, Segment.EQUITY, 500, 1, 2953217)
FUTURE = Instrument(
    "NFO:INFY25AUGFUT", Exchange.NFO, Segment.FUTURES, 500, 400, 99, expiry=date(2025, 8, 28)
)
A_MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphapanda.brokers.zerodha.again.FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("alphapanda.brokers.zerodha.clocks.READ_AGAIN_S", -1.0)
    monkeypatch.setattr("alphapanda.brokers.zerodha.client.SLOWER_S", 0.01)
    monkeypatch.setattr("alphapanda.brokers.zerodha.rates.WINDOW_S", 0.0)


@pytest.fixture
def client(kite: Kite, tmp_path: Path) -> Client:
    kite.anything = candles
    return open_client(kite.settings(tmp_path), token=TOKEN)


def candle(moment: datetime, *more: int) -> list[Any]:
    minute = moment.hour * 60 + moment.minute
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S+0530")
    return [stamp, 100.05, 101, 99.5, 100 + minute / 1000, minute, *more]


def candles(asked: Asked) -> Reply:
    """Answer as Kite does, with five minutes of each trading day, to the end of what is asked."""
    query = dict(asked.query)
    first, last = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
    more = (7,) if query["oi"] == "1" else ()
    days = Calendar.nse().days(first.date(), last.date())
    starts = [
        datetime(d.year, d.month, d.day, 9, 15) + n * A_MINUTE for d in days for n in range(5)
    ]
    return success({"candles": [candle(at, *more) for at in starts if first <= at <= last]})


def request(first: str, last: str, *instruments: Instrument, **more: Any) -> history.HistoryRequest:
    return history.HistoryRequest(
        instruments or (INFY,), MINUTE, date.fromisoformat(first), date.fromisoformat(last), **more
    )


def there(root: Path) -> list[Any]:
    path = f"{root}/kind=bar/*/*/*.parquet"
    return query(
        f"SELECT instrument, epoch_ns(ts), close, volume FROM read_parquet('{path}') ORDER BY 1, 2"
    )


def test_candles_come_into_the_catalogue_once(kite: Kite, client: Client, tmp_path: Path) -> None:
    """Two instruments over 90 days: two calls each, and none when the command is given again."""
    root = tmp_path / "data"
    wanted = request("2025-05-01", "2025-07-29", INFY, TCS)
    days = len(Calendar.nse().days(wanted.first, wanted.last))
    first = history.fetch(client, root, wanted)
    assert [(each.asked, each.new, each.gaps) for each in first] == [(2, 5 * days, [])] * 2
    rows = there(root)
    assert len(rows) == 10 * days
    start = int(datetime(2025, 5, 2, 9, 15, tzinfo=INDIA).timestamp()) * 10**9
    assert rows[0] == ("NSE:INFY", start, pytest.approx(100.555), 555)
    calls = len(kite.calls)
    again = history.fetch(client, root, wanted)
    assert [(each.asked, each.new, each.before) for each in again] == [(0, 0, 90)] * 2
    assert (len(kite.calls), there(root)) == (calls, rows)
    longer = history.fetch(client, root, request("2025-05-01", "2025-08-04"))
    assert [dict(asked.query)["from"] for asked in kite.calls[calls:]] == ["2025-07-30 00:00:00"]
    assert longer[0].asked == 1


def test_a_stopped_fetch_goes_on(kite: Kite, client: Client, tmp_path: Path) -> None:
    """What came before the failure stays; the same command asks for the rest alone."""
    root = tmp_path / "data"

    def failing(asked: Asked) -> Reply:
        late = dict(asked.query)["from"] > "2025-03-15"
        return failure(400, "InputException", "no") if late else candles(asked)

    kite.anything = failing
    wanted = request("2025-01-01", "2025-06-30")
    with pytest.raises(KiteError):
        history.fetch(client, root, wanted)
    kept, calls = len(there(root)), len(kite.calls)
    assert kept > 0
    kite.anything = candles
    (account,) = history.fetch(client, root, wanted)
    assert account.before == 120
    assert len(kite.calls) == calls + 2
    assert len(there(root)) == 5 * len(Calendar.nse().days(wanted.first, wanted.last))


def test_files_that_are_gone_are_asked_for_again(client: Client, tmp_path: Path) -> None:
    """Days whose file was removed are not taken for fetched."""
    root = tmp_path / "data"
    wanted = request("2025-07-01", "2025-07-05")
    history.fetch(client, root, wanted)
    for path in root.glob("kind=*/**/*.parquet"):
        path.unlink()
    (account,) = history.fetch(client, root, wanted)
    assert (account.asked, account.new) == (1, 5 * 4)


def test_the_unfinished_candle_is_left_out(client: Client, kite: Kite, tmp_path: Path) -> None:
    """Of today what is over counts, and today is asked for again."""
    kite.now_ns = DAY_NS + 3 * 60 * 10**9 - 1
    root = tmp_path / "data"
    wanted = request("2025-08-22", "2025-08-25")
    (account,) = history.fetch(client, root, wanted)
    assert (account.new, dict(account.dropped)) == (5 + 2, {"unfinished": 3})
    kite.now_ns += 3_600 * 10**9
    (again,) = history.fetch(client, root, wanted)
    assert (again.asked, again.new, again.already, again.before) == (1, 3, 2, 3)


def test_trouble_is_waited_for(client: Client, kite: Kite, tmp_path: Path) -> None:
    """A rate limit and an outage are tried again, a few times; then they are said."""
    troubles = [
        failure(429, "NetworkException", "Too many requests"),
        failure(503, "NetworkException", "down"),
        Reply(502, b"<html>", "text/html"),
    ]
    kite.anything = lambda asked: troubles.pop() if troubles else candles(asked)
    (account,) = history.fetch(client, tmp_path / "data", request("2025-08-01", "2025-08-01"))
    assert account.new == 5
    kite.anything = lambda _: failure(503, "NetworkException", "down")
    with pytest.raises(KiteError, match="down"):
        history.fetch(client, tmp_path / "data", request("2025-08-04", "2025-08-04"))


def test_days_without_candles_are_named(client: Client, kite: Kite, tmp_path: Path) -> None:
    """A trading day of which nothing came is a gap; a Sunday is none."""
    kite.anything = lambda asked: success({"candles": [
        each for each in json.loads(candles(asked).body)["data"]["candles"]
        if not each[0].startswith("2025-08-20")
    ]})  # fmt: skip
    (account,) = history.fetch(client, tmp_path / "data", request("2025-08-15", "2025-08-24"))
    assert account.gaps == [date(2025, 8, 20)]


def test_open_interest_comes_along(client: Client, kite: Kite, tmp_path: Path) -> None:
    """Of a contract it is asked for and kept; of a share it is refused."""
    root = tmp_path / "data"
    history.fetch(client, root, request("2025-08-01", "2025-08-01", FUTURE, oi=True))
    path = f"{root}/kind=bar/*/*/*.parquet"
    assert query(f"SELECT DISTINCT oi FROM read_parquet('{path}')") == [(7,)]


REFUSED = [
    (request("2025-08-01", "2025-07-01"), "is after --to"),
    (request("2025-08-01", "2025-08-26"), "is after today"),
    (request("2025-08-01", "2025-08-02", oi=True), "no open interest"),
    (request("2025-08-01", "2025-08-02", FUTURE, continuous=True), "--interval day"),
]


@pytest.mark.parametrize(("wanted", "message"), REFUSED)
def test_requests_that_can_not_be(
    client: Client, kite: Kite, tmp_path: Path, wanted: history.HistoryRequest, message: str
) -> None:
    """What Kite would refuse, or answer with something else, is not asked."""
    with pytest.raises(UsageError, match=message):
        history.fetch(client, tmp_path / "data", wanted)
    assert kite.calls == []


def test_intervals_are_kites() -> None:
    """Its names and ours; any other is refused with those that there are."""
    assert interval_of("minute") is interval_of("1m")
    assert interval_of("day") is interval_of("1d")
    assert interval_of("60minute").ns == 3_600 * 10**9
    with pytest.raises(UsageError, match="2minute"):
        interval_of("2minute")


@settings(deadline=None)
@given(st.sets(st.integers(0, 400)), st.integers(1, 60))
def test_spans_cover_the_days_and_nothing_else(numbers: set[int], longest: int) -> None:
    """Every day is in one span, no span has another day or is too long."""
    days = [TODAY + timedelta(n) for n in sorted(numbers)]
    made = [*spans(days, longest)]
    covered = [
        span.first + timedelta(n) for span in made for n in range((span.last - span.first).days + 1)
    ]
    assert covered == days
    assert all((span.last - span.first).days < longest for span in made)


ODD: Sequence[Any] = [
    None, [], {}, "x", [1, 2, 3, 4, 5, 6], ["2025-08-25T09:15:00+0000", 1, 1, 1, 1, 1],
    ["2025-08-25T09:15:00+0530", 1, 1, 1, 1], ["2025-08-25T09:15:00+0530", 1, 1, 1, 1, 1.5],
    ["2025-08-25T09:15:00+0530", None, 1, 1, 1, 1], ["2025-08-25T09:15:00+0530", -1, 1, 1, 1, 1],
    ["2025-08-25T09:15:00+0530", float("nan"), 1, 1, 1, 1], ["0001-01-01T00:00:00+0530", *[1] * 5],
    ["2025-08-25T09:15:00+0530", True, 1, 1, 1, 1], ["2025-13-25T09:15:00+0530", *[1] * 5],
    ["25-08-2025 09:15:00", *[1] * 5], ["2025-08-25T09:15:00+0530", 1, 2, 3, 1, 5],
    ["2025-08-25T09:15:00+0530", 0, 0, 0, 0, 0], ["2025-08-25T09:15:00+0530", 3, 2, 1, 2, 5],
]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(len(ODD))), max_size=20))
def test_odd_candles_are_left_out_and_counted(numbers: list[int]) -> None:
    """Whatever is no candle is counted, and the others are as they were."""
    rows = [ODD[n] for n in numbers]
    good = ["2025-08-25T09:15:00+0530", 1.05, 2, 1, 1.5, 5.0]
    found = read([*rows, good, *rows], MINUTE, Span(TODAY, TODAY), now_ns=1 << 62, oi=False)
    assert found.ts.tolist() == [DAY_NS]
    assert found.values.tolist() == [[1.05, 2, 1, 1.5, 5]]
    assert sum(found.dropped.values()) == 2 * len(rows)
