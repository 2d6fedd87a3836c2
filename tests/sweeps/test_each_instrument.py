"""A sweep of each instrument by itself: as if there were no other, and judged among all runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from alphapanda.errors import UsageError
from alphapanda.research.deflated import expected_maximum
from alphapanda.research.sweep_store import partial_of
from alphapanda.sweeps.each import folders_of
from tests.support.running import ROOT, command, with_strategies
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, bars

Caps = pytest.CaptureFixture[str]


def each(**more: Any) -> Any:
    """Return a sweep of each of two shares."""
    return alphapanda.sweep(
        SMA_CROSS, bars(), **{"grid": GRID, "each_instrument": True, **WAYS, **more}
    )


@pytest.mark.core
def test_each_is_as_if_alone_and_all_runs_are_trials(tmp_path: Path) -> None:
    """Each instrument's rows are those of its own sweep; the best is judged among all of them."""
    result = each(out=tmp_path / "out")
    rows = result.table.to_pylist()
    names = list(dict.fromkeys(row["instrument"] for row in rows))
    assert len(names) == 2
    alone = {
        name: alphapanda.sweep(SMA_CROSS, bars(), grid=GRID, instrument=name, **WAYS)
        for name in names
    }
    for name in names:
        own = [row for row in rows if row["instrument"] == name]
        assert own == [{"instrument": name, **row} for row in alone[name].table.to_pylist()]
    best = max(names, key=lambda name: alone[name].best["sharpe"])
    assert result.best == {"instrument": best, **alone[best].best}
    chance, own_chance = result.summary["chance"], alone[best].summary["chance"]
    assert (chance["trials"], own_chance["trials"]) == (14, 7)
    assert chance["sharpe"] == pytest.approx(own_chance["sharpe"], rel=1e-12)
    daily = result.table["sharpe"].to_numpy().astype(float) / 252**0.5
    assert chance["chance_sharpe"] == pytest.approx(
        expected_maximum(float(daily.var(ddof=1)), 14) * 252**0.5
    )
    assert result.summary["combos"] == 14
    assert [row["instrument"] for row in result.summary["instruments_table"]] == names
    assert "<html" in result.html()
    stamp = (tmp_path / "out" / "results.parquet").stat().st_mtime_ns
    again = each(out=tmp_path / "out")
    assert again.table.equals(result.table)
    assert again.best == result.best
    assert (tmp_path / "out" / "results.parquet").stat().st_mtime_ns == stamp
    assert not partial_of(tmp_path / "out").exists()


@pytest.mark.core
def test_what_is_done_stays_done(tmp_path: Path) -> None:
    """Ended in the second instrument, it takes up the first as it is and goes on in the second."""

    class Cut(Exception):  # noqa: N818 (no error: it stands for a power cut)
        """Ends a sweep."""

    def cut(done: int, _: int) -> None:
        if done >= 10:
            raise Cut

    out = tmp_path / "out"
    with pytest.raises(Cut):
        each(out=out, progress=cut)
    (first,) = partial_of(out).glob("*/results.parquet")
    stamp = first.stat().st_mtime_ns
    result = each(out=out)
    assert result.table.equals(each().table)
    kept = out / first.parent.name
    assert json.loads((kept / "summary.json").read_text())["combos"] == 7
    assert (kept / "results.parquet").stat().st_mtime_ns == stamp
    with pytest.raises(UsageError, match="other grid"):
        each(out=out, grid={"fast": [2], "slow": [30]})


@pytest.mark.core
def test_in_a_terminal_each_has_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Caps
) -> None:
    """The table has a line for each; with walk-forward what the tests gave."""
    monkeypatch.chdir(with_strategies(tmp_path))
    words = ("sweep", "sma_cross", "--data", bars(), "--grid", "fast=2,5", "--grid", "slow=12,30",
             "--limits", "wide", "--each-instrument", "--out")  # fmt: skip
    for more in ((), ("--walk-forward", "3d/2d")):
        told = command(*words, f"out{len(more)}", *more, capsys=capsys)
        assert (told.status, told.err) == (0, "")
        assert told.out.count("NSE:") >= 2 or told.out.count("PANDA") >= 2
        assert "8 combinations" in told.out


def test_a_strategy_of_several_at_once_is_refused() -> None:
    """Legs and universes trade instruments together."""
    for name in ("spread", "momentum"):
        with pytest.raises(UsageError, match=f"--each-instrument: {name} trades several"):
            alphapanda.sweep(
                str(ROOT / "strategies" / f"{name}.py"), bars(), grid={"quantity": [1, 2]},
                each_instrument=True,
            )  # fmt: skip


def test_folders_are_told_apart() -> None:
    """Names that a disk can't hold become others, two never the same."""
    assert folders_of(["NSE:INFY", "M&M", "M_M", "../etc"]) == {
        "NSE:INFY": "NSE_INFY", "M&M": "M_M-1", "M_M": "M_M-2", "../etc": "_etc",
    }  # fmt: skip
