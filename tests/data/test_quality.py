"""The check finds what is known to be wrong with real files, and nothing in sound ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alphapanda.data.importers.importing import import_files
from alphapanda.data.importers.source import Wanted
from alphapanda.data.quality.checking import Asked, Report, check_paths
from alphapanda.data.quality.finding import Finding
from alphapanda.data.synth.sessions import synthesize
from alphapanda.model.calendar import Calendar
from tests.support.shared import shared

HEAD = "time,symbol,open,high,low,close,volume\n"


def checked(*paths: Path, calendar: Calendar | None = None, **said: Any) -> Report:
    wanted = said.pop("wanted", Wanted())
    return check_paths(paths, Asked(wanted, calendar or Calendar.nse(), **said))


def of(report: Report, kind: str, instrument: str = "") -> Finding:
    """The one finding of a kind, of an instrument where there are several."""
    (found,) = (f for f in report.findings if f.kind == kind and instrument in ("", f.instrument))
    return found


def kinds(report: Report) -> set[str]:
    return {each.kind for each in report.findings}


def minutes(start: int = 15, count: int = 30) -> list[str]:
    return [f"2025-08-04 09:{start + n:02}:00,X,100,101,99,100,10" for n in range(count)]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text(HEAD + "\n".join(lines) + "\n")
    return path


def always(path: Path, **said: Any) -> Report:
    return checked(path, calendar=Calendar.always(), **said)


def test_made_up_sessions_are_clean(tmp_path: Path) -> None:
    """Ticks and their own minutes: nothing is wrong with either, and they agree."""
    day = date(2025, 8, 4)
    for kind in ("tick", "bar"):
        synthesize(
            tmp_path / f"{kind}.parquet", day=day, days=2, instruments=2,
            ticks_per_instrument=20_000, kind=kind,
        )  # fmt: skip
    import_files(tmp_path / "c", [tmp_path / "tick.parquet", tmp_path / "bar.parquet"], Wanted())
    assert kinds(checked(tmp_path / "c")) == set()


@pytest.mark.parametrize(("kind", "line", "at"), [
    ("zero or negative price", "2025-08-04 09:50:00,X,0,101,0,100,10", 31),
    ("inconsistent bar", "2025-08-04 09:50:00,X,100,100,99,101,10", 31),
    ("duplicate", "2025-08-04 09:44:00,X,100,101,99,100,10", 31),
    ("out of order", "2025-08-04 09:10:00,X,100,101,99,100,10", 31),
    ("spike (high)", "2025-08-04 09:45:00,X,100,140,99,100,10", 31),
    ("no close that can be read", "2025-08-04 09:50:00,X,100,101,99,,10", 31),
    ("no time that can be read", "soon,X,100,101,99,100,10", 31),
])  # fmt: skip
def test_one_planted_defect(tmp_path: Path, kind: str, line: str, at: int) -> None:
    """Each defect is found alone, once, in its row."""
    report = always(written(tmp_path / "x_1m.csv", [*minutes(), line]))
    assert kinds(report) == {kind}
    assert of(report, kind).count == 1
    assert of(report, kind).first.endswith(f"x_1m.csv row {at}")


def test_ticks_of_another_price_are_named(tmp_path: Path) -> None:
    """A bar whose close is not the ticks' is found with both prices."""
    day = date(2025, 8, 4)
    paths = [tmp_path / f"{kind}.parquet" for kind in ("tick", "bar")]
    for path, kind in zip(paths, ("tick", "bar"), strict=True):
        synthesize(
            path, day=day, instruments=["X"], ticks_per_instrument=20_000,
            kind="tick" if kind == "tick" else "bar",
        )  # fmt: skip
    import_files(tmp_path / "c", paths, Wanted())
    other = written(tmp_path / "x_1m.csv", ["2025-08-04 11:00:00,X,1,9999,1,2,10"])
    import_files(tmp_path / "c", [other], Wanted(), replacing=True)
    found = of(checked(tmp_path / "c"), "ticks disagree (close)")
    assert found.count == 1
    assert "2025-08-04 11:00 IST" in found.first
    assert found.first.endswith("bar 2.00")


def test_days_and_instruments_are_chosen(tmp_path: Path) -> None:
    """Only what was asked for is checked."""
    bad = "2025-08-05 09:15:00,Y,100,90,99,100,10"
    path = written(tmp_path / "x_1m.csv", [*minutes(), bad])
    assert kinds(always(path)) == {"inconsistent bar"}
    assert kinds(always(path, last=date(2025, 8, 4))) == set()
    assert kinds(always(path, instruments=("X",))) == set()


def test_unknown_instruments_are_found(tmp_path: Path) -> None:
    """A name that the instruments file lacks is a finding."""
    master = shared("data", "instruments", "kite_instruments_NSE_20250829.csv.gz")
    lines = [*minutes(), *(line.replace(",X,", ",INFY,") for line in minutes())]
    report = always(written(tmp_path / "x_1m.csv", lines), masters=(str(master),))
    assert [(each.kind, each.instrument) for each in report.findings] == [
        ("unknown instrument", "NSE:X")
    ]


# --- what the recordings are known for ------------------------------------------------------------


def test_index_minutes_of_2021_and_2022() -> None:
    """The outage of 2021-02-24 and the short days are found; the Muhurat session is in session."""
    report = checked(shared("data", "bars", "index_1min_nifty_banknifty_2021_202209.parquet"))
    missing = of(report, "missing bar", "NSE:NIFTY 50").days
    assert {"missing day", "row on a closed day", "duplicate"}.isdisjoint(kinds(report))
    assert missing[date(2021, 2, 24)] == 92, "the index stopped at 10:08, trading at 11:40"
    assert missing[date(2022, 3, 7)] == 375 - (338 - 3)
    assert date(2021, 11, 4) not in missing
    outside = of(report, "out of session", "NSE:NIFTY 50").days
    assert len(outside) == 434, "two bars with the closing value on every day"


def test_saturdays_of_2024() -> None:
    """Saturday sessions are sessions; what follows 15:29 on 2024-01-20 is not."""
    report = checked(shared("data", "bars", "index_1min_nifty_banknifty_2024_jan_may.parquet"))
    outside = of(report, "out of session", "NSE:NIFTY 50")
    assert set(outside.days) == {date(2024, 1, 20)}
    assert {"row on a closed day", "missing bar"}.isdisjoint(kinds(report))


def test_three_minutes_of_reliance() -> None:
    """2025-12-15 lacks 15:15 to 15:17, and nothing else is wrong."""
    report = checked(shared("data", "bars", "nse_1min_reliance_20251029_1226.parquet"))
    assert kinds(report) == {"missing bar"}
    found = of(report, "missing bar")
    assert (found.count, dict(found.days)) == (3, {date(2025, 12, 15): 3})
    assert found.first == "2025-12-15 15:15 IST"


def test_day_candles_match_the_calendar() -> None:
    """Five years of 24 shares: every trading day, no other, nothing wrong."""
    report = checked(shared("data", "bars", "kite_day_20200714_20260109.parquet"))
    assert (report.rows, report.instruments, kinds(report)) == (32_808, 24, set())


def test_defects_of_the_breeze_feed() -> None:
    """Steps back of the volume, repeats, and the gap from 12:25 to 13:02."""
    report = checked(shared("data", "ticks", "breeze_stock_futures_20251117.parquet"))
    assert of(report, "volume falls", "NSE:RELIND").count == 17
    assert of(report, "volume falls", "NSE:TCS").count == 12
    assert of(report, "repeats but for the time", "NSE:RELIND").count > 1524 / 2
    assert {"duplicate", "out of order"} <= kinds(report)
    assert of(report, "silence", "NSE:TCS").count == 3, "late start, the gap, early end"


def test_gaps_of_the_kite_recording() -> None:
    """Gaps of 17.7 min, 60, 47 and 42 s, and the late start and early end."""
    report = checked(shared("data", "ticks", "kite_derived_NIFTY25DECFUT_20251229_am.parquet"))
    assert kinds(report) == {"silence"}
    assert of(report, "silence").count == 6


def test_index_ticks_against_their_minutes(tmp_path: Path) -> None:
    """20 days of seconds agree with another source's minutes but for a few; one day ends early."""
    ticks = shared("data", "ticks", "nifty50_index_1s_2022_aug_sep.parquet")
    bars = shared("data", "bars", "index_1min_nifty_banknifty_2021_202209.parquet")
    import_files(tmp_path, [ticks], Wanted(instrument="NIFTY 50"))
    import_files(tmp_path, [bars], Wanted())
    report = checked(
        tmp_path, first=date(2022, 8, 10), last=date(2022, 9, 30), instruments=("NIFTY 50",)
    )
    assert of(report, "ticks disagree (close)").count <= 6
    assert "of 7341 bars" in of(report, "ticks disagree (close)").first
    silence = of(report, "silence")
    assert (silence.count, set(silence.days)) == (1, {date(2022, 9, 21)})
    assert "13:11:18" in silence.first
