"""Trading days and phases, against the dates and minutes of real data."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.errors import UsageError
from alphapanda.model.calendar import (
    DAY,
    MINUTE,
    Calendar,
    Phase,
    Session,
    SessionGroup,
    day_start_ns,
    ist_date,
    session_group,
)
from alphapanda.model.instruments import Exchange, Instrument, Segment
from tests.support.shared import shared

NSE = Calendar.nse()
INDIA = timezone(timedelta(hours=5, minutes=30))
AUCTION_FROM = date(2026, 8, 3)
DAYS = st.dates(date(2015, 1, 1), date(2026, 12, 31))
GROUPS = st.sampled_from(SessionGroup)


def clock(ts: int | None) -> str:
    """Return a time as HH:MM in IST."""
    assert ts is not None
    return f"{datetime.fromtimestamp(ts / 1e9, INDIA):%H:%M}"


def hours(day: date, group: SessionGroup) -> str:
    """Return a day's phases as text."""
    session = NSE.session(day, group)
    assert session is not None
    return " ".join(f"{clock(change.ts)} {change.phase.name}" for change in session.changes)


def phase_at(session: Session, ts: int) -> Phase:
    """Return the phase at a time."""
    place = bisect_right([change.ts for change in session.changes], ts)
    return session.changes[place - 1].phase if place else Phase.CLOSED


def bars(name: str, more: str = "") -> Iterator[tuple[date, int]]:
    """Return the IST day and the start (ns UTC) of each distinct bar of a file."""
    path = shared("data", "bars", f"{name}.parquet")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='Asia/Kolkata'")
        connection.execute("SET memory_limit='500MB'")
        rows = connection.execute(f"SELECT DISTINCT epoch_ms(date) FROM '{path}' {more}").fetchall()
    for (ms,) in rows:
        yield ist_date(ms * 1_000_000), ms * 1_000_000


@given(st.integers(-(10**18), 4 * 10**18))
def test_days_are_ist_days(ts: int) -> None:
    """The date in India, by the standard library; a day begins at its midnight."""
    assert ist_date(ts) == datetime.fromtimestamp(ts // 10**9, INDIA).date()
    assert day_start_ns(ist_date(ts)) <= ts < day_start_ns(ist_date(ts)) + DAY


def test_midnight_in_india_is_half_past_six_in_utc() -> None:
    """Of the day before, that is."""
    wanted = datetime(2026, 8, 2, 18, 30, tzinfo=UTC)
    assert day_start_ns(AUCTION_FROM) == int(wanted.timestamp()) * 10**9
    assert Calendar.day_start_ns(AUCTION_FROM) == day_start_ns(AUCTION_FROM)
    assert Calendar.ist_date(0) == date(1970, 1, 1)


def test_trading_days_are_the_days_that_have_candles() -> None:
    """1,367 days of Kite's day candles, not one more or less."""
    traded = sorted({day for day, _ in bars("kite_day_20200714_20260109")})
    assert len(traded) == 1367
    assert NSE.days(traded[0], traded[-1]) == traded


@pytest.mark.parametrize(
    "name",
    [
        "nse_1min_kite_201608_09",
        "nse_1min_yesbank_2019_jan_aug",
        "index_1min_nifty_banknifty_2021_202209",
        "nse_1min_reliance_20251029_1226",
        "kite_60minute_20241205_20260109",
    ],
)
def test_every_day_of_the_minute_files_is_a_trading_day(name: str) -> None:
    """And between the first and the last no other is, but one the source lost."""
    traded = {day for day, _ in bars(name)}
    missing = set(NSE.days(min(traded), max(traded))) - traded
    assert traded <= set(NSE.days(min(traded), max(traded)))
    assert missing <= (
        {date(2025, 2, 1), date(2025, 1, 9)} if name.startswith("kite_60") else set()
    )


@pytest.mark.parametrize(
    "name",
    [
        "nse_1min_kite_201608_09",
        "nse_1min_reliance_20251029_1226",
        "kite_60minute_20241205_20260109",
    ],
)
def test_every_bar_begins_in_continuous_trading(name: str) -> None:
    """Kite's candles hold nothing else, on Muhurat days neither."""
    for day, ts in bars(name):
        session = NSE.session(day, SessionGroup.EQUITY)
        assert session is not None
        assert phase_at(session, ts) == Phase.OPEN, clock(ts)


def test_a_regular_day_has_exactly_the_minutes_of_its_open_phase() -> None:
    """375 of them, in each of the 18 days."""
    found: dict[date, set[int]] = {}
    for day, ts in bars("nse_1min_kite_201608_09"):
        found.setdefault(day, set()).add(ts)
    assert len(found) == 18
    for day, minutes in found.items():
        session = NSE.session(day, SessionGroup.EQUITY)
        assert session is not None
        assert minutes == set(range(session.open, session.close, MINUTE))


def test_rows_after_the_close_lie_in_no_open_phase() -> None:
    """YESBANK's rows at 15:40 and 16:00 are of the post-close."""
    for day, ts in bars("nse_1min_yesbank_2019_jan_aug"):
        session = NSE.session(day, SessionGroup.EQUITY)
        assert session is not None
        regular = session.open <= ts < session.close
        assert (phase_at(session, ts) == Phase.OPEN) == regular
        assert regular or clock(ts) in ("15:30", "15:40", "16:00")


@pytest.mark.parametrize(
    ("name", "day", "spans"),
    [
        # The index feed of 2021-02-24 stopped at 10:07, trading at 11:40.
        ("2021_202209", "2021-02-24", [("09:15", "10:08"), ("15:45", "17:00")]),
        ("2021_202209", "2021-11-04", [("18:15", "19:15")]),
        ("2024_jan_may", "2024-03-02", [("09:15", "10:00"), ("11:30", "12:30")]),
        ("2024_jan_may", "2024-05-18", [("09:15", "10:00"), ("11:30", "12:30")]),
    ],
)
def test_special_sessions_are_where_the_bars_are(
    name: str, day: str, spans: list[tuple[str, str]]
) -> None:
    """Every minute of the spans is open and has a bar."""
    when = date.fromisoformat(day)
    file = f"index_1min_nifty_banknifty_{name}"
    found = {ts for _, ts in bars(file, f"WHERE date::date = '{day}'")}
    session = NSE.session(when, SessionGroup.EQUITY)
    assert session is not None
    for start, end in spans:
        first, last = (
            day_start_ns(when) + (t.hour * 60 + t.minute) * MINUTE
            for t in (time.fromisoformat(start), time.fromisoformat(end))
        )
        minutes = set(range(first, last, MINUTE))
        assert minutes <= found
        assert {phase_at(session, ts) for ts in minutes} == {Phase.OPEN}
    assert clock(session.open) == spans[0][0]
    assert clock(session.close) == spans[-1][1]


def test_the_hours_until_july_2026() -> None:
    """Shares alike, with derivatives or not."""
    day = date(2026, 7, 31)
    regular = "09:00 PRE_OPEN 09:15 OPEN 15:30 CLOSED 15:40 POST_CLOSE 16:00 CLOSED"
    assert hours(day, SessionGroup.EQUITY) == hours(day, SessionGroup.EQUITY_FO) == regular
    assert hours(day, SessionGroup.DERIVATIVES) == "09:00 PRE_OPEN 09:15 OPEN 15:30 CLOSED"
    assert hours(date(2025, 12, 5), SessionGroup.DERIVATIVES) == "09:15 OPEN 15:30 CLOSED"


def test_the_hours_from_august_2026() -> None:
    """The closing auction, and derivatives until 15:40."""
    assert hours(AUCTION_FROM, SessionGroup.EQUITY_FO) == (
        "09:00 PRE_OPEN 09:15 OPEN 15:15 AUCTION 15:35 CLOSED 15:50 POST_CLOSE 16:00 CLOSED"
    )
    assert hours(AUCTION_FROM, SessionGroup.EQUITY).startswith(
        "09:00 PRE_OPEN 09:15 OPEN 15:30 CLOSED"
    )
    assert hours(AUCTION_FROM, SessionGroup.DERIVATIVES) == "09:00 PRE_OPEN 09:15 OPEN 15:40 CLOSED"
    session = NSE.session(AUCTION_FROM, SessionGroup.EQUITY_FO)
    assert session is not None
    assert (clock(session.open), clock(session.close)) == ("09:15", "15:15")


@pytest.mark.parametrize(
    ("day", "times"),
    [
        (date(2026, 7, 31), ["15:20", "15:20", "15:25", "16:45", "23:05"]),
        (AUCTION_FROM, ["15:20", "15:05", "15:25", "16:45", "23:05"]),
        (date(2026, 11, 2), ["15:20", "15:05", "15:25", "16:45", "23:30"]),
    ],
)
def test_intraday_positions_are_squared_off_at_dated_times(day: date, times: list[str]) -> None:
    """One time a group, in the order of the groups."""
    sessions = [NSE.session(day, group) for group in SessionGroup]
    assert [clock(session.square_off) for session in sessions if session is not None] == times


@given(DAYS, GROUPS)
def test_every_session_is_in_order(day: date, group: SessionGroup) -> None:
    """Times rise within the day, the end is CLOSED, square-off comes while one can still trade."""
    session = NSE.session(day, group)
    if session is None:
        return
    assert NSE.is_trading_day(day)
    times = [change.ts for change in session.changes]
    assert all(before < after for before, after in pairwise(times))
    assert all(ist_date(ts) == day for ts in times)
    assert session.changes[-1].phase == Phase.CLOSED
    assert phase_at(session, session.open) == Phase.OPEN
    assert phase_at(session, session.close) != Phase.OPEN
    assert session.square_off is not None
    assert phase_at(session, session.square_off) == Phase.OPEN
    assert session.square_off < session.close


@given(DAYS)
def test_shares_have_a_session_on_every_trading_day_and_on_no_other(day: date) -> None:
    """The same holds for shares with derivatives and for the derivatives."""
    for group in (SessionGroup.EQUITY, SessionGroup.EQUITY_FO, SessionGroup.DERIVATIVES):
        assert (NSE.session(day, group) is not None) == NSE.is_trading_day(day)


def test_every_year_has_its_muhurat_and_a_plausible_number_of_days() -> None:
    """One hour on Diwali; between 244 and 252 trading days a year."""
    for year in range(2015, 2027):
        first, last = date(year, 1, 1), date(year, 12, 31)
        assert 244 <= len(NSE.days(first, last)) <= 252, year
        short = [
            session.day
            for session in NSE.sessions(first, last, SessionGroup.EQUITY)
            if session.close - session.open == 60 * MINUTE
        ]
        assert len(short) == 1, year
        assert short[0].month in (10, 11)


def test_budget_days_and_a_moved_saturday_are_full_days() -> None:
    """At weekends too."""
    for day in ("2015-02-28", "2020-02-01", "2024-01-20", "2025-02-01", "2026-02-01"):
        when = date.fromisoformat(day)
        assert when.weekday() >= 5
        assert "09:15 OPEN 15:30 CLOSED" in hours(when, SessionGroup.EQUITY)
        assert NSE.session(when, SessionGroup.CURRENCY) is None


def test_commodities_have_hours_of_their_own_on_special_days() -> None:
    """MCX traded to 17:00 on the budget Saturday of 2025, and all evening at Muhurat of 2018."""
    assert hours(date(2025, 2, 1), SessionGroup.COMMODITY) == "09:00 OPEN 17:00 CLOSED"
    assert hours(date(2018, 11, 7), SessionGroup.COMMODITY) == "17:00 OPEN 23:55 CLOSED"
    assert "18:15 OPEN 19:15 CLOSED" in hours(date(2020, 11, 14), SessionGroup.EQUITY)


def test_outside_the_table_weekdays_count() -> None:
    """And the calendar tells where its knowledge ends."""
    assert (NSE.known_from, NSE.known_until) == (date(2015, 1, 1), date(2026, 12, 31))
    assert NSE.is_trading_day(date(2027, 1, 26)), "Republic Day: not known beyond the table"
    assert not NSE.is_trading_day(date(2027, 1, 30))
    assert NSE.session(date(2014, 6, 2), SessionGroup.EQUITY) is not None


def test_the_calendar_that_never_closes_has_no_sessions() -> None:
    """Every day is a trading day, and nothing ever changes phase."""
    always = Calendar.always()
    sunday = date(2024, 6, 2)
    assert always.is_always
    assert not NSE.is_always
    assert always.is_trading_day(sunday)
    assert always.days(sunday, sunday + timedelta(2)) == [sunday + timedelta(n) for n in range(3)]
    assert always.session(sunday, SessionGroup.EQUITY) is None
    assert always.sessions(sunday, sunday, SessionGroup.EQUITY) == []
    assert always.known_from < sunday < always.known_until


@pytest.mark.parametrize(
    ("exchange", "segment", "derivatives", "group"),
    [
        (Exchange.NSE, Segment.EQUITY, False, SessionGroup.EQUITY),
        (Exchange.BSE, Segment.EQUITY, True, SessionGroup.EQUITY_FO),
        (Exchange.NSE, Segment.INDEX, True, SessionGroup.EQUITY),
        (Exchange.NFO, Segment.OPTIONS, False, SessionGroup.DERIVATIVES),
        (Exchange.BFO, Segment.FUTURES, False, SessionGroup.DERIVATIVES),
        (Exchange.CDS, Segment.FUTURES, False, SessionGroup.CURRENCY),
        (Exchange.BCD, Segment.OPTIONS, False, SessionGroup.CURRENCY),
        (Exchange.MCX, Segment.FUTURES, False, SessionGroup.COMMODITY),
        (Exchange.NCO, Segment.OPTIONS, False, SessionGroup.COMMODITY),
    ],
)
def test_an_instrument_follows_its_group(
    exchange: Exchange, segment: Segment, derivatives: bool, group: SessionGroup
) -> None:
    """By exchange; among shares by whether there are derivatives."""
    name = f"{exchange.name}:X"
    instrument = Instrument(name, exchange, segment, 5, 1, has_derivatives=derivatives)
    assert session_group(instrument) is group


GOOD = """
from = 2030-01-01
until = 2030-12-31
[holidays]
2030 = ["01-26"]
[[regular]]
groups = ["EQUITY", "EQUITY_FO", "DERIVATIVES", "CURRENCY", "COMMODITY"]
from = 2030-01-01
phases = "10:00 OPEN, 11:00 CLOSED"
"""


def test_a_calendar_of_ones_own_is_read(tmp_path: Path) -> None:
    """The same form; without a square-off time there is none."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    mine = Calendar.load(path)
    session = mine.session(date(2030, 1, 1), SessionGroup.CURRENCY)
    assert mine.name == "mine"
    assert session is not None
    assert session.square_off is None
    assert mine.known_until == date(2030, 12, 31)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("from = 2030-01-01\nuntil", "until", "from: None is not a date"),
        ('"01-26"', '"02-30"', r"\[holidays\] 2030: '02-30' is no day"),
        ('[holidays]\n2030 = ["01-26"]', "", r"no \[holidays\]"),
        ('"CURRENCY", ', "", "hours for CURRENCY"),
        ('"CURRENCY"', '"FOREX"', "groups: .*'FOREX'.* is not a list of"),
        ("10:00 OPEN", "10:00 OPENS", "'10:00 OPENS' is not like"),
        ("10:00 OPEN", "1000 OPEN", "'1000' is not a time"),
        ("10:00 OPEN", "10:60 OPEN", "'10:60' is not a time of the day"),
        ("10:00 OPEN", "11:00 OPEN", "the times do not rise"),
        ("10:00 OPEN", "10:00 PRE_OPEN", "no phase is OPEN"),
        ("11:00 CLOSED", "11:00 AUCTION", "the last phase is not CLOSED"),
        ("[[regular]]", "[regular]", r"no \[\[regular\]\] table"),
    ],
)
def test_a_calendar_that_does_not_fit_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """The message names the file and the entry."""
    path = tmp_path / "mine.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError, match=rf"mine\.toml.*{said}"):
        Calendar.load(path)
