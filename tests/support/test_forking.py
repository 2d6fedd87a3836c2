"""What is forked for a command is a process as good as one that was started for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from alphapanda.faults import VARIABLE
from alphapanda.journal.journal import FILE, Journal
from tests.support.forking import forker
from tests.support.gate import Gate
from tests.support.running import PROGRAM, Told, left, process, session, started
from tests.support.servers.process import wait_until


def test_it_says_what_a_started_one_says(tmp_path: Path) -> None:
    """Status, output, messages and variables are those of a process that was started."""
    given = {"ALPHAPANDA_LOGS_DIR": str(tmp_path / "mine")}
    for words in (("--version",), ("config", "show", "--json"), ("nothing", "--such")):
        done = subprocess.run(
            [PROGRAM, *words], cwd=tmp_path, env={**os.environ, **given}, text=True,
            capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        forked = process(*words, cwd=tmp_path, **given)
        assert forked == Told(done.returncode, done.stdout, done.stderr)
    assert forked.status == 2


def test_one_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    """Killed, it says by which signal; the next has its own folder, variables and faults."""
    words = ["backtest", "ema_cross", "--data", session(1, 300), "--no-jit", "--json"]
    told = process(*words, "--journal", "--out", "run", cwd=tmp_path, **{VARIABLE: "batch kept:1"})
    assert (told.status, told.out) == (-signal.SIGKILL, "")
    (tmp_path / "next").mkdir()
    told = process(*words, "--out", "run", cwd=tmp_path / "next")
    assert json.loads(told.out)["run"] == str(tmp_path / "next" / "run")
    assert "summary.json" in left(tmp_path / "next" / "run")


def test_one_that_hangs_is_killed(tmp_path: Path) -> None:
    """What takes longer than it may is killed, and the next command is served."""
    words = ["paper", "ema_cross", "--feed", f"replay:{session(1, 300)}", "--speed", "1x"]
    with pytest.raises(subprocess.TimeoutExpired):
        forker().run(words, tmp_path, dict(os.environ), 0.5)
    assert process("--version", cwd=tmp_path).status == 0


def test_several_live_at_once_and_are_stopped(tmp_path: Path) -> None:
    """One ends by a signal while another runs on; what each has written can be read meanwhile."""
    words = ["paper", "ema_cross", "--feed", f"replay:{session(1, 300)}", "--no-jit", "--speed"]
    with (
        started(*words, "0.01x", "--out", "slow", cwd=tmp_path) as slow,
        started(*words, "1x", "--out", "stopped", cwd=tmp_path) as stopped,
    ):
        assert wait_until((tmp_path / "stopped" / FILE).exists, 60)
        stopped.send_signal(signal.SIGTERM)
        out, err = stopped.communicate(60)
        assert (stopped.returncode, out) == (130, "")
        assert err == stopped.said() != ""
        assert slow.poll() is None
    assert slow.returncode == -signal.SIGKILL


def test_a_gate_holds_a_recording_back(tmp_path: Path) -> None:
    """Exactly so many rows pass as the test lets, and all of them in the end."""
    gate, run = Gate(tmp_path), tmp_path / "run"
    gate.let(400)
    words = ["paper", "ema_cross", "--feed", f"replay:{session(1, 1_000)}", "--speed", "max",
             "--no-jit", "--json", "--out", "run"]  # fmt: skip
    with started(*words, cwd=tmp_path, **gate.variables) as trader:
        assert wait_until(lambda: rows_in(run) == 400, 60)
        gate.let(410)
        assert wait_until(lambda: rows_in(run) == 410, 60)
        assert trader.poll() is None
        gate.let()
        out, err = trader.communicate(60)
    assert trader.returncode == 0, err
    assert json.loads(out)["ticks"] == rows_in(run) == 1_000


def rows_in(run: Path) -> int:
    """Return how many rows are in a run's journal."""
    journal = Journal(run / FILE)
    if journal.contents.path.is_file():
        journal.refresh()
    return sum(place.rows for place in journal.contents.batches)
