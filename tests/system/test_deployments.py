"""A deployment as a trader runs it: two processes on one feed, stopped, killed, gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alphapanda import config
from alphapanda.errors import ODD
from alphapanda.events.events import decode
from alphapanda.journal.journal import Journal
from alphapanda.rehearsal.comparing import compare
from alphapanda.runs.verify import verify
from alphapanda.runtime.deploying import runs_of, writes
from tests.support.harness import cache_dir
from tests.support.kitesim import HEADER, Server
from tests.support.running import command, facts, with_strategies
from tests.support.servers import databases
from tests.support.simulated import log_in, variables

psutil = pytest.importorskip("psutil")
ROWS, STEP = 300, 6
WAIT_S = 240.0
"""For what comes in seconds, but not on a busy machine."""
SOAK = bool(os.environ.get("ALPHAPANDA_TEST_DRILLS"))
"""Whether the process at Zerodha is killed too: one more start of both, a minute on two cores."""
KILLED, STOPPED = 3, 130
FILE = """
[zerodha]
limits = "wide"

[paper]
limits = "wide"

[[strategies]]
strategy = "ema_cross"
broker = "zerodha"
instruments = ["NSE:INFY"]
params = { fast = 3, slow = 8 }
limits = { qty = 1 }
cash = 100_000

[[strategies]]
strategy = "ema_cross"
broker = "paper"
instruments = ["NSE:INFY", "NSE:TCS"]
params = { fast = 2, slow = 6, quantity = 3 }
cash = "50000.5"
"""
LINES = (
    "408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE",
    "2953217,11536,TCS,TATA CONSULTANCY,0,,0,0.05,1,EQ,NSE,NSE",
)


def write_ticks(path: Path) -> Path:
    """Write two shares that go up and down between 1500 and 1502, with a book to trade in."""
    rows = [
        {
            "time": datetime(2025, 12, 29, 4, 0, tzinfo=UTC) + timedelta(seconds=n, milliseconds=k),
            "symbol": name, "last_price": (last := 1_500 + 0.1 * min(n % 40, 40 - n % 40)),
            "volume_traded": 1_000 + 10 * n, "last_traded_quantity": 10,
            "bid_price_1": last - 0.05, "bid_qty_1": 500, "ask_price_1": last + 0.05,
            "ask_qty_1": 500,
        }
        for n in range(ROWS) for k, name in enumerate(("NSE:INFY", "NSE:TCS"))
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


class Desk:
    """A folder that is logged in at a simulator, whose rows pass when a test says."""

    def __init__(self, server: Server, base: Path) -> None:
        self.server, self.base = server, base
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Start the deployment, and wait until both of its processes trade."""
        words = ["run", "--deployment", "both", "--account", "SIM001", "--no-jit", "--json",
                 "--until", "2025-12-29", "--accept-closing"]  # fmt: skip
        with (self.base / "said.txt").open("a") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "alphapanda", *words], cwd=self.base, text=True,
                stdout=subprocess.PIPE, stderr=said,
            )  # fmt: skip
        self.until(lambda: all(writes(self.folder(broker)) for broker in ("zerodha", "paper")))
        return self.process

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something holds, while the deployment lives."""
        end = time.monotonic() + WAIT_S
        while not done():
            assert self.process is not None
            assert self.process.poll() is None, (self.base / "said.txt").read_text()
            assert time.monotonic() < end, (self.base / "said.txt").read_text()
            time.sleep(0.1)

    def folder(self, broker: Any) -> Path:
        """Return the folder of the run at a broker; none yet is one that is not there."""
        found = [each for ended in (False, True)
                 for each, _ in runs_of(config.load(), "both", broker, ended=ended)]  # fmt: skip
        return found[0] if found else self.base / "nowhere"

    def fills(self, broker: str) -> int:
        """Return how many fills the run at a broker has."""
        return sum(b'"order_filled"' in line for line in self.lines(broker))

    def lines(self, broker: str) -> list[bytes]:
        """Return the envelopes of the run at a broker."""
        try:
            journal = Journal.open(self.folder(broker))
        except ODD:
            return []
        return [line for batch in journal.batches() for line in batch.envelopes]

    def trade(self, fills: int) -> None:
        """Let rows pass until both runs have so many fills more than now."""
        wanted = {broker: self.fills(broker) + fills for broker in ("zerodha", "paper")}

        def there() -> bool:
            if all(self.fills(broker) >= count for broker, count in wanted.items()):
                return True
            self.server.step(STEP)
            return False

        self.until(there)

    def end(self, number: signal.Signals, victim: int = 0) -> tuple[int, dict[str, Any]]:
        """Send a signal; return status and object of the deployment, which ends by it."""
        assert self.process is not None
        os.kill(victim or self.process.pid, number)
        return self.ended()

    def ended(self) -> tuple[int, dict[str, Any]]:
        """Wait for the deployment's end; return its status and its object."""
        assert self.process is not None
        out, _ = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, json.loads(out)

    def child(self, broker: str) -> Any:
        """Return the process of the run at a broker."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        (found,) = [each for each in children if broker in each.cmdline()]
        return found


@pytest.fixture
def desk(
    tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Give a desk whose deployment is in the database."""
    listed = tmp_path / "instruments_20251229.csv"
    listed.write_text("\n".join([HEADER, *LINES, ""]))
    data = write_ticks(tmp_path / "day.parquet")
    with (
        templates.migrated(tmp_path, "") as settings,
        Server.start("--data", data, "--instruments", listed, "--speed", "step") as server,
    ):
        base = with_strategies(settings.base_dir)
        (base / "deployments").mkdir()
        (base / "deployments" / "both.toml").write_text(FILE)
        monkeypatch.chdir(base)
        for name, value in variables(server, base).items():
            monkeypatch.setenv(name, value)
        log_in(server, config.load())
        made = Desk(server, base)
        yield made
        if made.process is not None and made.process.poll() is None:
            for each in psutil.Process(made.process.pid).children():
                each.kill()
            made.process.kill()
            made.process.communicate()


def test_two_processes_on_one_feed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Stopped, then killed, the same command goes on: the exchange has our book, paper replays."""
    told = facts(command("seed", "--deployment", "both", "--json", capsys=capsys))
    assert told["added"] == ["ema_cross at zerodha", "ema_cross at paper"]
    desk.start()
    check_paper_has_no_key(desk)
    desk.trade(fills=2)
    status, ends = desk.end(signal.SIGINT)
    assert (status, ends["status"]) == (STOPPED, {"zerodha": 130, "paper": 130})
    if SOAK:
        desk.start()
        desk.trade(fills=2)
        status, ends = desk.end(signal.SIGKILL, desk.child("zerodha").pid)
        assert (status, ends["status"]["zerodha"]) == (KILLED, -9)
        assert (
            "killed by SIGKILL; what follows it is stopped" in (desk.base / "said.txt").read_text()
        )
    desk.start()
    desk.trade(fills=4)
    desk.server.step(10 * ROWS)
    desk.server.go_wrong(do="clock-jump", at="00:00:01", seconds=8 * 3600.0)
    for _ in "evening", "what the hour asks for":
        desk.server.step(1)
    status, ends = desk.ended()
    assert (status, ends["status"]) == (0, {"zerodha": 0, "paper": 0}), ends
    check_books(desk)
    check_beside(capsys)
    check_paper(desk, ends["paper"], capsys)


def check_paper_has_no_key(desk: Desk) -> None:
    """Nothing of the broker's is in the environment of the process on paper, nor its client."""
    child = desk.child("paper")
    assert not [name for name in child.environ() if "ZERODHA" in name or "SECURITY" in name]
    live = desk.child("zerodha").environ()
    assert live["ALPHAPANDA_ZERODHA__API_KEY"] == desk.server.facts["api_key"]
    ports = {desk.server.facts["rest"].rpartition(":")[2], desk.server.facts["ws"].rpartition(
        ":")[2].rstrip("/")}  # fmt: skip
    assert not [c for c in child.net_connections() if c.raddr and str(c.raddr.port) in ports]


def check_books(desk: Desk) -> None:
    """The exchange has what we sent, each once, and its trades are ours; each bears its broker."""
    events = [decode(line) for line in desk.lines("zerodha")]
    found = compare(desk.server.sim("ledger"), events)
    assert found.equal, found.differences
    assert found.trades >= 5
    assert {event.broker for event in events} == {"zerodha"}
    assert {decode(line).broker for line in desk.lines("paper")} == {"paper"}
    for broker in ("zerodha", "paper"):
        assert verify(desk.folder(broker), cache_dir()).identical


def check_beside(capsys: pytest.CaptureFixture[str]) -> None:
    """`orders` and `positions` lay the run's books beside Zerodha's, and find one book."""
    for word in ("orders", "positions"):
        lines = facts(command(word, "--broker", "zerodha", "--json", capsys=capsys))[word]
        assert {line["standing"] for line in lines} <= {"equal"}, lines
        assert word == "positions" or len(lines) >= 5


def check_paper(desk: Desk, said: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The run on paper is a backtest on the rows of the run at Zerodha."""
    again = facts(command(
        "backtest", "ema_cross", "--data", str(desk.folder("zerodha")), "--no-jit", "--json",
        "--param", "fast=2", "--param", "slow=6", "--param", "quantity=3", "--limits", "wide",
        "--cash", "50000.5", "--out", str(desk.base / "again"), capsys=capsys,
    ))  # fmt: skip
    assert (again["digest"], again["fills"]) == (said["digest"], said["fills"])
