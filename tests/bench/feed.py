"""A live feed under load: 3,000 instruments of all fields, each twice a second, into one core.

Packets come over a real WebSocket from a process of their own; decoding, the sieve and the inbox
are those of a live run, and the core trades on every row. `python -m tests.bench.feed SECONDS`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.server import serve

from alphapanda import config
from alphapanda.brokers.zerodha.inbox import Inbox
from alphapanda.brokers.zerodha.packets import FRAMED, FULL, decode
from alphapanda.brokers.zerodha.sieve import Sieve
from alphapanda.brokers.zerodha.ticker import Session, Ticker
from alphapanda.model.columns import Columns
from alphapanda.runs import discovery
from tests.bench import workloads

INSTRUMENTS, A_SECOND, FRAMES = 3_000, 2, 20
"""A frame has the packets of a part of the instruments: twenty a second, 300 packets each."""
PART = INSTRUMENTS * A_SECOND // FRAMES
TOKENS = (np.arange(1, INSTRUMENTS + 1) << 8 | 1).astype(np.int64)
SECONDS, EVERY_S = 60, 5
"""How long it takes, and between two looks at the memory."""
FIELDS = ("last", "qty", "volume", "bid", "bid_qty", "ask", "ask_qty", "oi")
MILLION = 10**6
DAY_MS = 86_400_000


async def send_for_ever() -> None:
    """Serve the ticks; `oi` holds the time of day at which a frame was sent, in ms.

    `sell_qty` is the frame's number, so that the receiver knows of each that did not come.
    """
    part = PART
    some = np.random.default_rng(7)
    price = some.integers(10_000, 400_000, INSTRUMENTS)
    volume = np.zeros(INSTRUMENTS, np.int64)

    def frame(at: int) -> bytes:
        chosen = slice(at % INSTRUMENTS, at % INSTRUMENTS + part)
        price[chosen] = np.maximum(price[chosen] + some.integers(-20, 21, part), 1_000)
        volume[chosen] += some.integers(1, 50, part)
        made = np.zeros(part, FRAMED[FULL])
        made["length"], packet = FULL, made["packet"]
        packet["token"], packet["last"] = TOKENS[chosen], price[chosen]
        packet["qty"], packet["volume"] = 1, volume[chosen]
        packet["sell_qty"] = at // part + 1
        packet["stamp"] = packet["traded"] = int(time.time())
        packet["oi"] = time.time_ns() // MILLION % DAY_MS
        packet["bids"]["price"], packet["asks"]["price"] = (
            price[chosen, None] - 5, price[chosen, None] + 5,
        )  # fmt: skip
        packet["bids"]["qty"] = packet["asks"]["qty"] = 10
        return part.to_bytes(2, "big") + made.tobytes()

    async def tick(connection: Any) -> None:
        await connection.recv()
        begun, at = time.monotonic(), 0
        while True:
            await connection.send(frame(at * part))
            at += 1
            await asyncio.sleep(max(begun + at / FRAMES - time.monotonic(), 0))

    async with serve(tick, "127.0.0.1", 0, compression=None, max_size=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Event().wait()


@contextmanager
def sending() -> Any:
    """Run the server as a process; give its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.feed", "send"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class Receiver:
    """The client's side, on a thread: what a live feed does with a frame, and how long it takes."""

    def __init__(self, port: int) -> None:
        self.inbox = Inbox()
        self.sieve = Sieve([int(token) for token in TOKENS])
        self.decode_ns: list[int] = []
        self.packets = self.frames = self.sent = 0
        self.ticker = Ticker(
            f"ws://127.0.0.1:{port}", TOKENS.tolist(), self._session, self._take,
            noticed=lambda *_: None,
        )  # fmt: skip
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    async def _session(self) -> Session:
        return Session("simkey", "token")

    def _run(self) -> None:
        self._task = self._loop.create_task(self.ticker.run())
        self._loop.run_forever()

    def _take(self, frame: bytes) -> None:
        started = time.perf_counter_ns()
        found = decode(frame)
        rows = self.sieve.take(found.ticks, time.time_ns())
        self.decode_ns.append(time.perf_counter_ns() - started)
        self.packets += len(found.ticks)
        self.frames += 1
        self.sent = max(self.sent, int(found.ticks["sell_qty"].max(initial=0)))
        self.inbox.put(rows)

    def unseen(self, rows: int) -> int:
        """Return how many packets were sent and are neither a row that was taken nor counted."""
        counts = self.sieve.counts
        aside = counts.repeats + counts.foreign + counts.quarantined.total()
        return self.sent * PART - rows - aside - self.inbox.overtaken

    def stop(self) -> None:
        """End the connection."""

        async def end() -> None:
            self._task.cancel()
            await asyncio.wait([self._task])

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


def rss_mb() -> float:
    """Return the memory of this process that is resident."""
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * 4096 / MILLION


def new_core() -> Any:
    """Return a core for the instruments, with a strategy that decides often."""
    empty = {name: np.zeros(1, np.int64) for name in ("ts", "row", *FIELDS)}
    spec = discovery.find("ema_cross", config.load().strategies_dir)
    work = workloads.Work("feed", Columns.of(**empty), INSTRUMENTS, spec, 0)
    return workloads.engine(work, workloads.program(work), fast=3, slow=8)


class Figures:
    """What is measured while rows are fed."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.decided_us: list[float] = []
        self.lag_ms: list[Any] = []
        self.memory_mb: list[float] = []
        self.rows = self.outputs = 0

    def feed(self, core: Any, batch: Columns) -> None:
        """Feed a batch, and note how long a row took, and how old each was when it was decided."""
        started = time.perf_counter_ns()
        self.outputs += sum(len(said) for said in core.feed(batch))
        self.decided_us.append((time.perf_counter_ns() - started) / batch.rows / 1000)
        self.lag_ms.append((time.time_ns() // MILLION % DAY_MS) - batch.oi)
        self.rows += batch.rows
        if len(self.memory_mb) < (time.monotonic() - self.begun) // EVERY_S:
            self.memory_mb.append(rss_mb())


def measure(say: Callable[[str], None], seconds: int = SECONDS) -> int:
    """Feed a core by the WebSocket for some time; print figures, return what got lost unseen."""
    core, figures = new_core(), Figures()
    with sending() as port:
        receiver = Receiver(port)
        end = figures.begun + seconds
        while time.monotonic() < end:
            batch = receiver.inbox.take(0.02)
            if batch.rows:
                figures.feed(core, batch)
        receiver.stop()
    if (batch := receiver.inbox.take(0)).rows:
        figures.feed(core, batch)
    counts, memory = receiver.sieve.counts, figures.memory_mb
    unseen = receiver.unseen(figures.rows)
    say(f"live feed, {INSTRUMENTS:,} instruments x {A_SECOND}/s, {seconds} s: {receiver.frames:,} "
        f"frames, {receiver.packets:,} packets, {figures.rows:,} rows, {figures.outputs:,} output "
        "rows")  # fmt: skip
    decode_ms = np.array(receiver.decode_ns) / MILLION
    say(f"   decode and sieve, a frame of {PART} packets: {spread(decode_ms, 'ms')}")
    say(f"   core, a row: {spread(np.array(figures.decided_us), 'us')}")
    say(f"   sent to decided: {spread(np.concatenate(figures.lag_ms), 'ms')}")
    say("   memory, MB: " + " ".join(f"{each:.0f}" for each in memory[:: len(memory) // 10 or 1])
        + f", at the end {memory[-1]:.0f}")  # fmt: skip
    say(
        f"   left out: {counts.repeats} repeats, {dict(+counts.quarantined)}, overtaken "
        f"{receiver.inbox.overtaken}, unseen {unseen}; connections {receiver.ticker.seen.dials}"
    )
    return unseen


def spread(values: Any, unit: str) -> str:
    """Return median, p99 and worst of some values."""
    p50, p99, worst = np.percentile(values, (50, 99, 100))
    return f"p50 {p50:.2f} {unit}, p99 {p99:.2f} {unit}, worst {worst:.2f} {unit}"


if __name__ == "__main__":
    if sys.argv[1:] == ["send"]:
        asyncio.run(send_for_ever())
    else:
        long = int(sys.argv[1]) if sys.argv[1:] else SECONDS
        sys.exit(measure(lambda text: print(text, flush=True), long) != 0)
