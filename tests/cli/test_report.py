"""The page of a run and the comparison of several, from the command line."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

import pytest

import alphapanda
from alphapanda.research.rundir import RunDirectory
from alphapanda.runs import output
from tests.support.running import command, left, session, with_strategies

BACKTEST = ("backtest", "ema_cross", "--no-jit", "--json", "--data")
OUTWARD = re.compile(
    r"""(?:src|href)\s*=|url\(|@import|fetch\(|XMLHttpRequest|WebSocket|https?://"""
)


@pytest.fixture
def runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """Return a base folder with two runs, `one` and `two`, in it."""
    monkeypatch.chdir(with_strategies(tmp_path))
    for name, fast in (("one", 10), ("two", 30)):
        words = (*BACKTEST, session(rows=500), "--param", f"fast={fast}", "--out", f"runs/{name}")
        assert command(*words, capsys=capsys).status == 0
    return tmp_path


def content(page: str) -> dict[str, object]:
    """Return what a page was given to show."""
    found = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)
    assert found
    told: dict[str, object] = json.loads(found[1])
    return told


def test_a_run_has_a_page_that_needs_nothing(runs: Path) -> None:
    """The page lies in the run's folder, asks nothing of the network, and knows the run."""
    page = (runs / "runs" / "one" / "report.html").read_text()
    assert OUTWARD.findall(page) == []
    assert "{{" not in page
    summary = json.loads((runs / "runs" / "one" / "summary.json").read_text())
    told = content(page)
    assert ["Digest of every event", summary["digest"]] in told["origin"]  # type: ignore[operator]
    file = runs / "strategies" / "ema_cross.py"
    assert str(told["again"]).startswith(f"alphapanda backtest {file}:EmaCross ")
    assert len(page) < 1_500_000


def test_the_page_is_made_again_from_the_folder(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report NAME` writes the same page again, from the folder alone, also elsewhere."""
    folder = runs / "runs" / "one"
    before = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    assert command("report", "one", capsys=capsys).status == 0
    assert (folder / "report.html").read_text() == before
    told = command("report", str(folder), "--out", "else/x.html", "--json", capsys=capsys)
    assert json.loads(told.out)["report"] == str(runs / "else" / "x.html")
    assert (runs / "else" / "x.html").read_text() == before


def test_runs_side_by_side(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs give a table, one page, and with --json one object with both."""
    told = command("report", "one", "two", capsys=capsys)
    assert told.status == 0
    assert re.search(r"Fills +[\d,]+ +[\d,]+", told.out)
    page = (runs / "runs" / "compare-one-two.html").read_text()
    assert OUTWARD.findall(page) == []
    assert ["ema_cross fast", ["10", "30"]] in content(page)["differing"]  # type: ignore[operator]
    told = command("report", "one", "two", "--json", capsys=capsys)
    assert told.out.count("\n") == 1
    both = json.loads(told.out)["runs"]
    assert [Path(each["run"]).name for each in both] == ["one", "two"]
    assert both[0]["digest"] != both[1]["digest"]


def test_a_run_without_prices_has_a_page(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder from before prices were kept is reported, its page without a chart of them."""
    (runs / "runs" / "one" / "prices.parquet").unlink()
    assert command("report", "one", capsys=capsys).status == 0
    told = content((runs / "runs" / "one" / "report.html").read_text())
    assert told["shown"] == []
    assert any("no prices.parquet" in note for note in told["notes"])  # type: ignore[attr-defined]
    assert command("report", "one", "two", capsys=capsys).status == 0
    assert len(alphapanda.load("one").trades) > 3


def test_a_page_that_fails_does_not_cost_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's folder is whole but for the page, one line tells so, and so does the status."""

    def fail(*_: object) -> str:
        raise KeyError("colour")

    monkeypatch.setattr(output, "run_page", fail)
    monkeypatch.chdir(with_strategies(tmp_path))
    told = command(*BACKTEST, session(rows=500), "--out", "run", capsys=capsys)
    assert told.status == 3
    assert told.err.count("\n") == 1
    assert "the run is whole in" in told.err
    assert "KeyError: 'colour'" in told.err
    assert json.loads(told.out)["status"] == "complete"
    assert "report.html" not in left(tmp_path / "run")
    with pytest.warns(UserWarning, match="has no page"):
        alphapanda.backtest("ema_cross", session(rows=500), jit=False, out="other")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert command("report", "run", capsys=capsys).status == 0
    assert "report.html" in left(tmp_path / "run")


def test_a_full_disk_at_the_page_tells_how_it_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is over and whole: starting it again would be refused, its page is made alone."""
    text = RunDirectory.text

    def full(directory: RunDirectory, name: str, content: str) -> None:
        if name == "report.html":
            error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise directory._failure(error) from error
        text(directory, name, content)

    monkeypatch.setattr(RunDirectory, "text", full)
    monkeypatch.chdir(with_strategies(tmp_path))
    told = command(*BACKTEST, session(rows=500), "--out", "run", capsys=capsys)
    assert told.status == 3
    assert "no page, which failed with OSError: No space left on device; `alphapanda report" in (
        told.err
    )
    assert "start the run again" not in told.err
    assert "report.html" not in left(tmp_path / "run")


def test_what_is_no_run_is_told(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name, a folder without a run, a damaged file, a bad --out: one line, status 2."""
    assert "Did you mean one" in command("report", "onee", capsys=capsys).line
    (runs / "empty").mkdir()
    assert "no summary.json" in command("report", "empty", capsys=capsys).line
    assert "is a folder" in command("report", "one", "--out", "empty", capsys=capsys).line
    (runs / "runs" / "two" / "fills.parquet").write_bytes(b"no parquet")
    (runs / "runs" / "two" / "report.html").unlink()
    before = left(runs)
    told = command("report", "two", capsys=capsys)
    assert told.status == 2
    assert "fills.parquet" in told.line
    assert left(runs) == before
