"""Commands in processes of their own, forked from one that has loaded what they need.

A process that starts anew spends seconds on imports and on making numba ready; a forked one has
its own folder, environment, files and end all the same, and can be killed. What starts as a user's
does is tried by the tests that start `PROGRAM`.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

from tests.support import gate

ROOT = Path(__file__).resolve().parents[2]
HEAD = struct.Struct("<q")
NEWS = struct.Struct("<qq")
"""Which process, and how it ended."""
BEGUN = 1 << 32
"""Instead of an end: it has been forked."""
OURS = "ALPHAPANDA_"
LOADED = (
    "aiokafka.admin", "alembic.command", "asyncpg", "duckdb", "psutil", "pyarrow.compute",
    "pyarrow.parquet", "redis.asyncio", "alphapanda.bus.relay", "alphapanda.cli.backtest",
    "alphapanda.cli.output", "alphapanda.cli.paper", "alphapanda.cli.project",
    "alphapanda.cli.relay", "alphapanda.cli.runs_list", "alphapanda.cli.runs_show",
    "alphapanda.cli.verify", "alphapanda.engine.compiler.linked", "alphapanda.indicators._window",
    "alphapanda.indicators.ema", "alphapanda.projection.from_topics",
    "alphapanda.projection.live_redis", "alphapanda.research.report",
    "alphapanda.runtime.projecting", "alphapanda.runtime.relaying",
)  # fmt: skip


class Forked:
    """A process that was forked for a command; of `Popen` what tests use."""

    def __init__(
        self, forker: Forker, words: Sequence[str], cwd: Path, env: Mapping[str, str]
    ) -> None:
        self.words, self._forker = words, forker
        self._files = ExitStack()
        self._out = self._files.enter_context(TemporaryFile())  # noqa: SIM115 (`ExitStack`)
        self._err = self._files.enter_context(TemporaryFile())  # noqa: SIM115
        self.pid = forker.fork(words, cwd, env, [self._out.fileno(), self._err.fileno()])

    @property
    def returncode(self) -> int | None:
        """Return its status, negative for a signal; None while it runs, or was not asked."""
        return self._forker.ended.get(self.pid)

    def poll(self) -> int | None:
        """Ask for its status."""
        while self.returncode is None and self._forker.hear(0):
            pass
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            TimeoutExpired: if that does not come in time.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while (status := self.returncode) is None:
            left = None if until is None else max(0, until - time.monotonic())
            if not self._forker.hear(left):
                assert timeout is not None
                raise subprocess.TimeoutExpired(list(self.words), timeout)
        return status

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end, and return what it wrote.

        Raises:
            TimeoutExpired: if that does not come in time.
        """
        self.wait(timeout)
        return written(self._out), written(self._err)

    def said(self) -> str:
        """Return what it has written to stderr so far."""
        return written(self._err)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)

    def end(self) -> None:
        """Leave nothing behind."""
        self.kill()
        self.wait()
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Forker:
    """The process that forks, as its only client holds it."""

    def __init__(self) -> None:
        self.ended: dict[int, int | None] = {}
        """How each process stands, by its number: its status, or None."""
        self.line, theirs = socket.socketpair()
        bare = {k: v for k, v in os.environ.items() if not k.startswith(OURS) or "CACHE" in k}
        with theirs:
            self.server = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())], cwd=ROOT, env=bare,
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self.close)

    def close(self) -> None:
        """End it, and with it what it has forked: it reads that nobody asks any more."""
        self.line.close()
        self.server.wait()

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout_s: float
    ) -> tuple[int, str, str]:
        """Run a command; return its status, negative for a signal, and what it wrote.

        Raises:
            TimeoutExpired: if it took too long; it is killed.
        """
        with Forked(self, words, cwd, env) as process:
            out, err = process.communicate(timeout_s)
            return process.wait(), out, err

    def fork(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], files: Sequence[int]
    ) -> int:
        """Fork a process for a command, whose output goes to two files; return its number."""
        wanted = json.dumps([list(words), str(cwd), dict(env)]).encode()
        socket.send_fds(self.line, [HEAD.pack(len(wanted))], list(files))
        self.line.sendall(wanted)
        while True:
            number, status = self._news()
            if status == BEGUN:
                self.ended[number] = None
                return number

    def hear(self, timeout_s: float | None) -> bool:
        """Wait for a process to end; say if one did."""
        ready, _, _ = select.select([self.line], [], [], timeout_s)
        if ready:
            self._news()
        return bool(ready)

    def _news(self) -> tuple[int, int]:
        number, status = NEWS.unpack(exactly(self.line, NEWS.size))
        if status != BEGUN:
            self.ended[number] = status
        return number, status


@cache
def forker() -> Forker:
    """Return the process that forks, started when it is first needed."""
    return Forker()


def written(file: Any) -> str:
    """Return what a process wrote, its line ends as `subprocess` in text mode gives them."""
    text = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
    return text.decode().replace("\r\n", "\n").replace("\r", "\n")


def exactly(line: socket.socket, size: int) -> bytes:
    """Return so many bytes."""
    found = b""
    while len(found) < size:
        more = line.recv(size - len(found))
        assert more, "the process that forks has ended"
        found += more
    return found


def serve(line: socket.socket) -> bool:
    """Fork for each command that is asked for; return True in a process that is to run one."""
    running: dict[int, int] = {}
    look = select.poll()
    look.register(line, select.POLLIN)
    while True:
        for place, _ in look.poll():
            if place in running:
                look.unregister(place)
                end(line, running.pop(place), place)
                continue
            head, files, *_ = socket.recv_fds(line, HEAD.size, 2)
            if not head:
                for number in running.values():
                    os.kill(number, signal.SIGKILL)
                return False
            words, cwd, env = json.loads(exactly(line, HEAD.unpack(head)[0]))
            life, held = os.pipe()  # its end is that of the process, which alone holds it
            number = os.fork()
            if not number:
                for other in (life, *running):
                    os.close(other)
                line.close()
                become(words, cwd, env, files)
                return True
            for file in (held, *files):
                os.close(file)
            running[life] = number
            look.register(life, select.POLLIN)
            line.sendall(NEWS.pack(number, BEGUN))


def end(line: socket.socket, number: int, life: int) -> None:
    """Tell how a process has ended."""
    os.close(life)
    line.sendall(NEWS.pack(number, os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])))


def become(
    words: Sequence[str], cwd: str, env: Mapping[str, str], files: Sequence[int]
) -> None:  # fmt: skip
    """Take a command's place: its output, folder, variables and arguments."""
    for place, file in enumerate(files, 1):
        os.dup2(file, place)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["alphapanda", *words]
    gate.install()


def load() -> None:
    """Import what commands need, and have numba set itself up."""
    from numba import int64, njit  # noqa: PLC0415

    from alphapanda import rules  # noqa: PLC0415

    for name in LOADED:
        import_module(name)
    rules.modules()
    njit((int64,))(abs_of)
    assert threading.active_count() == 1, "no thread comes along into a forked process"
    gc.freeze()


def abs_of(number: int) -> int:
    """Stand in for anything that numba compiles."""
    return abs(number)


if __name__ == "__main__":
    from alphapanda.cli import main

    load()
    sys.path[0] = str(Path(sys.executable).parent)  # where the command lies: not the repository
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        main()
