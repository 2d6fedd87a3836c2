"""Bars that are made of recorded rows: what polars makes of them, by the session's own hours."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from alphapanda.data.replay.replay import ReplayOptions
from alphapanda.data.replay.resampled import Resampled, open_rows
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar, Phase, SessionGroup, day_start_ns
from tests.data.replaying import IST, ns, whole, write
from tests.support.shared import shared

DAY = date(2025, 7, 1)
SCALE = 10_000
GROUPS = {"MCX": SessionGroup.COMMODITY, "CDS": SessionGroup.CURRENCY,
          "NFO": SessionGroup.DERIVATIVES}  # fmt: skip


def opened(path: Any, bars: str, *, calendar: Calendar | None = None, **options: Any) -> Any:
    """Return a recording made into bars, by the sessions of each name's exchange."""
    rows = open_rows(ReplayOptions(paths=[path], bars=bars, **options))
    groups = [GROUPS.get(name.partition(":")[0], SessionGroup.EQUITY) for name in rows.names]
    rows.end_with(calendar or Calendar.nse(), groups)
    return rows


def made(path: Any, bars: str, **options: Any) -> pl.DataFrame:
    """Return the bars of a recording, with names, prices as they are scaled."""
    with opened(path, bars, **options) as rows:
        columns = whole(list(rows.batches()))
        frame = pl.DataFrame({n: c for n, c in columns._asdict().items() if len(c)})
        assert rows.rows == frame.height
        assert tuple(rows.day_rows) == rows.days
        return frame.with_columns(name=pl.Series([rows.names[row] for row in columns.row]))


def clock(ts: Any) -> list[str]:
    """Return times as hours and minutes of India."""
    return [datetime.fromtimestamp(int(each) / 1e9, IST).strftime("%H:%M") for each in ts]


def scaled(name: str) -> pl.Expr:
    """Return prices as the core holds them."""
    return (pl.col(name) * SCALE).round().cast(pl.Int64)


def by_hand(ticks: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return bars of ticks of one name (ts in ns, last, traded, oi) from 09:15 to 15:30."""
    return (
        ticks.with_columns(at=pl.from_epoch("ts", "ns").dt.offset_by("330m"))
        .filter(pl.col("at").dt.time().is_between(
            pl.time(9, 15), pl.time(15, 30), closed="left"))
        .sort("at", maintain_order=True)
        .group_by_dynamic("at", every=f"{minutes}m", offset=f"{(9 * 60 + 15) % minutes}m")
        .agg(open=pl.col("last").first(), high=pl.col("last").max(), low=pl.col("last").min(),
             last=pl.col("last").last(), volume=pl.col("traded").sum(), oi=pl.col("oi").last())
    )  # fmt: skip


@pytest.mark.parametrize("bars", ["1m", "2m"])
def test_ticks_of_kite_give_what_polars_gives(bars: str) -> None:
    """Prices, the running volume's steps, open interest; the first row counts its own quantity."""
    path = shared("data", "ticks", "kite_full_NIFTY25DECFUT_20251229.parquet")
    volume = pl.col("volume_traded")
    ticks = pl.read_parquet(path).sort("time", maintain_order=True).select(
        ts=pl.col("time").dt.timestamp("ns"), last=scaled("last_price"), oi=pl.col("oi"),
        traded=volume.diff().fill_null(pl.col("last_traded_quantity")),
    )  # fmt: skip
    expected = by_hand(ticks, int(bars[0]))
    found = made(path, bars)
    names = ["open", "high", "low", "last", "volume", "oi"]
    assert found.select(names).rows() == expected.select(names).rows()
    assert found["ts"].to_list() == [
        int(at.replace(tzinfo=IST).timestamp()) * 10**9 + int(bars[0]) * 60 * 10**9
        for at in expected["at"]
    ]


@pytest.mark.parametrize(("bars", "minutes"), [("1m", 1), ("15m", 15), ("1h", 60)])
def test_ticks_of_an_index_have_no_volume(bars: str, minutes: int) -> None:
    """Twenty days of seconds: every value of every bar; no volume; what is outside is counted."""
    path = shared("data", "ticks", "nifty50_index_1s_2022_aug_sep.parquet")
    ticks = pl.read_parquet(path).select(
        ts=pl.col("time").dt.timestamp("ns"), last=scaled("last_price"), traded=0, oi=0
    )
    expected, found = by_hand(ticks, minutes), made(path, bars)
    names = ["open", "high", "low", "last"]
    assert found.select(names).rows() == expected.select(names).rows()
    assert "volume" not in found.columns
    inside = ticks.filter(
        pl.from_epoch("ts", "ns").dt.offset_by("330m").dt.time().is_between(
            pl.time(9, 15), pl.time(15, 30), closed="left")
    ).height  # fmt: skip
    with opened(path, bars) as rows:
        left = rows.left_out
        assert left.rows == ticks.height
        assert left.phases[Phase.OPEN] == inside
        assert left.phases[Phase.PRE_OPEN] + left.phases[Phase.CLOSED] == ticks.height - inside


def test_minutes_make_the_hours_of_another_repository() -> None:
    """RELIANCE's minutes are Kite's own hours, the short last one too, in all five fields."""
    found = made(shared("data", "bars", "nse_1min_reliance_20251029_1226.parquet"), "60m")
    hours = pl.read_parquet(shared("data", "bars", "kite_60minute_20241205_20260109.parquet"))
    start = pl.col("date").dt.timestamp("ns")
    expected = hours.filter(pl.col("symbol") == "RELIANCE").select(
        start=start, open=scaled("open"), high=scaled("high"), low=scaled("low"),
        last=scaled("close"), volume=pl.col("volume"),
    )  # fmt: skip
    hour = 3_600 * 10**9
    last = pl.from_epoch("ts", "ns").dt.offset_by("330m").dt.time() == pl.time(15, 30)
    found = found.with_columns(start=pl.col("ts") - pl.when(last).then(hour // 4).otherwise(hour))
    joined = expected.join(found, on="start")
    assert joined.height == found.height == 287
    for name in ("open", "high", "low", "last", "volume"):
        assert joined[name].to_list() == joined[f"{name}_right"].to_list(), name


def test_a_day_is_its_whole_session() -> None:
    """A bar of a day has all minutes of the session, and enters when day bars do."""
    path = shared("data", "bars", "nse_1min_yesbank_2019_jan_aug.parquet")
    at = pl.col("date").dt
    minutes = pl.read_parquet(path).filter(at.time() < pl.time(15, 30))
    expected = minutes.group_by(day=at.date(), maintain_order=True).agg(
        open=scaled("open").first(), high=scaled("high").max(), low=scaled("low").min(),
        last=scaled("close").last(), volume=pl.col("volume").sum(),
    )  # fmt: skip
    found = made(path, "1d")
    names = ["open", "high", "low", "last", "volume"]
    assert found.select(names).rows() == expected.select(names).rows()
    assert set(clock(found["ts"])) == {"15:30"}
    assert found["ts"].to_list() == [ns(day, "15:30") for day in expected["day"]]


@pytest.mark.parametrize("batch_rows", [1, 7, 100_000])
def test_how_rows_are_cut_changes_no_bar(tmp_path: Path, batch_rows: int) -> None:
    """Rows in portions of any size, of instruments whose sessions differ, give the same bars."""
    draw = np.random.default_rng(5)
    at = np.sort(draw.integers(ns(DAY, "08:55"), ns(DAY, "23:40"), 300))
    names = draw.choice(["NSE:A", "MCX:B", "CDS:C"], 300)
    columns = {
        "ts": at, "symbol": names.tolist(), "last": draw.integers(90, 110, 300).astype(float),
        "qty": draw.integers(0, 9, 300),
    }  # fmt: skip
    path = write(tmp_path / "x.parquet", columns)
    found = made(path, "45m", batch_rows=batch_rows)
    assert found.rows() == made(path, "45m").rows()
    assert found.select("ts", "row").rows() == sorted(found.select("ts", "row").rows())
    hours = {"NSE:A": ("09:15", "15:30"), "MCX:B": ("09:00", "23:30"), "CDS:C": ("09:00", "17:00")}
    for name, (opened_at, closed_at) in hours.items():
        first, last = ns(DAY, opened_at), ns(DAY, closed_at)
        mine = (names == name) & (at >= first) & (at < last)
        ends = np.minimum((at[mine] - first) // (45 * 60 * 10**9) * 45 * 60 * 10**9
                          + first + 45 * 60 * 10**9, last)  # fmt: skip
        bars = found.filter(pl.col("name") == name)
        assert bars["ts"].to_list() == sorted(set(ends.tolist()))
        assert bars["volume"].sum() == columns["qty"][mine].sum()


def ticks_at(path: Path, times: list[int], **more: Any) -> Path:
    """Write ticks of one share at these times."""
    prices = [100.0 + place for place in range(len(times))]
    return write(path, {"ts": times, "symbol": ["X"] * len(times), "last": prices, **more})


def test_bounds_belong_to_the_later_bar(tmp_path: Path) -> None:
    """A tick of 09:30 opens a bar of 15 minutes; one of 15:30 is in none."""
    times = [ns(DAY, each) for each in ("09:15", "09:29:59", "09:30", "15:29:59", "15:30")]
    found = made(ticks_at(tmp_path / "x.parquet", times), "15m")
    assert clock(found["ts"]) == ["09:30", "09:45", "15:30"]
    assert [price // SCALE for price in found["open"]] == [100, 102, 103]


def test_evenings_and_halves_have_their_own_hours(tmp_path: Path) -> None:
    """Muhurat's hour of 2025-10-21 and the two sessions of 2024-03-02 begin bars anew."""
    muhurat, halves = date(2025, 10, 21), date(2024, 3, 2)
    at = [ns(muhurat, each) for each in ("13:00", "13:45", "14:10", "14:44:59", "14:45")]
    found = made(ticks_at(tmp_path / "x.parquet", at), "45m")
    assert clock(found["ts"]) == ["14:30", "14:45"]
    at = [ns(halves, each) for each in ("09:59", "10:15", "11:30", "12:14", "12:29")]
    assert clock(made(ticks_at(tmp_path / "y.parquet", at), "45m")["ts"]) == [
        "10:00", "12:15", "12:30",
    ]  # fmt: skip


def test_a_recording_that_starts_late_makes_no_volume_up(tmp_path: Path) -> None:
    """What a day's running volume was before the first row is in no bar, and days do not mix."""
    times = [ns(day, each) for day in (DAY, DAY + timedelta(1)) for each in ("11:00", "11:01")]
    volume = [500_000, 500_040, 600_000, 600_007]
    path = ticks_at(tmp_path / "x.parquet", times, volume=volume)
    found = made(path, "15m")
    assert found["volume"].to_list() == [40, 7]
    with opened(path, "15m") as rows:
        assert rows.left_out.begun == 2
    own = ticks_at(tmp_path / "y.parquet", times, volume=volume, qty=[3, 1, 5, 1])
    assert made(own, "15m")["volume"].to_list() == [43, 12]
    early = [ns(DAY, each) for each in ("09:05", "09:15", "09:16")]
    known = ticks_at(tmp_path / "z.parquet", early, volume=[0, 70, 90])
    assert made(known, "15m")["volume"].to_list() == [90]


def minutes_at(path: Path, minutes: int, first: str, count: int) -> Path:
    """Write bars of so many minutes from a time on."""
    times = [ns(DAY, first) + place * minutes * 60 * 10**9 for place in range(count)]
    prices = {name: [100.0] * count for name in ("open", "high", "low", "close")}
    return write(path, {"ts": times, "symbol": ["X"] * count, **prices})


@pytest.mark.parametrize(
    ("minutes", "bars", "word"),
    [(10, "5m", "no smaller ones"), (10, "15m", "write --bars 10m, 20m or 1d"),
     (1, "2d", "write 1d at most"), (1, "90s", "no multiple")],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(
    tmp_path: Path, minutes: int, bars: str, word: str
) -> None:  # fmt: skip
    """Smaller bars, no multiples, several days: the reason, and what to write."""
    path = minutes_at(tmp_path / "x.parquet", minutes, "09:15", 12)
    with pytest.raises(UsageError, match=word):
        open_rows(ReplayOptions(paths=[path], bars=bars))


def test_bars_across_a_bound_are_refused(tmp_path: Path) -> None:
    """Hours from 09:00 cannot be cut into hours from 09:15: the message names bar and bound."""
    path = minutes_at(tmp_path / "x.parquet", 60, "09:00", 6)
    with pytest.raises(UsageError, match=r"NSE:X: the bar from 2025-07-01 11:00:00 .* 11:15:00"):
        opened(path, "2h")
    assert clock(made(path, "1d")["ts"]) == ["15:30"]


def test_bars_of_their_own_size_stay(tmp_path: Path) -> None:
    """Bars of 10 minutes made into 10 minutes are the same, and 20 end short with the session."""
    path = minutes_at(tmp_path / "x.parquet", 10, "09:15", 38)
    assert len(made(path, "10m")["ts"]) == 38
    assert clock(made(path, "20m")["ts"])[-2:] == ["15:15", "15:30"]


def test_quotes_make_bars_of_their_middle(tmp_path: Path) -> None:
    """Bid and ask alone: the bars are of the middle, and a note says so."""
    times = [ns(DAY, each) for each in ("09:15", "09:16", "09:31")]
    path = write(tmp_path / "x.parquet", {
        "ts": times, "symbol": ["X"] * 3, "bid": [99.0, 100.0, 98.0], "ask": [101.0, 104.0, 98.5],
    })  # fmt: skip
    found = made(path, "15m")
    assert found.select("open", "high", "low", "last").rows() == [
        (1_000_000, 1_020_000, 1_000_000, 1_020_000), (982_500,) * 4,
    ]  # fmt: skip
    with opened(path, "15m") as rows:
        assert any("middle of bid and ask" in note for note in rows.notes)


def test_a_calendar_without_sessions_counts_from_midnight(tmp_path: Path) -> None:
    """With `always` hours of seven begin at 00:00 India's time, and the last ends with the day."""
    midnight = day_start_ns(DAY)
    times = [midnight + hour * 3_600 * 10**9 for hour in (0, 6, 7, 20, 21, 23, 24)]
    found = made(ticks_at(tmp_path / "x.parquet", times), "7h", calendar=Calendar.always())
    assert clock(found["ts"]) == ["07:00", "14:00", "21:00", "00:00", "07:00"]


def test_days_that_are_days_already_stay() -> None:
    """Kite's day candles are no other bars when bars of a day are asked for."""
    path = shared("data", "bars", "kite_day_20200714_20260109.parquet")
    with open_rows(ReplayOptions(paths=[path], bars="1d")) as rows:
        assert not isinstance(rows, Resampled)
