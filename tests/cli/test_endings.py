"""How a run ends that is not let finish: signals, a full disk, a reader that leaves."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running import PROGRAM, left, process, session, with_strategies

ROWS = 16_000
SLOW = '''
import time
from pathlib import Path
from alphapanda import param, state, strategy, target

@strategy(compiled=False)
class Slow:
    """Trade at every tick; from the 2,000th on take a while over each."""
    first = param(2_000)

    def start(self):
        self.seen = 0

    def on_tick(self, ctx):
        self.seen += 1
        target(ctx, self.seen % 2)
        if self.seen == self.first:
            Path("reached").touch()
        if self.seen >= self.first:
            time.sleep(0.0002)
'''


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a run that has come half way through its data."""
    (tmp_path / "slow.py").write_text(SLOW)
    words = ("backtest", "slow.py", "--no-jit", "--data", session(1, ROWS), "--out", "run")
    with subprocess.Popen(
        [PROGRAM, *words], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as made:  # fmt: skip
        wait_for(tmp_path / "reached", made)
        yield made
        made.kill()


def wait_for(path: Path, running: subprocess.Popen[str]) -> None:
    """Wait until a file is there."""
    until = time.monotonic() + 60
    while not path.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_leaves_a_partial_result(
    number: signal.Signals, running: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM: exit 130, and what was run is written and says that it is partial."""
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.splitlines() == ["alphapanda: interrupted"]
    assert "INTERRUPTED: PARTIAL RESULT" in out
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    assert 0 < summary["ticks"] < ROWS
    assert summary["fills"] > 0
    assert [name for name in left(tmp_path) if "partial" in name] == []


def test_second_signal_stops_at_once(running: subprocess.Popen[str], tmp_path: Path) -> None:
    """Who presses Ctrl-C twice does not want to wait: exit 130, nothing left."""
    running.send_signal(signal.SIGINT)
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert (out, err) == ("", "alphapanda: interrupted\n")
    assert left(tmp_path) == ["reached", "slow.py"]


def test_signal_before_the_first_row(tmp_path: Path) -> None:
    """While strategies are loaded nothing is there to keep."""
    (tmp_path / "slow.py").write_text("import time, pathlib\npathlib.Path('reached').touch()\n"
                                      "time.sleep(60)\n")  # fmt: skip
    words = ("backtest", "slow.py", "--data", session(), "--out", "run")
    with subprocess.Popen([PROGRAM, *words], cwd=tmp_path, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:  # fmt: skip
        wait_for(tmp_path / "reached", made)
        made.send_signal(signal.SIGTERM)
        assert made.communicate(timeout=60) == ("", "alphapanda: interrupted\n")
    assert made.returncode == 130
    assert left(tmp_path) == ["reached", "slow.py"]


@pytest.mark.parametrize("size", [1_000, 30_000])
def test_full_disk(size: int, tmp_path: Path) -> None:
    """A disk without room for the run: exit 3, one line, and nothing half-written."""
    with_strategies(tmp_path)
    before = left(tmp_path)
    words = ("backtest", "ema_cross", "--no-jit", "--param", "fast=2", "--param", "slow=3",
             "--data", session(2, 4_000))  # fmt: skip
    done = subprocess.run(
        [PROGRAM, *words], cwd=tmp_path, text=True, capture_output=True, check=False, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "can't write the run to" in done.stderr
    assert done.stderr.count("\n") == 1
    assert left(tmp_path) == before


@pytest.mark.parametrize("size", [100_000, 4_000_000])
def test_import_onto_a_full_disk(tmp_path: Path, size: int) -> None:
    """While rows are read, and while they are merged: an outside failure, and no row is there."""
    data = session(2, 30_000)
    done = subprocess.run(
        [PROGRAM, "data", "import", data], cwd=tmp_path, text=True, capture_output=True,
        check=False, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "the import does not fit" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]


def test_reader_that_leaves(tmp_path: Path) -> None:
    """`alphapanda strategies | head -0` is no error and shows no traceback."""
    with_strategies(tmp_path)
    for words in (("strategies",), ("backtest", "ema_cross", "--no-jit", "--data", session())):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([PROGRAM, *words], cwd=tmp_path, stdout=writing, text=True,
                              stderr=subprocess.PIPE, check=False, timeout=60)  # fmt: skip
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, "")


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    """`> FILE` on a full disk is an outside failure."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "strategies"],
            cwd=with_strategies(tmp_path),
            stdout=full,
            text=True,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_exception_in_a_hook(tmp_path: Path) -> None:
    """A hook that raises is the user's mistake: file, line and time of the row, exit 2."""
    text = SLOW.replace("time.sleep(0.0002)", "1 / (ctx.last - ctx.last)")
    (tmp_path / "wrong.py").write_text(text)
    told = process("backtest", "wrong.py", "--data", session(), "--param", "first=700",
                   "--no-jit", "--out", "run", cwd=tmp_path)  # fmt: skip
    assert told.status == 2
    assert "wrong.py:20: on_tick at 2025-08-04 " in told.line
    assert "IST: ZeroDivisionError: division by zero" in told.line
    assert left(tmp_path) == ["reached", "wrong.py"]
