"""The notebooks run from top to bottom on made-up data, as papermill runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
