"""A server's process: started, waited for, stopped for certain, its folder removed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

GUARD = Path(__file__).with_name("guard.py")
HOST = "127.0.0.1"


class MissingError(Exception):
    """A server can't be had here; the message says what to install or to set."""


PORTS = range(12_000, 32_000)
"""Below those that the system gives to clients: a server that was killed finds its own again."""


def free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    while True:
        port = secrets.choice(PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    told = subprocess.run(
        ["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    pairs = [line.split() for line in told.splitlines()]
    return [int(child) for parent, child in pairs if int(parent) == pid]


class Server:
    """A server on a free port of this machine, with a folder of its own.

    `start` and `stop` may be called again and again: the port and what is stored stay. As a
    context it starts at the beginning and is gone at the end, folder and all.
    """

    name = ""
    user = ""
    """Whose process it is; empty: ours."""
    dies_by = signal.SIGKILL
    """Sent by the kernel when the process that started it is gone."""
    stops_by = signal.SIGTERM
    start_timeout_s = 120
    stop_timeout_s = 15
    environment: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"alphapanda-{self.name}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self.prepare()
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        """Return where it listens, in the form that clients take."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Write what it needs before its first start."""

    def command(self) -> list[str]:
        """Return what starts it."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Say if it answers."""
        return listens(self.port)

    def start(self) -> Self:
        """Start it and wait until it answers."""
        self.launch()
        return self.wait()

    def launch(self) -> None:
        """Start it; it dies with the thread that does so."""
        assert self.process is None, f"{self.name} runs already"
        with (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                self.guarded(self.command()), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **self.environment},
            )  # fmt: skip

    def wait(self) -> Self:
        """Wait until it answers."""
        assert self.process is not None, f"{self.name} has not been started"
        until = time.monotonic() + self.start_timeout_s
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                said = (self.folder / "output.txt").read_text(errors="replace")[-2000:]
                self.kill()
                raise MissingError(f"{self.name} does not start: {said}")
            time.sleep(0.05)
        return self

    def guarded(self, command: list[str], user: str | None = None) -> list[str]:
        """Return a command that runs as its user and dies with this process."""
        who = self.user if user is None else user
        return [sys.executable, "-I", "-S", str(GUARD), str(int(self.dies_by)), who, *command]

    def stop(self) -> None:
        """Stop it as an operator would, and if it does not, for certain."""
        self.end(self.stops_by)

    def kill(self) -> None:
        """Stop it as a power cut would."""
        self.end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and all it has started, each in whatever group."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGSTOP)  # it starts no more meanwhile
        for pid in (*children_of(self.process.pid), self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    def end(self, number: signal.Signals) -> None:
        """End the process by a signal, at the latest by SIGKILL, and wait until it is gone."""
        if self.process is None:
            return
        if number == signal.SIGKILL:
            self.signal(number)
        else:
            self.process.send_signal(number)
        try:
            self.process.wait(self.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def remove(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self.remove()


def wait_until(is_so: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until something is so; say if it came."""
    until = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
