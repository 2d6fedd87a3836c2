"""Progress on a terminal: every long command shows it by the same bars."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alphapanda.cli.progress import progress_bar, step_bars
from tests.support.running import ROOT, command, session

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standard error be taken for a wide terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.usefixtures("terminal")
def test_a_bar_tells_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """It has the work's name before anything is done, then the count, its unit and the fills."""
    with progress_bar(quiet=False, what="sweep", unit="combinations") as bar:
        assert bar is not None
        bar(1_200, 5_000, 0)
        bar(5_000, 5_000, 3)
    said = CONTROL.sub("", capsys.readouterr().err)
    assert "sweep" in said
    assert "5,000/5,000 combinations" in said
    assert "3 fills" in said


@pytest.mark.usefixtures("terminal")
def test_each_step_has_a_bar_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Steps come as they begin; what was done before a step began is no speed of it."""
    with step_bars("import", quiet=False) as show:
        assert show is not None
        show("read", 2, 2)
        show("write", 90, 100)
    said = CONTROL.sub("", capsys.readouterr().err)
    assert "import: read" in said
    assert "2/2" in said
    assert "import: write" in said
    assert "90/100" in said


def test_nobody_is_shown_anything_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside `--json`, and where standard error is no terminal, there is no bar."""
    with progress_bar(quiet=True) as bar, step_bars("import", quiet=False) as show:
        assert bar is None
        assert show is None
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
def test_a_sweep_shows_its_combinations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal a sweep ends as it does elsewhere, and has counted its combinations."""
    done = command(
        "sweep", str(ROOT / "strategies" / "sma_cross.py"), "--data", session(1, 500),
        "--grid", "fast=2,3", "--metric", "pnl", "--no-jit", "--out", str(tmp_path / "out"),
        capsys=capsys,
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "2/2 combinations" in CONTROL.sub("", done.err)
