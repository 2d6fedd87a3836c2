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
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HEAD = struct.Struct("<q")
LOADED = (
    "alembic.command", "duckdb", "psutil", "pyarrow.compute", "pyarrow.parquet",
    "alphapanda.cli.backtest", "alphapanda.cli.output", "alphapanda.cli.paper",
    "alphapanda.cli.runs_list", "alphapanda.cli.runs_show", "alphapanda.cli.verify",
    "alphapanda.engine.compiler.linked", "alphapanda.indicators._window",
    "alphapanda.indicators.ema", "alphapanda.research.report",
)  # fmt: skip


class Forker:
    """The process that forks, as its only client holds it."""

    def __init__(self) -> None:
        self.line, theirs = socket.socketpair()
        with theirs:
            self.server = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())], cwd=ROOT,
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self.close)

    def close(self) -> None:
        """End it: it reads that nobody asks any more."""
        self.line.close()
        self.server.wait()

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout_s: float
    ) -> tuple[int, str, str]:
        """Run a command; return its status, negative for a signal, and what it wrote.

        Raises:
            TimeoutExpired: if it took too long; it is killed.
        """
        asked = json.dumps([list(words), str(cwd), dict(env)]).encode()
        with TemporaryFile() as out, TemporaryFile() as err:
            socket.send_fds(self.line, [HEAD.pack(len(asked))], [out.fileno(), err.fileno()])
            self.line.sendall(asked)
            process = self._number()
            self.line.settimeout(timeout_s)
            try:
                code = self._number()
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                self.line.settimeout(None)
                self._number()
                raise subprocess.TimeoutExpired(list(words), timeout_s) from None
            self.line.settimeout(None)
            return code, written(out), written(err)

    def _number(self) -> int:
        return int(HEAD.unpack(exactly(self.line, HEAD.size))[0])


@cache
def forker() -> Forker:
    """Return the process that forks, started when it is first needed."""
    return Forker()


def written(file: Any) -> str:
    """Return what a process wrote, its line ends as `subprocess` in text mode gives them."""
    file.seek(0)
    return str(file.read().decode()).replace("\r\n", "\n").replace("\r", "\n")


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
    while True:
        head, files, *_ = socket.recv_fds(line, HEAD.size, 2)
        if not head:
            return False
        words, cwd, env = json.loads(exactly(line, HEAD.unpack(head)[0]))
        process = os.fork()
        if not process:
            line.close()
            for place, file in enumerate(files, 1):
                os.dup2(file, place)
                os.close(file)
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(env)
            time.tzset()
            sys.argv = ["alphapanda", *words]
            return True
        for file in files:
            os.close(file)
        line.sendall(HEAD.pack(process))
        line.sendall(HEAD.pack(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])))


def load() -> None:
    """Import what commands need, and have numba set itself up."""
    from numba import int64, njit  # noqa: PLC0415

    from alphapanda import rules  # noqa: PLC0415

    for name in LOADED:
        import_module(name)
    rules.modules()
    njit((int64,))(abs_of)
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
