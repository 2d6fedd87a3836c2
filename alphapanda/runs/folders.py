"""Folders of runs: where a new one goes, and how an old one is loaded."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from alphapanda import config
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.research.result import Result, read_result
from alphapanda.runs import options


def default_out(made: options.Options, runs_dir: Path, *, what: str = "") -> Path:
    """Return a folder under runs/, named by time, what it holds (if no run), and strategy."""
    name = "+".join(Path(str(e.strategy).partition(":")[0]).stem for e in made.strategies)
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return runs_dir / f"{stamp}-{what}{name[:80]}"


def load(run: str | Path) -> Result:
    """Return the result of a run: its folder, or its name under runs/.

    Raises:
        UsageError: there is no such run, or a file of it can't be read.
    """
    return read_result(folder_of(str(run), config.load().runs_dir))


def folder_of(run: str, runs_dir: Path) -> Path:
    """Return a run's folder from its path or its name.

    Raises:
        UsageError: if there is no such run.
    """
    for folder in (Path(run).expanduser(), runs_dir / run):
        if folder.is_dir():
            return folder.absolute()
    known = [path.parent.name for path in runs_dir.glob("*/summary.json")]
    hint = did_you_mean(run, known) or f" There are {len(known)} runs in {runs_dir}."
    raise UsageError(f"{run}: no such run.{hint}")
