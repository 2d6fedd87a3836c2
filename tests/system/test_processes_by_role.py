"""Feed, trade and relay as processes over a real server, which all are killed on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from alphapanda.errors import AlphaPandaError
from alphapanda.journal.journal import FILE, STOPPED, Journal
from alphapanda.runs.verify import verify
from tests.runs.alike import alike, envelopes
from tests.support.events import LARGE
from tests.support.forking import Forked
from tests.support.harness import cache_dir
from tests.support.running import Told, called, command, session, started
from tests.support.servers.kafka import Kafka
from tests.support.servers.process import wait_until

pytestmark = pytest.mark.core

ROWS = 6_000
RULES = ["--limits", "wide", "--param", "fast=50", "--param", "slow=200"]
LIVES = max(1, int(os.environ.get("ALPHAPANDA_TEST_KILLS", "6")) // 10)
"""Runs that are killed again and again; `make soak` asks for more."""
OUTSIDE = 3
LARGER = {"ALPHAPANDA_BUS__MESSAGE_BYTES": str(LARGE)}
PATIENT_S = 150
"""For what comes in seconds, but not on a busy machine."""
HASTY = {"REQUEST_TIMEOUT_S": "2", "SEND_TIMEOUT_S": "5", "STUCK_AFTER_S": "4"}
"""With these a server may be taken for dead that is only busy: then whoever runs it helps."""
VICTIMS = ("feed", "trade", "server", "relay", "trade", "feed")


class Deployment:
    """A feed, a run and its relay, each a process, which may be killed and started again."""

    def __init__(
        self, folder: Path, server: Kafka, feed: str, run: str, *, supervised: bool = False
    ) -> None:
        self.folder, self.server, self.run = folder, server, folder / run
        self.supervised = supervised
        self.words = {
            "feed": ["--feed", f"replay:{session(3, ROWS)}", "--speed", "1000x"],
            "trade": ["ema_cross", "--feed", f"bus:{feed}", *RULES, "--out", run],
            "relay": ["--out", run],
        }
        self.processes: dict[str, Forked] = {}
        self.before: dict[str, str] = dict.fromkeys(self.words, "")
        """What the processes of a role that were killed or ended wrote to stderr."""
        self.journal = Journal(self.run / FILE)

    def start(self, role: str) -> None:
        """Start a role's process."""
        bus = {"SERVERS": self.server.url, **(HASTY if self.supervised else {})}
        settings = {f"ALPHAPANDA_BUS__{name}": value for name, value in bus.items()} | LARGER
        settings["ALPHAPANDA_PAPER__CHECKPOINT_ROWS"] = "3000"
        words = ["run", "--role", role, *self.words[role], "--json"]
        self.processes[role] = started(*words, cwd=self.folder, **settings)

    def again(self, role: str) -> None:
        """End a role's process as a power cut would, and start it again."""
        self.before[role] = self.said(role)
        self.processes[role].end()
        self.start(role)

    def said(self, role: str) -> str:
        """Return what a role's processes have written to stderr."""
        return self.before[role] + self.processes[role].said()

    def kill(self, victim: str) -> None:
        """Kill one as a power cut would, and start it again."""
        if victim == "server":
            self.server.kill()
            self.server.start()
            return
        self.rows()
        if self.processes[victim].poll() is not None or self.journal.contents.ended:
            return  # the run was quicker than its killer
        self.again(victim)

    def rows(self) -> int:
        """Return how many rows of the feed the run has had, while all live."""
        for role, each in list(self.processes.items()):
            if not self.started_again(role):
                assert not each.poll(), (role, each.returncode, self.said(role))
        try:
            self.journal.refresh()
        except (AlphaPandaError, OSError):
            return 0
        return sum(place.rows for place in self.journal.contents.batches)

    def started_again(self, role: str) -> bool:
        """Start a role again that found no server when it started, as whoever runs it would."""
        found = self.supervised and self.processes[role].poll() == OUTSIDE
        if found:
            self.again(role)
        return found

    def ended(self) -> dict[str, Told]:
        """Wait for all to end by themselves, and return what they said."""
        told = {}
        for role in self.processes:
            out, _ = self.processes[role].communicate(timeout=PATIENT_S)
            while self.started_again(role):
                out, _ = self.processes[role].communicate(timeout=PATIENT_S)
            told[role] = Told(self.processes[role].wait(), out, self.said(role))
        return told

    def close(self) -> None:
        """Leave no process behind."""
        for each in self.processes.values():
            each.end()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Return summary and folder of the backtest that every run must equal."""
    folder = tmp_path_factory.mktemp("whole")
    told = called("backtest", "ema_cross", "--data", session(3, ROWS), *RULES, "--journal",
                   "--json", "--out", "run", cwd=folder)  # fmt: skip
    assert told.status == 0, told.err
    return json.loads(told.out), folder / "run"


def feed_of(run: Path) -> str:
    return str(Journal.open(run).contents.manifest["feed"])


def made_topics(folder: Path, server: Kafka) -> None:
    told = called("bootstrap", cwd=folder, ALPHAPANDA_BUS__SERVERS=server.url, **LARGER)
    assert told.status == 0, told.err


def published(folder: Path, address: str, run_id: str) -> list[str]:
    """Return the ids of a run's fills on the topic, as they lie there."""
    told = called("tail", "paper.orders.filled", "--limit", "1000000", "--json", cwd=folder,
                   ALPHAPANDA_BUS__SERVERS=address)  # fmt: skip
    found = [message["envelope"] for message in json.loads(told.out)["messages"]]
    return [event["id"] for event in found if event["run_id"] == run_id]


@pytest.mark.parametrize("life", range(LIVES))
def test_whoever_is_killed_the_run_is_the_backtest(
    life: int, own_kafka: Kafka, tmp_path: Path, whole: tuple[dict[str, Any], Path]
) -> None:
    """Feed, trade, relay and server are killed in turn: same digest, no fill lost or doubled."""
    summary, backtest = whole
    chance = random.Random(f"{life} {time.time():.0f}" if life else "0")
    victims = chance.sample(VICTIMS, len(VICTIMS)) if life else list(VICTIMS)
    made_topics(tmp_path, own_kafka)
    made = Deployment(tmp_path, own_kafka, feed_of(backtest), "run", supervised=life > 0)
    try:
        for role in ("feed", "trade", "relay"):
            made.start(role)
        for number, victim in enumerate(victims, 1):
            goal = 3 * ROWS * number // (len(victims) + 2)
            assert wait_until(lambda goal=goal: made.rows() >= goal, PATIENT_S), (
                victim,
                made.rows(),
            )
            made.kill(victim)
        told = made.ended()
    finally:
        made.close()
    assert [each.status for each in told.values()] == [0, 0, 0], told
    found = json.loads(told["trade"].out)
    for name in ("digest", "pnl", "fills", "orders", "events", "charges", "stats", "ticks"):
        assert found[name] == summary[name], name
    assert alike(envelopes(made.run)) == alike(envelopes(backtest))
    assert verify(made.run, cache_dir()).identical
    kept = [json.loads(line) for line in envelopes(made.run)]
    fills = [event["id"] for event in kept if event["type"] == "order_filled"]
    arrived = published(tmp_path, own_kafka.url, kept[0]["run_id"])
    assert len(fills) > 50
    assert list(dict.fromkeys(arrived)) == fills


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_role_stops_in_order(
    number: signal.Signals, own_kafka: Kafka, tmp_path: Path, whole: tuple[dict[str, Any], Path]
) -> None:
    """A signal ends each of them within 10 s, status 130, with a word on how it goes on."""
    made_topics(tmp_path, own_kafka)
    made = Deployment(tmp_path, own_kafka, feed_of(whole[1]), "run")
    try:
        for role in ("feed", "trade", "relay"):
            made.start(role)
        assert wait_until(lambda: made.rows() > 500, PATIENT_S)
        asked = time.monotonic()
        for each in made.processes.values():
            each.send_signal(number)
        told = made.ended()
    finally:
        made.close()
    assert time.monotonic() - asked < 10
    assert {each.status for each in told.values()} == {130}, told
    assert all("stopped in order" in each.err and each.out == "" for each in told.values()), told
    assert Journal.open(made.run).contents.statuses[-1]["note"] == STOPPED


@pytest.mark.parametrize(("words", "said", "served"), [
    ("--role fed", "--role fed", False),
    ("--role feed --feed replay:x", "ALPHAPANDA_BUS__SERVERS", False),
    ("--role feed --feed bus:", "publishes a recording", True),
    ("--role feed --role relay --feed replay:x", "--role feed alone", True),
    ("--role relay", "--out FOLDER", True),
    ("ema_cross --feed bus:", "ALPHAPANDA_BUS__SERVERS", False),
    ("ema_cross --feed bus: --from 2025-08-04", "--from", True),
    ("ema_cross --feed bus: --speed max", "--speed", True),
    ("ema_cross --feed bus: --feed replay:x", "one --feed", True),
    ("ema_cross", "one --feed", False),
])  # fmt: skip
def test_mistakes_of_roles_are_told(
    words: str, said: str, served: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """What does not go together is one line and status 2, and leaves no folder."""
    monkeypatch.chdir(tmp_path)
    if served:
        monkeypatch.setenv("ALPHAPANDA_BUS__SERVERS", "localhost:9")
    told = command("run", *words.split(), capsys=capsys)
    assert told.status == 2
    assert said in told.line
    assert list(tmp_path.iterdir()) == []
