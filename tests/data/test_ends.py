"""Bars end with their session: the last of a day is shorter, whatever else lies in the data."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphapanda.data.replay.replay import ReplayOptions, open_replay
from alphapanda.model.calendar import Calendar, SessionGroup
from tests.data.replaying import IST, ns, whole, write

DAY = date(2025, 7, 1)
AUCTION = date(2026, 8, 4)
"""Shares with derivatives trade until 15:15, other shares until 15:30, derivatives until 15:40."""


def starts(day: date, minutes: int, *, opened: str = "09:15", until: str = "15:30") -> list[Any]:
    """Return the starts of a day's bars."""
    at = datetime.fromisoformat(f"{day}T{opened}+05:30")
    end = datetime.fromisoformat(f"{day}T{until}+05:30")
    found = []
    while at < end:
        found.append(at)
        at += timedelta(minutes=minutes)
    return found


def file_of(path: Path, rows: list[tuple[Any, str]]) -> Path:
    """Write bars that start at these times, of these symbols."""
    rows = sorted(rows)
    prices = {name: [100.0] * len(rows) for name in ("open", "high", "low", "close")}
    columns = {"ts": [ts for ts, _ in rows], "symbol": [name for _, name in rows], **prices}
    return write(path, {**columns, "volume": [10] * len(rows)})


def read(path: Path, groups: list[SessionGroup], **options: Any) -> Any:
    """Return the rows of a file whose instruments follow these sessions."""
    with open_replay(ReplayOptions(paths=[path], **options)) as replay:
        replay.end_with(Calendar.nse(), groups)
        return whole(list(replay.batches()))


def clock(ts: Any) -> list[str]:
    """Return times as hours and minutes of India."""
    return [datetime.fromtimestamp(int(each) / 1e9, IST).strftime("%H:%M") for each in ts]


@pytest.mark.parametrize("minutes", [1, 5, 10, 15, 30, 45, 60, 75, 120, 180])
def test_the_last_bar_of_a_day_ends_at_the_close(tmp_path: Path, minutes: int) -> None:
    """No bar ends after 15:30, and one does end there; none is lost, the others stay."""
    begun = starts(DAY, minutes)
    rows = read(file_of(tmp_path / "x.parquet", [(at, "X") for at in begun]), [SessionGroup.EQUITY])
    ends = [min(at + timedelta(minutes=minutes), begun[0] + timedelta(minutes=375)) for at in begun]
    assert clock(rows.ts) == [end.strftime("%H:%M") for end in ends]
    assert clock(rows.ts)[-1] == "15:30"


def test_bars_counted_from_the_hour_end_at_the_close_too(tmp_path: Path) -> None:
    """Hours from 09:00 as other vendors count them: the first ends at 10:00, the last at 15:30."""
    begun = starts(DAY, 60, opened="09:00")
    rows = read(file_of(tmp_path / "x.parquet", [(at, "X") for at in begun]), [SessionGroup.EQUITY])
    assert clock(rows.ts) == ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "15:30"]


def test_a_bar_behind_the_close_keeps_its_interval(tmp_path: Path) -> None:
    """What starts when the session is over is no bar of it."""
    begun = [*starts(DAY, 60), datetime.fromisoformat(f"{DAY}T15:30+05:30")]
    rows = read(file_of(tmp_path / "x.parquet", [(at, "X") for at in begun]), [SessionGroup.EQUITY])
    assert clock(rows.ts)[-2:] == ["15:30", "16:30"]


@pytest.mark.parametrize("batch_rows", [1, 3, 1_000])
def test_sessions_that_end_apart_keep_rows_in_order(tmp_path: Path, batch_rows: int) -> None:
    """A commodity's bar that began earlier may end after a share's last one."""
    share = [(at, "NSE:X") for at in starts(DAY, 60)]
    metal = [(at, "MCX:GOLD") for at in starts(DAY, 60, opened="09:00", until="23:30")]
    path = file_of(tmp_path / "x.parquet", share + metal)
    with open_replay(ReplayOptions(paths=[path], batch_rows=batch_rows)) as replay:
        groups = [
            SessionGroup.COMMODITY if name.startswith("MCX") else SessionGroup.EQUITY
            for name in replay.names
        ]
        replay.end_with(Calendar.nse(), groups)
        rows = whole(list(replay.batches()))
        metal_row = replay.names.index("MCX:GOLD")
    assert (np.diff(rows.ts) >= 0).all()
    assert len(rows.ts) == len(share) + len(metal)
    assert clock(rows.ts[rows.row == metal_row])[-2:] == ["23:00", "23:30"]
    assert clock(rows.ts[rows.row != metal_row])[-1] == "15:30"


def test_each_group_ends_with_its_own_session(tmp_path: Path) -> None:
    """Since 2026-08-03 three groups close at three times; each last hour ends with its own."""
    groups = [SessionGroup.EQUITY_FO, SessionGroup.EQUITY, SessionGroup.DERIVATIVES]
    names = ["NSE:A", "NSE:B", "NSE:C"]
    rows = [(at, name) for at in starts(AUCTION, 60) for name in names]
    found = read(file_of(tmp_path / "x.parquet", rows), groups)
    lasts = [clock(found.ts[found.row == row])[-1] for row in range(3)]
    assert lasts == ["16:15", "15:30", "15:40"]


def test_two_sessions_of_a_day_end_bars_twice(tmp_path: Path) -> None:
    """On 2024-03-02 trading ran 09:15-10:00 and 11:30-12:30."""
    day = date(2024, 3, 2)
    begun = [*starts(day, 60, until="10:00"), *starts(day, 60, opened="11:15", until="12:30")]
    rows = read(file_of(tmp_path / "x.parquet", [(at, "X") for at in begun]), [SessionGroup.EQUITY])
    assert clock(rows.ts) == ["10:00", "12:15", "12:30"]


def test_a_calendar_that_never_closes_cuts_nothing(tmp_path: Path) -> None:
    """With `always` bars have their whole interval."""
    path = file_of(tmp_path / "x.parquet", [(at, "X") for at in starts(DAY, 60)])
    with open_replay(ReplayOptions(paths=[path])) as replay:
        replay.end_with(Calendar.always(), [SessionGroup.EQUITY])
        rows = whole(list(replay.batches()))
    assert int(rows.ts[-1]) == ns(DAY, "16:15")


def test_an_instrument_whose_volume_is_nothing_is_known(tmp_path: Path) -> None:
    """A volume of 0 in every row is told from one that is 0 in some, and from no column at all."""
    at = starts(DAY, 15)
    rows = [(ts, name) for ts in at for name in ("LOUD", "MUTE")]
    prices = {name: [100.0] * len(rows) for name in ("open", "high", "low", "close")}
    columns = {"ts": [ts for ts, _ in rows], "symbol": [name for _, name in rows], **prices}
    volume = [5 if name == "LOUD" and place > 9 else 0 for place, (_, name) in enumerate(rows)]
    path = write(tmp_path / "x.parquet", {**columns, "volume": volume})
    with open_replay(ReplayOptions(paths=[path])) as replay:
        assert [replay.names[row] for row in replay.silent] == ["NSE:MUTE"]
    with open_replay(ReplayOptions(paths=[write(tmp_path / "y.parquet", columns)])) as replay:
        assert replay.silent == frozenset()
