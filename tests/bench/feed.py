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
SECONDS = 60
FIELDS = ("last", "qty", "volume", "bid", "bid_qty", "ask", "ask_qty", "oi")
MILLION = 10**6
DAY_MS = 86_400_000


async def send_for_ever() -> None:
    """Serve the ticks; `oi` holds the time of day at which a frame was sent, in ms."""
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
        self.packets = 0
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
        self.inbox.put(rows)

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
    work = workloads.Work("feed", Columns.of(**empty), INSTRUMENTS, discovery.find("ema_cross"), 0)
    return workloads.engine(work, workloads.program(work), fast=3, slow=8)


def measure(say: Callable[[str], None], seconds: int = SECONDS) -> None:
    """Feed a core by the WebSocket for some time; print figures."""
    core = new_core()
    with sending() as port:
        receiver = Receiver(port)
        decided: list[float] = []
        lags: list[Any] = []
        memory: list[float] = []
        rows = outputs = 0
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            batch = receiver.inbox.take(0.02)
            if not batch.rows:
                continue
            started = time.perf_counter_ns()
            for said in core.feed(batch):
                outputs += len(said)
            decided.append((time.perf_counter_ns() - started) / batch.rows)
            lags.append((time.time_ns() // MILLION % DAY_MS) - batch.oi)
            rows += batch.rows
            if len(memory) < (seconds - (end - now)) // 5:
                memory.append(rss_mb())
        receiver.stop()
    lag, spent = np.concatenate(lags), np.array(receiver.decode_ns) / MILLION
    counts = receiver.sieve.counts
    say(f"live feed, {INSTRUMENTS:,} instruments x {A_SECOND}/s, {seconds} s: "
        f"{receiver.packets:,} packets, {rows:,} rows, {outputs:,} output rows")  # fmt: skip
    p50, p99 = (np.percentile(spent, q) for q in (50, 99))
    say(f"   decode and sieve, a frame of {PART} packets: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    p50, p99 = (np.percentile(decided, q) / 1000 for q in (50, 99))
    say(f"   core, a row: p50 {p50:.2f} us, p99 {p99:.2f} us")
    p50, p99, worst = (np.percentile(lag, q) for q in (50, 99, 100))
    say(f"   sent to decided: p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {worst:.0f} ms")
    say(f"   memory: {memory[len(memory) // 4]:.0f} MB after a quarter, {memory[-1]:.0f} MB at the "
        "end")  # fmt: skip
    say(f"   left out: {counts.repeats} repeats, {dict(+counts.quarantined)}, overtaken "
        f"{receiver.inbox.overtaken}; connections {receiver.ticker.seen.dials}")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] == ["send"]:
        asyncio.run(send_for_ever())
    else:
        measure(lambda text: print(text, flush=True), int(sys.argv[1]) if sys.argv[1:] else SECONDS)
