"""A deployment as processes: the run at the broker, the run on paper that follows its rows.

The one on paper gets none of the broker's settings. Stopped, or where one process dies, the same
command goes on with both runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda import log
from alphapanda.config.settings import PREFIX, Settings
from alphapanda.errors import ODD, OutsideError, UsageError
from alphapanda.events.events import Broker
from alphapanda.journal.journal import FILE, Journal, manifest_in
from alphapanda.journal.records import is_written
from alphapanda.model.calendar import INDIA
from alphapanda.runs.commands import registered_folders
from alphapanda.runs.deployments import Deployment
from alphapanda.runs.stopping import orderly

LOG = log.get(__name__)
NAP_S = 0.1
INTERRUPTED = 130
FINDING = 1
WITHHELD = (f"{PREFIX}ZERODHA__", f"{PREFIX}SECURITY__")
"""Settings that a process on paper does not get."""
Say = Callable[[str], None]
Words = Callable[[Broker, Path, Path | None], Sequence[str]]
"""Returns the command of a broker's process: its run's folder, and the run that it follows."""


class Ended(NamedTuple):
    """How a process of a deployment ended."""

    status: int
    """Negative: the signal that killed it."""
    out: str


class Child:
    """One process of a deployment; what it says goes on, with its broker in front."""

    def __init__(self, broker: Broker, words: Sequence[str], say: Say) -> None:
        self.broker = broker
        self._said: list[str] = []
        self._process = subprocess.Popen(  # noqa: S603 (our own)
            [sys.executable, "-m", "alphapanda", *words], env=environment(broker),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True,
        )  # fmt: skip
        self.pid = self._process.pid
        self._readers = [
            threading.Thread(target=self._take, daemon=True),
            threading.Thread(target=self._pass_on, args=(say,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _take(self) -> None:
        assert self._process.stdout is not None
        self._said.append(self._process.stdout.read())

    def _pass_on(self, say: Say) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            say(f"{self.broker}: {line.rstrip().removeprefix('alphapanda: ')}")

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Let it stop in order."""
        if self.lives:
            self._process.send_signal(signal.SIGINT)

    def ended(self, timeout_s: float | None = None) -> Ended:
        """Wait for its end, by force where it takes longer than a time."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        for reader in self._readers:
            reader.join()
        assert self._process.stdin is not None
        self._process.stdin.close()
        return Ended(status, "".join(self._said))


def environment(broker: Broker) -> dict[str, str]:
    """Return the variables of a process: nothing of a broker's for one on paper."""
    withheld = WITHHELD if broker is Broker.PAPER else ()
    return {name: text for name, text in os.environ.items() if not name.startswith(withheld)}


class Supervisor:
    """Runs the processes of a deployment until all have ended."""

    def __init__(self, words: Words, say: Say, *, stop_s: float) -> None:
        self._words, self._say, self._stop_s = words, say, stop_s
        self.children: dict[Broker, Child] = {}
        self.ends: dict[Broker, Ended] = {}
        self._places: dict[Broker, tuple[Path, Path | None]] = {}

    def run(self, folders: Mapping[Broker, Callable[[], Path]]) -> None:
        """Start a process for each broker, the one that has the feed first; see all to their end.

        The others follow the first one's run, and start once it writes.

        Raises:
            KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM.
            OutsideError: if one of them failed, or was killed.
        """
        first, *rest = folders
        with orderly() as stopping:
            source = folders[first]()
            self._start(first, source, None)
            while not writes(source) and self.children[first].lives and not stopping():
                time.sleep(NAP_S)
            if not stopping() and (writes(source) or self._went_well(first)):
                for broker in rest:
                    self._start(broker, folders[broker](), source)
            self._watch(first, stopping)
            asked = stopping()
            self._end_all()
        if asked:
            raise KeyboardInterrupt

    def _start(self, broker: Broker, folder: Path, source: Path | None) -> None:
        self._say(f"{broker}: begins, in {folder}")
        self.children[broker] = Child(broker, self._words(broker, folder, source), self._say)
        self._places[broker] = folder, source

    def _went_well(self, broker: Broker) -> bool:
        child = self.children[broker]
        if child.lives:
            return False
        self.ends[broker] = child.ended()
        return not failed(self.ends[broker])

    def _watch(self, first: Broker, stopping: Callable[[], bool]) -> None:
        while not stopping() and any(child.lives for child in self.children.values()):
            time.sleep(NAP_S)
            for broker, child in list(self.children.items()):
                if child.lives or broker in self.ends:
                    continue
                end = child.ended()
                folder, source = self._places[broker]
                if end.status == INTERRUPTED and source is not None and writes(source):
                    self._start(broker, folder, source)  # what it follows goes on another day
                    continue
                self.ends[broker] = end
                if failed(end) and broker == first and len(self.children) > 1:
                    self._say(f"{broker}: {how(end)}; what follows it is stopped")
                    return
                if failed(end):
                    self._say(f"{broker}: {how(end)}; the others go on")

    def _end_all(self) -> None:
        for child in self.children.values():
            child.ask_to_stop()
        for broker, child in self.children.items():
            if broker not in self.ends:
                self.ends[broker] = child.ended(self._stop_s)


def failed(end: Ended) -> bool:
    """Say if a process ended otherwise than by its run's end, or its stop."""
    return end.status not in (0, FINDING, INTERRUPTED)


def how(end: Ended) -> str:
    """Return how a process ended, in words."""
    if end.status < 0:
        return f"killed by {signal.Signals(-end.status).name}"
    return f"ended with status {end.status}"


def writes(folder: Path) -> bool:
    """Say if a process writes the journal of a run, and its manifest is there."""
    try:
        return (folder / FILE).is_file() and is_written(folder / FILE) and bool(manifest_in(folder))
    except ODD:
        return False


def refuse_failed(ends: Mapping[Broker, Ended], name: str) -> None:
    """Say that a deployment's process failed.

    Raises:
        OutsideError: if one did.
    """
    wrong = [f"the process at {broker} {how(end)}" for broker, end in ends.items() if failed(end)]
    if wrong:
        raise OutsideError(
            f"{' and '.join(wrong)}: its last words stand above; the same command, alphapanda run "
            f"--deployment {name}, goes on with its runs"
        )


def folder_at(
    settings: Settings, made: Deployment, broker: Broker, follows: Path | None = None
) -> Path:
    """Return the folder of a deployment's run at a broker: one that waits, or a new one's.

    A run that follows another goes on only with that one.
    """
    waiting = [
        (int(manifest["begun_ns"]), folder)
        for folder, manifest in runs_of(settings, made.name, broker)
        if follows is None or manifest["options"]["data"] == [str(follows)]
    ]
    if waiting:
        return max(waiting)[1]
    stamp = datetime.now(INDIA).strftime("%Y%m%d-%H%M%S")
    return settings.runs_dir / f"{stamp}-{made.name}-{broker}"


def runs_of(
    settings: Settings, name: str, broker: Broker, *, ended: bool = False
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield folders and manifests of a deployment's runs at a broker that can go on, or have ended.

    Raises:
        UsageError: if a run can't be read: whether it holds something is not known.
    """
    inside = sorted(path.parent for path in settings.runs_dir.glob(f"*/{FILE}"))
    for folder in dict.fromkeys([*inside, *registered_folders(settings.base_dir)]):
        if not (folder / FILE).is_file():
            continue
        manifest = manifest_in(folder)
        own = manifest.get("deployment"), manifest.get("broker")
        if own == (name, str(broker)) and Journal.open(folder).contents.ended == ended:
            yield folder, manifest


def followed_by_hand(settings: Settings, made: Deployment) -> Path:
    """Return the run at the broker whose rows a process on paper takes, that is started alone.

    Raises:
        UsageError: if there is none.
    """
    live = list(runs_of(settings, made.name, Broker.ZERODHA))
    live = live or list(runs_of(settings, made.name, Broker.ZERODHA, ended=True))
    if not live:
        raise UsageError(
            f"no run of {made.name} at zerodha has begun, whose rows the one on paper takes: "
            f"alphapanda run --deployment {made.name} starts both"
        )
    return max(live, key=lambda each: int(each[1]["begun_ns"]))[0]


@contextmanager
def stopped_with(descriptor: int) -> Iterator[None]:
    """Stop this process in order when a pipe ends: whoever started it is gone."""

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True, name="supervised").start()
    yield
