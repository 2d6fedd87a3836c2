"""Ctrl-C is 130 whoever is at work at the time; files are for their owner and his group."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb
import pytest

from tests.support.running import command, process, session

ENDLESS = "select count(*) from range(10000000) a, range(10000000) b where a.range < b.range"


def raises(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def work(wrap: bool) -> None:
    """Let DuckDB work until a signal comes, which it tells in its own words."""
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        duckdb.connect().execute(ENDLESS)
    except RuntimeError as error:
        if wrap:
            raise ValueError("what somebody made of it") from error
        raise


@pytest.mark.parametrize("wrap", [False, True])
def test_an_interrupt_inside_duckdb_is_one(
    wrap: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback and no status 1, though it comes out as a RuntimeError."""
    before = signal.signal(signal.SIGALRM, raises)
    monkeypatch.setattr("alphapanda.cli.runs_list.facts_of_all", lambda _: work(wrap))
    try:
        told = command("runs", "list", capsys=capsys)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (told.status, told.out) == (130, "")
    assert told.err == "alphapanda: interrupted\n"


@pytest.mark.core
def test_what_a_run_leaves_is_not_for_all(tmp_path: Path) -> None:
    """Journal, tables, page and database are readable by owner and group, as logs are."""
    given: Any = {"cwd": tmp_path, "ALPHAPANDA_BASE_DIR": str(tmp_path)}
    assert process("db", "upgrade", **given).status == 0
    told = process("backtest", "ema_cross", "--data", session(1, 1_000), "--no-jit", "--journal",
                   "--out", "run", **given)  # fmt: skip
    assert told.status == 0, told.err
    files = [tmp_path / "alphapanda.db", *(tmp_path / "run").iterdir()]
    assert {"journal.apj", "report.html", "fills.parquet"} <= {file.name for file in files}
    open_to_all = [file.name for file in files if file.stat().st_mode & 0o007]
    assert open_to_all == []
