"""A backtest and a paper run leave the same events on the topics of a real server, each once."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from alphapanda import config
from alphapanda.bus import topic_reader
from alphapanda.bus.topics import rehearsed
from alphapanda.config import sections
from alphapanda.config.settings import Settings
from alphapanda.events.events import decode
from alphapanda.events.topics import topic_of
from alphapanda.faults import RELAYED, VARIABLE
from alphapanda.journal.journal import Journal
from alphapanda.runtime.relaying import publish
from tests.runs.alike import envelopes
from tests.support.events import LARGE
from tests.support.gate import Gate
from tests.support.running import called, process, session, started
from tests.support.servers.kafka import Kafka
from tests.support.servers.process import wait_until

pytestmark = pytest.mark.core

ROWS = 2_000
"""Of each of two shares."""
RULES = ["--limits", "wide", "--param", "fast=20", "--param", "slow=80", "--json"]


def feed(speed: str) -> list[str]:
    return ["--feed", f"replay:{session(2, ROWS)}", "--speed", speed]


def test_backtest_and_paper_publish_what_their_journals_hold(
    kafka_address: str, tmp_path: Path
) -> None:
    """Every envelope of the journal is on its topic once; the digests are the same."""
    bus = {"ALPHAPANDA_BUS__SERVERS": kafka_address}
    assert called("bootstrap", cwd=tmp_path, **bus).status == 0
    told = [
        called("backtest", "ema_cross", "--data", session(2, ROWS), "--bus", "--out", "one",
               *RULES, cwd=tmp_path, **bus),
        called("paper", "ema_cross", *feed("max"), "--out", "two", *RULES, cwd=tmp_path, **bus),
    ]  # fmt: skip
    assert [run.status for run in told] == [0, 0], [run.err for run in told]
    assert len({json.loads(run.out)["digest"] for run in told}) == 1
    for name, broker in (("one", "replay"), ("two", "paper")):
        kept = [json.loads(line) for line in envelopes(tmp_path / name)]
        fills = [event["id"] for event in kept if event["type"] == "order_filled"]
        tail = called("tail", f"{broker}.orders.filled", "--limit", "100000", "--json",
                       cwd=tmp_path, **bus)  # fmt: skip
        found = [message["envelope"] for message in json.loads(tail.out)["messages"]]
        mine = [event["id"] for event in found if event["run_id"] == kept[0]["run_id"]]
        assert fills
        assert mine == fills
    again = called("relay", str(tmp_path / "one"), cwd=tmp_path, **bus)
    assert again.status == 0
    total = len(envelopes(tmp_path / "one"))
    assert f"{total:,} envelopes: 0 sent now, {total:,} by earlier processes" in again.out
    assert "--again sends all" in again.out
    cursor = tmp_path / "one" / "relay.cursor"
    cursor.write_bytes((tmp_path / "two" / "relay.cursor").read_bytes())
    for words in ([], ["--again"]):
        told = called("relay", str(tmp_path / "one"), *words, "--json", cwd=tmp_path, **bus)
        assert told.status == 0, told.err
        done = json.loads(told.out)
        assert (done["sent"], done["earlier"]) == (total, 0)
        assert bool(done["damage"]) == (not words)


def test_a_rehearsed_run_is_published_apart(
    own_topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it lies on topics that begin with `rehearsal.`, made for it; on the others nothing."""
    folder, bus = own_topics.base_dir, {"ALPHAPANDA_BUS__SERVERS": own_topics.bus.servers}
    told = called("backtest", "ema_cross", "--data", session(2, ROWS), "--journal", "--no-jit",
                  "--out", "one", *RULES, cwd=folder)  # fmt: skip
    assert told.status == 0, told.err
    monkeypatch.chdir(folder)
    for name, value in bus.items():
        monkeypatch.setenv(name, value)
    done = publish(folder / "one", config.load(), rehearsed=True)
    kept = [json.loads(line) for line in envelopes(folder / "one")]
    assert (done.envelopes, done.sent) == (len(kept), len(kept))
    names = asyncio.run(topic_reader.existing(own_topics, rehearsed("replay")))
    assert names == rehearsed("replay")
    assert all(name.startswith("rehearsal.replay.") for name in names)
    tails = [
        json.loads(called("tail", f"{prefix}replay.orders.filled", "--limit", "100000", "--json",
                          cwd=folder, **bus).out)["messages"]
        for prefix in ("rehearsal.", "")
    ]  # fmt: skip
    # On the usual topics lies also what other tests left there, some of it no event.
    apart, usual = ([m["envelope"] for m in each if "envelope" in m] for each in tails)
    run = kept[0]["run_id"]
    fills = [event["id"] for event in kept if event["type"] == "order_filled"]
    assert [event["id"] for event in apart if event["run_id"] == run] == fills
    assert [event for event in usual if event["run_id"] == run] == []


@pytest.mark.parametrize(
    ("point", "count"),
    [("page acknowledged", 1), ("page acknowledged", 2), ("cursor written", 1),
     ("cursor written", 2), ("cursor kept", 1)],
)  # fmt: skip
def test_killed_where_its_relay_is_a_run_arrives(
    kafka_address: str, point: str, count: int, tmp_path: Path
) -> None:
    """Killed at the n-th passing of a point of the relay, each event arrives in its key's order.

    At the second there is a cursor of an earlier page. The first that is kept is as any other.
    """
    bus = {"ALPHAPANDA_BUS__SERVERS": kafka_address}
    words = ["paper", "ema_cross", "--out", "run", *RULES]
    assert called("bootstrap", cwd=tmp_path, **bus).status == 0
    killed = process(*words, *feed("1000x"), cwd=tmp_path, **bus, **{VARIABLE: f"{point}:{count}"})
    assert killed.status == -signal.SIGKILL
    again = called(*words, *feed("max"), cwd=tmp_path, **bus)
    if again.status == 2:  # the run had ended: what was left to do is the relay's
        again = called("relay", "run", cwd=tmp_path, **bus)
    assert again.status == 0, again.err
    assert called("verify", "run", cwd=tmp_path).status == 0
    kept = [json.loads(line) for line in envelopes(tmp_path / "run")]
    settings = Settings(base_dir=tmp_path, bus=sections.Bus(enabled=True, servers=kafka_address))
    for topic in ("paper.signals.validated", "paper.orders.filled", "paper.pnl.snapshots"):
        found = [
            decode(one.value) for one in asyncio.run(topic_reader.newest(settings, topic, 10**6))
        ]
        mine = [(event.key, event.id) for event in found if event.run_id == kept[0]["run_id"]]
        wanted = [
            (each["key"], each["id"]) for each in kept if topic_of(each["type"], "paper") == topic
        ]
        assert by_key(mine) == by_key(wanted) != {}


def test_every_point_is_tried() -> None:
    """The points of the test above are those there are."""
    (mark,) = test_killed_where_its_relay_is_a_run_arrives.pytestmark  # type: ignore[attr-defined]
    assert {point for point, _ in mark.args[1]} == {*RELAYED}


def by_key(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return ids by key, each where it came first."""
    found: dict[str, dict[str, None]] = {}
    for key, own in pairs:
        found.setdefault(key, {})[own] = None
    return {key: [*ids] for key, ids in found.items()}


def test_without_a_server_a_run_is_kept_and_told(tmp_path: Path) -> None:
    """With nobody at the address the run is whole with its journal, and status 3 says why."""
    nobody = {"ALPHAPANDA_BUS__SERVERS": "localhost:9", "ALPHAPANDA_BUS__CONNECT_TIMEOUT_S": "2"}
    told = called("backtest", "ema_cross", "--data", session(1, 2_000), "--limits", "wide",
                   "--bus", "--out", "run", "--json", cwd=tmp_path, **nobody)  # fmt: skip
    assert told.status == 3
    assert "localhost:9" in told.err
    assert envelopes(tmp_path / "run")
    assert called("verify", str(tmp_path / "run"), cwd=tmp_path).status == 0


def test_what_can_not_be_published_is_not_run(tmp_path: Path) -> None:
    """Without a server in the settings `--bus` is a mistake, told before the run."""
    told = called("backtest", "ema_cross", "--data", session(1, 2_000), "--bus", "--out", "run",
                   cwd=tmp_path)  # fmt: skip
    assert told.status == 2
    assert "ALPHAPANDA_BUS__SERVERS" in told.line
    assert not (tmp_path / "run").exists()


def test_who_does_not_wait_for_a_silent_server_has_the_result(
    own_topics: Settings, own_kafka: Kafka, tmp_path: Path
) -> None:
    """At the end of a run Ctrl-C ends the waiting, not the run: result, status 3, and a remedy."""
    bus = {"ALPHAPANDA_BUS__SERVERS": own_topics.bus.servers}
    assert called("bootstrap", "--broker", "paper", cwd=tmp_path,
                   **bus, ALPHAPANDA_BUS__MESSAGE_BYTES=str(LARGE)).status == 0  # fmt: skip
    run, gate = tmp_path / "run", Gate(tmp_path)
    gate.let(ROWS)
    words = ["paper", "ema_cross", *feed("max"), "--out", "run", *RULES]
    with started(*words, cwd=tmp_path, **bus, **gate.variables) as trading:
        try:
            assert wait_until((run / "relay.cursor").exists, 60)
            own_kafka.pause()
            gate.let()
            assert wait_until(lambda: Journal.open(run).contents.ended, 120)
            trading.send_signal(signal.SIGINT)
            out, err = trading.communicate(60)
        finally:
            own_kafka.resume()
    assert trading.returncode == 3, err
    assert f"after that: alphapanda relay {run}" in err
    assert json.loads(out)["digest"] == Journal.open(run).contents.digest
    # Thawed, the server is not one of its own cluster before its controller has taken it in again.
    assert wait_until(lambda: called("relay", str(run), cwd=tmp_path, **bus).status == 0, 60)
    fills = [event["id"] for event in map(json.loads, envelopes(run))
             if event["type"] == "order_filled"]  # fmt: skip
    arrived = [decode(one.value) for one in asyncio.run(
        topic_reader.newest(own_topics, "paper.orders.filled", 100_000)
    )]  # fmt: skip
    run_id = Journal.open(run).contents.manifest["run_id"]
    assert list(dict.fromkeys(e.id for e in arrived if e.run_id == run_id)) == fills
