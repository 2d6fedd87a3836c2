"""What the page costs: CPU of the API's process with and without 50 who watch, trading beside it.

The API is a process of its own, as installed; so are those who watch. The trading one is this, with
its projector into SQLite: 3,000 instruments, 1,000 ticks/s as they would come, each to the disk.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import config
from alphapanda.api import people
from alphapanda.api.passwords import hasher
from alphapanda.brokers.replay import ReplaySource
from alphapanda.config.keys import environment_of, new_key
from alphapanda.events.feeds import Portion
from alphapanda.net.loopback import free_port
from alphapanda.runs.paper import run_paper
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.projecting import RunProjector
from alphapanda.store import migrating
from alphapanda.store.words import UserRole
from tests.bench.trading import ready
from tests.bench.viewers import STREAMS
from tests.support.servers.databases import using

INSTRUMENTS, A_SECOND = 3_000, 1_000
TURNS, SETTLE_S, WINDOW_S = 1, 4, 8
USERS = 10
PASSWORD = "correct horse battery"
NAP_S = 0.01
STRATEGY = '''
from alphapanda import strategy, target

@strategy
class Seldom:
    """Buys or sells one share at a few of the prices: about four times a second in all."""

    def on_tick(self, ctx):
        place = ctx.last // 500 % 1_000
        if place == 7:
            target(ctx, 1)
        elif place == 507:
            target(ctx, 0)
'''
ROWS = A_SECOND * (2 * TURNS * (SETTLE_S + WINDOW_S) + 60)


class Window(NamedTuple):
    """What was measured in a while."""

    cpu: float
    """Of the API's process, as a share of a core."""
    p99_us: float
    """From a portion's arrival until what it caused is on the disk."""


def measure(say: Callable[[str], None], folder: Path) -> None:
    """Trade, with and without those who watch in turn, and tell what each cost."""
    data = folder / "wide.parquet"
    write(data)
    environment = environment_of(folder, {"SECURITY__KEY": new_key(), "LOGS__CONSOLE": "off"})
    os.environ.update(environment)
    settings = config.load()
    migrating.upgrade(settings)
    using(settings, add_users)
    paced = Paced()
    with serving(folder, environment) as (process, address), trading(folder, data, paced):
        cookies = [log_in(address, number) for number in range(USERS)]
        alone, watched, told = [], [], []
        for _ in range(TURNS):
            alone.append(window(process, paced))
            with watching(address, cookies) as done:
                watched.append(window(process, paced))
            told.append(done)
        assert paced.thread.is_alive(), "the feed was too short"
        paced.over = True
    for name, found in (("nobody", alone), (f"{USERS * STREAMS} viewers", watched)):
        cpu = [each.cpu for each in found]
        say(f"the API beside {A_SECOND:,} ticks/s of {INSTRUMENTS:,} instruments, {name}: CPU "
            f"{statistics.median(cpu):.1%} of a core ({min(cpu):.1%}..{max(cpu):.1%}); trading's "
            f"p99 {statistics.median(each.p99_us for each in found):,.0f} us")  # fmt: skip
    more = statistics.median(b.cpu - a.cpu for a, b in zip(alone, watched, strict=True))
    say(f"   of it for those who watch: {more:.1%} (target 5 %); each saw "
        f"{statistics.median(each['changes'] for each in told):,.0f} changes/s in "
        f"{statistics.median(each['frames'] for each in told):.1f} frames/s, "
        f"{statistics.median(each['bytes'] for each in told) / 1_000:,.0f} kB/s")  # fmt: skip


def write(path: Path) -> None:
    """Write ticks of many instruments, so many a second."""
    rng = np.random.default_rng(7)
    names = np.array([f"W{number:04}" for number in range(INSTRUMENTS)])
    pq.write_table(pa.table({
        "ts": pa.array(1_754_279_100_000_000_000 + 10**9 // A_SECOND * np.arange(ROWS)).cast(
            pa.timestamp("ns", tz="UTC")),
        "symbol": names[np.arange(ROWS) % INSTRUMENTS],
        "price": np.round(1_000 + 0.05 * rng.integers(0, 2_000, ROWS), 2),
        "qty": np.full(ROWS, 50),
    }), path)  # fmt: skip


async def add_users(database: Any) -> None:
    """Add those who watch."""
    hashed = hasher().hash(PASSWORD)
    async with database.session(writes=True) as session:
        for number in range(USERS):
            session.add(people.new_user("default", f"u{number}", UserRole.VIEWER, hashed))
        await session.commit()


@contextmanager
def serving(
    folder: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Give the API's process, and where it is."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "alphapanda", "api", "--port", str(port)],
        env=environment, cwd=folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError), urlopen(f"{address}/health/ready", timeout=2):
                break
            time.sleep(0.2)
        yield process, address
    finally:
        process.terminate()
        process.wait(20)


class Paced:
    """Rows as they would come, and how long each portion took; given by a source of a file."""

    part = None

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []
        self.over = False
        self.source: ReplaySource
        self.thread: Thread

    def of(self, source: ReplaySource) -> Paced:
        """Take the rows of a source."""
        self.source, self.feed = source, source.feed
        return self

    @property
    def origin(self) -> Any:
        """The file."""
        return self.source.origin

    def rows(self, taken: int, stopping: Callable[[], bool]) -> Iterator[Portion]:
        """Yield what is due."""
        begun, given = time.perf_counter(), 0
        for _, batch, _clock in self.source.rows(taken, stopping):
            at = 0
            while at < batch.rows and not self.over:
                due = int((time.perf_counter() - begun) * A_SECOND) - given
                if due <= 0:
                    time.sleep(NAP_S)
                    continue
                part = batch.slice(at, at + due)
                came = time.perf_counter()
                yield Portion(0, part)
                self.times.append((came, time.perf_counter() - came))
                at, given = at + part.rows, given + part.rows
            if self.over:
                return


@contextmanager
def trading(folder: Path, data: Path, paced: Paced) -> Iterator[None]:
    """Trade on paper beside this thread, as a run of the folder's installation."""
    run = folder / "runs" / "wide"
    run.parent.mkdir(exist_ok=True)

    def trade() -> None:
        strategy = folder / "seldom.py"
        strategy.write_text(STRATEGY)
        with ready(data, strategies=str(strategy), params=[]) as (plan, source):
            run_paper(plan, paced.of(source), run, config.load())

    with Parts(stop_timeout_s=20) as parts:
        parts.start(RunProjector(config.load(), run))
        paced.thread = Thread(target=trade)
        paced.thread.start()
        try:
            while not paced.times and paced.thread.is_alive():
                time.sleep(0.1)
            yield
        finally:
            paced.over = True
            paced.thread.join()


def window(process: subprocess.Popen[bytes], paced: Paced) -> Window:
    """Let it settle, then measure for a while."""
    time.sleep(SETTLE_S)
    spent, begun = used(process.pid), time.perf_counter()
    time.sleep(WINDOW_S)
    share = (used(process.pid) - spent) / (time.perf_counter() - begun)
    times = [took for came, took in list(paced.times) if came >= begun]
    return Window(share, float(np.percentile(times, 99)) * 1e6)


def used(pid: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def log_in(address: str, number: int) -> str:
    """Log in, and return the cookie."""
    body = json.dumps({"name": f"u{number}", "password": PASSWORD}).encode()
    headers = {"Content-Type": "application/json", "Origin": address}
    with urlopen(Request(f"{address}/api/v1/auth/login", body, headers)) as got:
        return str(got.headers["set-cookie"]).partition(";")[0]


@contextmanager
def watching(address: str, cookies: list[str]) -> Iterator[dict[str, float]]:
    """Have a process watch, each of its streams other instruments; tell what one saw a second."""
    told: dict[str, float] = {}
    watcher = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.viewers", address, str(INSTRUMENTS), *cookies],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "watching\n"
        yield told
    finally:
        out, _ = watcher.communicate("", timeout=60)
        told.update(json.loads(out))
