"""The sides of a comparison: this tree, an earlier one, and other people's engines.

Each measurement is a process of its own. A side returns what it cost, less is better, or None where
it is not installed; `tests/bench/ratios.py` says what is compared and how much is allowed.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench.workloads import PEERS

ROOT = Path(__file__).resolve().parents[2]
BASE = "1b2776f"
"""The commit that ratios are against: the last one before edit to result counted."""
VENVS = Path(os.environ.get("BENCH_VENVS", Path(tempfile.gettempdir(), "bench-venvs")))
"""Where ../shared/bench/run_peers.sh installs the other engines."""


@dataclass(frozen=True)
class Done:
    """One process that has ended."""

    wall: float
    """Seconds on the clock, from before it starts until it has ended."""
    cpu: float
    """User and system seconds, of its children too."""
    rss: float
    """Most resident memory, in MB."""
    answer: dict[str, Any]
    """The JSON object it printed last."""


def run(arguments: list[str], *, cwd: Path = ROOT, **variables: str) -> Done:
    """Run a process to its end.

    Raises:
        RuntimeError: It failed; its last words are in the message.
    """
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **variables}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = perf_counter()
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=environment
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        lines = out.read().decode().strip().splitlines()
        if process.returncode != 0 or not lines:
            words = err.read().decode().strip().splitlines()[-3:]
            raise RuntimeError(f"{' '.join(arguments[:8])} ... ended with "
                               f"{process.returncode}: {' | '.join(words)}")  # fmt: skip
    return Done(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3, json.loads(lines[-1]))


@dataclass(frozen=True)
class Tree:
    """A checkout of this project, run by this interpreter and its packages."""

    folder: Path
    cache: Path
    """Its compiled loops: kept between measurements, and never shared with another tree's."""

    def command(self, *words: str) -> Done:
        """Run `alphapanda WORDS`, with `--json` and a run folder of its own."""
        with tempfile.TemporaryDirectory() as out:
            entry = [sys.executable, "-c", "from alphapanda.cli import main; main()"]
            return run(
                [*entry, *words, "--json", "--out", f"{out}/run"], cwd=Path(out),
                PYTHONPATH=str(self.folder), ALPHAPANDA_CACHE_DIR=str(self.cache),
                ALPHAPANDA_BASE_DIR=out,
            )  # fmt: skip

    def python(self, file: Path, *words: str) -> Done:
        """Run a Python file of the benchmark against this tree."""
        with tempfile.TemporaryDirectory() as out:
            return run(
                [sys.executable, str(file), *words], cwd=Path(out), PYTHONPATH=str(self.folder),
                ALPHAPANDA_CACHE_DIR=str(self.cache), ALPHAPANDA_BASE_DIR=out,
            )  # fmt: skip


def ours(scratch: Path) -> Tree:
    """Return this tree."""
    return Tree(ROOT, scratch / "ours")


@functools.cache
def base(scratch: Path) -> Tree | None:
    """Return the earlier tree, checked out into build/base; None where git does not have it."""
    folder = ROOT / "build" / "base"
    if not (folder / "alphapanda").exists():
        made = ["git", "worktree", "add", "--force", "--detach", str(folder), BASE]
        if subprocess.run(made, cwd=ROOT, capture_output=True, check=False).returncode != 0:
            return None
    return Tree(folder, scratch / "base")


def peer(name: str, script: str, *words: str) -> Done | None:
    """Run a script of ../shared/bench; None where its engine is not installed."""
    python = VENVS / name / "bin" / "python"
    if not python.exists():
        return None
    return run([str(python), "-W", "ignore", script, *words], cwd=PEERS)


def floor(workload: str) -> Done:
    """Run a workload's loop written by hand, which this project's own packages can run."""
    return run([sys.executable, "-W", "ignore", "floor.py", workload], cwd=PEERS)


def own_peer(name: str, script: Path, *words: str) -> Done | None:
    """Run a script of ours in another engine's environment; None where that is not installed."""
    python = VENVS / name / "bin" / "python"
    return run([str(python), "-W", "ignore", str(script), *words]) if python.exists() else None
