"""What is forked for a command is a process as good as one that was started for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from alphapanda.faults import VARIABLE
from tests.support.forking import forker
from tests.support.running import PROGRAM, Told, left, process, session


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
