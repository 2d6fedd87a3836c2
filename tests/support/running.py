"""Runs the command line, in this process and in one of its own, on small made-up sessions."""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alphapanda import cli
from alphapanda.data.synth.sessions import synthesize
from tests.support.forking import Forked, forker

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("alphapanda")
MONDAY = date(2025, 8, 4)


class Told(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of its message."""
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("alphapanda: ")
        return self.err.strip()


def scratch() -> Path:
    """Return a new folder for what several tests share; it is gone when the process ends."""
    folder = tempfile.mkdtemp(prefix="alphapanda-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def session(shares: int = 2, rows: int = 3_000, days: int = 1, kind: Any = "tick") -> str:
    """Return the path of a made-up session, made once."""
    path = scratch() / f"{kind}.parquet"
    synthesize(
        path, day=MONDAY, days=days, instruments=shares, ticks_per_instrument=rows, kind=kind
    )
    return str(path)


def command(*words: str, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command in this process."""
    capsys.readouterr()
    status = cli.carry_out(words)
    said = capsys.readouterr()
    return Told(status, said.out, said.err)


def facts(done: Told) -> Any:
    """Return the object that a command printed, which ended well."""
    assert (done.status, done.err) == (0, ""), done
    return json.loads(done.out)


def called(*words: str, cwd: Path, **variables: str) -> Told:
    """Run a command in this process as `process` does, without the seconds that one takes to start.

    What a test kills, or what is about processes, needs `process`.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(cwd)
        for name, value in variables.items():
            patch.setenv(name, value)
        status = cli.carry_out(words)
    return Told(status, *(each.buffer.getvalue().decode() for each in (out, err)))


def process(*words: str, cwd: Path, **variables: str) -> Told:
    """Run a command in a process of its own: forked, unless Python itself is told something."""
    env, limit_s = {**os.environ, **variables}, 600
    if all(name.startswith("ALPHAPANDA_") for name in variables):
        return Told(*forker().run(words, cwd, env, limit_s))
    done = subprocess.run(
        [PROGRAM, *words], cwd=cwd, env=env, text=True, capture_output=True, check=False,
        timeout=limit_s,
    )  # fmt: skip
    return Told(done.returncode, done.stdout, done.stderr)


def started(*words: str, cwd: Path, **variables: str) -> Forked:
    """Start a command in a process of its own, forked, which the test ends or waits for."""
    assert all(name.startswith("ALPHAPANDA_") for name in variables)
    return Forked(forker(), words, cwd, {**os.environ, **variables})


def left(folder: Path) -> list[str]:
    """Return every file and folder that lies in a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def with_strategies(folder: Path) -> Path:
    """Return a folder with the repository's strategies in it."""
    shutil.copytree(
        ROOT / "strategies", folder / "strategies", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder
