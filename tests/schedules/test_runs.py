"""Scheduled runs by real papermill: what is kept, retries, a time limit, kills, a full disk."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
import pytest

from alphapanda.errors import OutsideError
from alphapanda.schedules import records, running, worker
from alphapanda.schedules.records import Status
from tests.schedules.made import listed, notebook, places, schedule
from tests.support.running import PROGRAM, command

DAY = date(2026, 1, 14)
OWN = '[parameters]\nday = "{today}"\nfolder = "{folder}"\nlast = "{last}"\nnames = ["data/x.csv"]'
AGAIN = """
import os, pathlib
marker = pathlib.Path("marker")
if not marker.exists():
    marker.write_text("")
    pathlib.Path(folder, "half").write_text("")
    os._exit(3)
"""
PLOT = """
import plotly.graph_objects as go
pathlib.Path(folder, "result.txt").write_text(f"{day} {last}")
go.Figure(go.Scatter(y=[1, 3, 2]))
"""
HANG = """
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "600"])
pathlib.Path("pids.partial").write_text(f"{os.getpid()} {child.pid}")
os.rename("pids.partial", "pids")
time.sleep(600)
"""


def until(done: Callable[[], Any], timeout_s: float = 120) -> None:
    """Wait until something holds."""
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Say if a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_run_keeps_what_it_was_made_of(tmp_path: Path) -> None:
    """A kernel that dies is tried again; record, hashes, notebook, plots and results are there."""
    notebook(tmp_path, AGAIN, PLOT)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("1\n")
    made = schedule(tmp_path, "retries = 2", 'retry_wait = "1s"', OWN)
    folder, record = running.run(made, DAY, places(tmp_path))
    assert (record.status, record.reason) == (Status.DONE, "")
    assert [each.status for each in record.attempts] == ["failed", "done"]
    assert record.attempts[0].reason.startswith("the kernel died in cell [3]")
    assert records.read(folder / "record.json") == record
    assert (folder / "results" / "result.txt").read_text() == "2026-01-14 "
    assert not (folder / "results" / "half").exists()
    assert (folder / "attempt-1" / "results" / "half").exists()
    page = (folder / "executed.html").read_text()
    assert "Plotly.newPlot" in page
    assert "plotly.js v" in page  # with what draws it: no network is needed
    nbformat.validate(nbformat.read(folder / "executed.ipynb", as_version=4))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parameters"]["day"] == "2026-01-14"
    assert [each["path"] for each in manifest["data"]] == ["data/x.csv"]
    assert len(manifest["notebook"]["sha256"]) == len(manifest["code"]) == 64
    index = (folder / "index.html").read_text()
    for name in ("executed.html", "manifest.json", "results/result.txt", "attempt 1"):
        assert name in index
    assert records.last_done(places(tmp_path).root, "nightly") == folder


def test_a_notebook_that_never_ends(tmp_path: Path) -> None:
    """At its time limit the kernel is killed with what it has started, and the record says so."""
    notebook(tmp_path, HANG)
    made = schedule(tmp_path, 'time_limit = "8s"')
    folder, record = running.run(made, DAY, places(tmp_path))
    assert record.status == Status.FAILED
    assert record.reason.startswith("the time limit of 8s was over")
    if (tmp_path / "pids").exists():  # on a busy machine the limit is over before the kernel is up
        assert [
            pid for pid in map(int, (tmp_path / "pids").read_text().split()) if alive(pid)
        ] == []
    assert json.loads((folder / "record.json").read_text())["status"] == "failed"


def test_a_run_that_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another is refused meanwhile; killed, it leaves no process, and the history says so."""
    notebook(tmp_path, HANG)
    schedule(tmp_path)
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    words = [PROGRAM, "schedule", "run", "nightly", "--date", "2026-01-17"]
    process = subprocess.Popen(words, start_new_session=True)
    try:
        watch_and_kill(process, tmp_path, capsys)
    finally:
        process.kill()
        process.wait()


def watch_and_kill(
    process: subprocess.Popen[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Look at a run that goes on, kill it, and look again."""
    until((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    told = command("schedule", "run", "nightly", capsys=capsys)
    assert told.status == 2
    assert "one at a time" in told.line
    running_now = command("schedule", "history", "--json", capsys=capsys)
    assert running_now.status == 0
    assert json.loads(running_now.out)["runs"][0]["status"] == "running"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(alive, pids)))
    told = command("schedule", "history", "--json", capsys=capsys)
    (only,) = json.loads(told.out)["runs"]
    assert told.status == 1
    assert list(only) == ["name", "date", "status", "started", "ended", "reason", "folder"]
    assert (only["name"], only["date"], only["status"]) == ("nightly", "2026-01-17", "left")
    assert "killed" in only["reason"]


def test_the_scheduler_is_stopped_in_order(tmp_path: Path) -> None:
    """It runs as a role too; a signal ends it with status 130, and another may begin."""
    schedule(tmp_path)
    env = {**os.environ, "ALPHAPANDA_BASE_DIR": str(tmp_path)}
    for words in (["schedule", "start"], ["run", "--role", "schedule"]):
        timer = places(tmp_path).root / "nightly" / "timer.json"
        process = subprocess.Popen(
            [PROGRAM, *words], env=env, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
        until(timer.exists)
        timer.unlink()
        process.terminate()
        assert "interrupted" in process.communicate(timeout=60)[1]
        assert process.returncode == 130


def test_a_full_disk_before_the_start(tmp_path: Path) -> None:
    """Where no record can be written nothing runs or stays, and the error says what to do."""
    made = schedule(tmp_path)
    with limited(10), pytest.raises(OutsideError, match="free space"):
        running.run(made, DAY, places(tmp_path))
    assert listed(places(tmp_path).root) == []
    assert not list(places(tmp_path).root.glob("nightly/*"))


def test_a_full_disk_in_the_middle(tmp_path: Path) -> None:
    """What can't be written beside the record is the run's failure, and the record names it."""
    made = schedule(tmp_path)
    with limited(700):
        folder, record = running.run(made, DAY, places(tmp_path))
    assert record.status == Status.FAILED
    assert "File too large" in records.read(folder / "record.json").reason


class limited:  # noqa: N801 (reads as a word)
    """Lets files grow to so many bytes, as a disk that is full then."""

    def __init__(self, size: int) -> None:
        self.size, self.before = size, resource.getrlimit(resource.RLIMIT_FSIZE)

    def __enter__(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


def test_an_alert_goes_where_the_schedule_says(tmp_path: Path) -> None:
    """The command gets the record, the topics hear of it, and an alert that fails stops nothing."""
    made = schedule(
        tmp_path, 'alert = ["command", "bus"]',
        f'alert_command = ["sh", "-c", "cat > {tmp_path}/heard; exit 1"]',
    )  # fmt: skip
    heard: list[str] = []
    with limited(700):
        folder, record = running.run(
            made, DAY, places(tmp_path), tell=lambda _, each: heard.append(each.reason)
        )
    assert heard == [record.reason]
    assert json.loads((tmp_path / "heard").read_text())["folder"] == str(folder)


def test_sys_exit_is_no_success() -> None:
    """A notebook that left by sys.exit(0), which papermill calls whole, did not go well."""
    left = nbformat.v4.new_output("error", ename="SystemExit", evalue="0", traceback=[])
    leaves = nbformat.v4.new_code_cell("sys.exit(0)", execution_count=1, outputs=[left])
    cells = [leaves, nbformat.v4.new_code_cell("1 / 0")]
    assert worker.left_early(cells).startswith("cell [1] left by SystemExit")
    assert worker.left_early(cells[1:]) == ""


def test_a_record_that_is_damaged_says_so(tmp_path: Path) -> None:
    """It is listed as failed, with the file's name; the others are listed as they are."""
    root = places(tmp_path).root
    folder = root / "nightly" / "2026-01-14"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{")
    (only,) = records.history(root)
    assert (only["name"], only["date"], only["status"]) == ("nightly", "2026-01-14", "failed")
    assert "record.json can't be read" in only["reason"]
