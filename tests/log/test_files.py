"""The files of the log: put aside when full or old, kept for a while, shared by processes."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alphapanda import log
from alphapanda.log.files import DAY_S, ChannelFile
from tests.log.reading import logging_to

NOON = 1_754_308_800.0
WRITER = """
import sys
from alphapanda import log
from alphapanda.config.settings import Settings
log.start(Settings(base_dir=sys.argv[1], logs={"file_bytes": 4096, "files": 1000}))
for n in range(300):
    log.get("alphapanda.bus").info("row", n=n, by=sys.argv[2])
"""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now


def write(file: ChannelFile, text: str, moment: float | None = None) -> None:
    file.handle(logging.LogRecord("x", logging.INFO, "x", 1, text, None, None))
    if moment is not None:
        os.utime(file.path, (moment, moment))


def opened(folder: Path, clock: Clock, files: int = 3, keep_days: int = 30) -> ChannelFile:
    return ChannelFile(
        folder / "api.jsonl", size=100, files=files, keep_days=keep_days, clock=clock
    )


def test_full_files_are_put_aside_and_the_oldest_go(tmp_path: Path) -> None:
    """No file passes its size, at most so many are kept, and what is kept is the newest."""
    clock = Clock()
    file = opened(tmp_path, clock)
    for number in range(20):
        write(file, f"{number:039}", clock.now)
        clock.now += 1
    file.close()
    kept = sorted(tmp_path.glob("api*.jsonl"))
    assert len(kept) == 3
    assert all(each.stat().st_size <= 100 for each in kept)
    numbers = sorted(int(line) for each in kept for line in each.read_text().split())
    assert numbers == list(range(14, 20))


def test_a_line_larger_than_a_file_is_kept_whole(tmp_path: Path) -> None:
    """A long traceback gets a file of its own."""
    clock = Clock()
    file = opened(tmp_path, clock)
    for text in ("a", "b" * 500, "c"):
        write(file, text, clock.now)
    file.close()
    sizes = sorted(each.stat().st_size for each in tmp_path.glob("api*.jsonl"))
    assert sizes == [2, 2, 501]


def test_a_new_day_begins_a_new_file_and_old_days_go(tmp_path: Path) -> None:
    """Each day has files of its own, which stay for `keep_days`."""
    clock = Clock()
    file = opened(tmp_path, clock, files=100, keep_days=5)
    for day in range(12):
        clock.now = NOON + day * DAY_S
        write(file, f"day {day}", clock.now)
    file.close()
    days = [each.read_text().strip() for each in sorted(tmp_path.glob("api-*.jsonl"))]
    assert days == [f"day {day}" for day in range(6, 11)]
    assert (tmp_path / "api.jsonl").read_text() == "day 11\n"


def test_processes_share_a_file_and_lose_no_line(tmp_path: Path) -> None:
    """Three processes that write and rotate the same channel leave every line, whole."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = sorted((tmp_path / "logs").glob("application*.jsonl"))
    assert len(files) > 5
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert sorted((row["by"], row["n"]) for row in rows) == [
        (name, n) for name in "abc" for n in range(300)
    ]


def test_the_audit_channel_is_kept_for_years(tmp_path: Path) -> None:
    """No number of files and no ordinary age removes a line of the audit channel."""
    with logging_to(tmp_path, logs={"file_bytes": 1024, "files": 1, "keep_days": 1}):
        for number in range(50):
            log.get("audit").info("login", number=number, text="x" * 200)
            log.get("alphapanda.bus").info("row", number=number, text="x" * 200)
    audit = sorted((tmp_path / "logs").glob("audit*.jsonl"))
    assert sum(file.read_text().count("\n") for file in audit) == 50
    assert len([*(tmp_path / "logs").glob("application*.jsonl")]) == 1


def test_a_disk_that_refuses_is_told_once_and_stops_nobody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Trading goes on when the log can't be written; stderr says why, once."""
    file = ChannelFile(tmp_path / "api.jsonl", size=10**6, files=3, keep_days=1)
    file.path.mkdir()
    for _ in range(3):
        write(file, "lost")
    file.path.rmdir()
    write(file, "found")
    file.close()
    assert capfd.readouterr().err.count("Is a directory") == 1
    assert file.path.read_text() == "found\n"
