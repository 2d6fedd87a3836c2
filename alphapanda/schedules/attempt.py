"""One attempt at a notebook: a process of its own, a time limit, and nothing left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.model.interval import interval_text
from alphapanda.schedules import worker
from alphapanda.schedules.records import Status

NAP_S = 0.1
SAVING_S = 20.0
"""How long a worker may take to save a notebook whose kernel was killed."""
LOG = "log.txt"
RENDERERS = "plotly_mimetype+notebook"
"""What plotly shows in a kernel: nbconvert drops figures that have no HTML of their own."""


class Outcome(NamedTuple):
    """How an attempt ended."""

    status: Status
    reason: str = ""


def attempt(
    folder: Path, notebook: Path, parameters: Mapping[str, Any], *, base: Path,
    time_limit_s: float, stopping: Callable[[], bool],
) -> Outcome:  # fmt: skip
    """Run a notebook into a folder and return how it went; its processes are gone by then.

    Raises:
        OSError: if the folder can't be written.
    """
    job = {"notebook": str(notebook), "parameters": dict(parameters), "cwd": str(base)}
    (folder / worker.JOB).write_text(json.dumps(job), encoding="utf-8")
    own = {"ALPHAPANDA_BASE_DIR": str(base)}
    variables = {"PLOTLY_RENDERER": RENDERERS, **os.environ, **own}
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 (this Python)
            [sys.executable, "-m", worker.__name__, str(folder)], cwd=base, env=variables,
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        cut = followed(process, folder, time_limit_s, stopping)
    finally:
        end(process, folder)
    return cut or outcome_of(folder, process.returncode)


def followed(
    process: subprocess.Popen[bytes], folder: Path, time_limit_s: float,
    stopping: Callable[[], bool],
) -> Outcome | None:  # fmt: skip
    """Wait for a worker; return an outcome if it was cut off."""
    until = time.monotonic() + time_limit_s
    while not ended(process, NAP_S):
        if stopping():
            return Outcome(Status.INTERRUPTED, "stopped by a signal")
        if time.monotonic() > until:
            worker.kill_kernel(folder)
            ended(process, SAVING_S)  # it saves what the notebook has shown so far
            limit = interval_text(round(time_limit_s * 1e9))
            return Outcome(
                Status.FAILED,
                f"the time limit of {limit} was over{worker.in_cell(folder)}; kernel killed",
            )
    return None


def ended(process: subprocess.Popen[bytes], within_s: float) -> bool:
    """Say if a process ends within a time."""
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Leave no process of an attempt behind."""
    worker.kill_kernel(folder)
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def outcome_of(folder: Path, code: int) -> Outcome:
    """Return how a worker says that the notebook went."""
    try:
        reason = str(json.loads((folder / worker.OUTCOME).read_text())["reason"])
    except (OSError, ValueError, LookupError):
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        return Outcome(
            Status.FAILED,
            f"its process ended {how} before it said how the notebook went{last_line(folder)}",
        )
    return Outcome(Status.FAILED, reason) if reason else Outcome(Status.DONE)


def last_line(folder: Path) -> str:
    """Return the last line that a worker printed, with a colon before it."""
    with suppress(OSError):
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f": {said[-1][:300]}" if said else ""
    return ""
