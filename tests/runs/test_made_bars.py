"""Runs with `--bars`: what a run gives on data that were resampled beforehand, in every mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import alphapanda
from alphapanda import param, sma, strategy, target
from alphapanda.errors import UsageError
from alphapanda.journal.journal import FILE
from alphapanda.runs.verify import verify
from alphapanda.runtime.sources import parse_feed
from tests.support.harness import cache_dir
from tests.support.running import called, session

MINE = '''"""Above its average."""

from alphapanda import param, sma, strategy, target


@strategy(compiled=False)
class Mine:
    """Long above the average of three bars of 15 minutes."""

    window = param(3, ge=1, doc="bars")
    average = sma("window", bar="15m")

    def on_bar(self, ctx):
        target(ctx, 1 if ctx.close / 10_000 > self.average.value else 0)
'''
WAYS: dict[str, Any] = {"limits": "wide", "cash": "10000000"}


@strategy(compiled=False)
class Mine:
    """Long above the average of three bars of 15 minutes, on rows of five."""

    window = param(3, ge=1, doc="bars")
    average = sma("window", bar="15m")

    def on_bar(self, ctx: Any) -> None:
        """Hold 1 or 0."""
        target(ctx, 1 if ctx.close / 10_000 > self.average.value else 0)


@pytest.fixture(scope="module")
def ticks() -> str:
    """Return ticks of two shares on two days."""
    return session(2, 1_500, days=2)


@pytest.fixture(scope="module")
def beforehand(ticks: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return bars of five minutes of the same ticks, as polars makes them."""
    frame = pl.read_parquet(ticks)
    when, name = frame.columns[0], "symbol" if "symbol" in frame.columns else "instrument"
    at = pl.col(when).dt
    volume = pl.col("volume") - pl.col("volume").shift(1).over(name, at.date())
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    price = pl.col("last_price" if "last_price" in frame.columns else "last")
    (
        frame.with_columns(traded=volume.fill_null(pl.col("qty")))
        .filter(at.time().is_between(pl.time(9, 15), pl.time(15, 30), closed="left"))
        .sort(when, maintain_order=True)
        .group_by_dynamic(when, every="5m", group_by=name)
        .agg(open=price.first(), high=price.max(), low=price.min(), close=price.last(),
             volume=pl.col("traded").sum())
        .sort(when, name)
        .write_parquet(path)
    )  # fmt: skip
    return str(path)


def test_it_is_the_run_on_bars_made_beforehand(ticks: str, beforehand: str) -> None:
    """The same output rows, to the byte; the strategy's larger bars are made of them too."""
    made = alphapanda.backtest(Mine, ticks, bars="5m", **WAYS)
    before = alphapanda.backtest(Mine, beforehand, **WAYS)
    assert made.summary["fills"] > 0
    assert made.digest == before.digest
    for name in ("ticks", "days", "pnl", "kind", "from", "to", "stats"):
        assert made.summary[name] == before.summary[name], name


def test_warmed_up_too(ticks: str, beforehand: str) -> None:
    """Rows before `--from` are made into bars as well, as many days of them as are needed."""
    first = str(pl.read_parquet(beforehand)["ts"].dt.date().max())
    given: Any = {"from_": first, "params": {"window": 20}, **WAYS}
    made = alphapanda.backtest(Mine, ticks, bars="5m", **given)
    before = alphapanda.backtest(Mine, beforehand, **given)
    assert made.digest == before.digest
    assert made.summary["warm_rows"] == before.summary["warm_rows"] > 0


def test_paper_a_journal_and_verify_go_on_with_it(ticks: str, tmp_path: Path) -> None:
    """On paper the same digest; the journal replays; its manifest has the option."""
    (tmp_path / "mine.py").write_text(MINE)
    words = ("--bars", "5m", "--limits", "wide", "--cash", "10000000", "--json", "--out", "run")
    told = called("paper", "mine.py", "--feed", f"replay:{ticks}", "--speed", "max", *words,
                  cwd=tmp_path)  # fmt: skip
    assert told.status == 0, told.err
    summary = json.loads(told.out)
    assert summary["digest"] == alphapanda.backtest(Mine, ticks, bars="5m", **WAYS).digest
    assert verify(tmp_path / "run" / FILE, cache_dir()).identical
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["options"]["bars"] == "5m"
    assert any("made of ticks" in note for note in summary["notes"])


def test_a_journal_of_ticks_is_made_into_bars(ticks: str, tmp_path: Path) -> None:
    """A recording that is taken as it came gives the bars of the same ticks."""

    @strategy(compiled=False)
    class Idle:
        """Ask for nothing."""

        def on_tick(self, ctx: Any) -> None:
            """Do nothing."""

    alphapanda.backtest(Idle, ticks, journal=True, out=str(tmp_path / "run"))
    again = alphapanda.backtest(Mine, str(tmp_path / "run"), bars="5m", **WAYS)
    assert again.digest == alphapanda.backtest(Mine, ticks, bars="5m", **WAYS).digest
    with pytest.raises(UsageError, match="write 1d at most"):
        alphapanda.backtest(Mine, ticks, bars="3d", **WAYS)


def test_rows_outside_are_told_and_all_of_them_refused(tmp_path: Path) -> None:
    """Part outside: a note with count, first and last; all outside: refused with the reason."""
    frame = pl.read_parquet(session(1, 60, kind="bar"))
    naive = frame.with_columns(pl.col("date").dt.replace_time_zone(None))
    early = naive.filter(pl.col("date").dt.time() < pl.time(14, 30))
    late = early.with_columns(pl.col("date").dt.offset_by("-330m"))
    late.write_parquet(tmp_path / "utc.parquet")
    with pytest.raises(UsageError, match=r"--bars: .* UTC taken as India's"):
        alphapanda.backtest(Mine, str(tmp_path / "utc.parquet"), bars="5m", interval="1m")
    more = naive.head(1).with_columns(pl.col("date").dt.offset_by("10h"))
    pl.concat([naive, more]).write_parquet(tmp_path / "some.parquet")
    result = alphapanda.backtest(Mine, str(tmp_path / "some.parquet"), bars="5m", interval="1m")
    (note,) = (note for note in result.summary["notes"] if "outside trading hours" in note)
    assert f"1 of {frame.height + 1} rows" in note
    assert "none of the bars of 5m" in note


def test_a_feed_of_others_is_not_made_into_bars() -> None:
    """Of topics, and of Kite, rows come as they are: the option is refused by name."""
    for word in ("bus:", "kite:"):
        with pytest.raises(UsageError, match="--bars: whoever publishes the feed"):
            parse_feed([word]).refuse_choosing({"bars": "5m"})
