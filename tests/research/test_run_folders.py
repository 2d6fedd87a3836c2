"""Folders of runs: names that nobody chose, and who may read them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

import alphapanda
from alphapanda.errors import OutsideError
from alphapanda.research.rundir import claimed, remove_empty


def test_a_name_that_nobody_chose_is_given_once(tmp_path: Path) -> None:
    """Whoever asks for the same name gets a folder of its own; one that stays empty may go."""
    wanted = tmp_path / "runs" / "20261128-paper"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: claimed(wanted), range(24)))
    assert sorted(found) == sorted(
        wanted.with_name(f"{wanted.name}{end}") for end in ["", *(f"-{n}" for n in range(2, 25))]
    )
    (found[0] / "journal").touch()
    for folder in found:
        remove_empty(folder)
    assert [*wanted.parent.iterdir()] == [found[0]]
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match="can't make the folder"):
        claimed(tmp_path / "file" / "run")


def test_a_run_is_not_for_all_on_the_machine(tmp_path: Path) -> None:
    """A notebook's process has no umask of ours: owner and group read its runs, nobody else."""
    before = os.umask(0o022)
    try:
        result = alphapanda.backtest(
            "sma_cross", minutes(), jit=False, out=tmp_path / "run", journal=True
        )
    finally:
        os.umask(before)
    assert result.path is not None
    found = [result.path, *result.path.iterdir()]
    assert len(found) > 5
    assert [path.name for path in found if path.stat().st_mode & 0o007] == []
    assert (tmp_path / "run").stat().st_mode & 0o050 == 0o050


def minutes() -> pd.DataFrame:
    """Return some minutes of a share."""
    times = pd.date_range("2025-07-01 09:15", periods=60, freq="1min", tz="Asia/Kolkata")
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    return pd.DataFrame({"ts": times, "symbol": "INFY", **prices, "volume": 1_000})
