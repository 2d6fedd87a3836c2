"""The notebooks run from top to bottom on made-up data, as papermill runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alphapanda.schedules.schedule import find

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["01_first_backtest", "02_research"])
def test_the_notebook_runs(name: str, tmp_path: Path) -> None:
    """Every cell runs, progress is shown, and the result is a card."""
    out = tmp_path / "out.ipynb"
    words = [str(ROOT / "notebooks" / f"{name}.ipynb"), str(out), "--no-progress-bar"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *words, "-p", "folder", str(tmp_path / "runs")],
        cwd=tmp_path, text=True, capture_output=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    text = out.read_text()
    assert "IntProgress" in text
    assert "P&amp;L after charges" in text


@pytest.mark.parametrize(("name", "shows"), [
    ("03_nightly", "no paper run of 2025-08-04 has ended"),
    ("04_walk_forward", "windows with a profit"),
])  # fmt: skip
def test_a_notebook_of_a_schedule_runs(name: str, shows: str, tmp_path: Path) -> None:
    """It runs by itself too, on data that it makes up."""
    out = tmp_path / "out.ipynb"
    words = [str(ROOT / "notebooks" / f"{name}.ipynb"), str(out), "--no-progress-bar"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *words, "-r", "folder", str(tmp_path / "results")],
        cwd=tmp_path, text=True, capture_output=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    assert shows in out.read_text()


@pytest.mark.parametrize("name", ["nightly", "weekly"])
def test_a_shipped_schedule_is_right(name: str) -> None:
    """Its file is read, and its parameters are those of its notebook."""
    assert find(ROOT / "schedules", name).name == name
