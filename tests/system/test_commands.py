"""Commands to a paper run that is killed: each applied once, or still to be applied, never lost."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphapanda.events.events import Envelope, EventType, decode
from alphapanda.faults import VARIABLE
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.commands import Verb
from alphapanda.runs.commands import outcome_of
from alphapanda.runs.verify import verify
from tests.support.forking import Forked
from tests.support.harness import cache_dir
from tests.support.running import Told, called, process, session, started

pytestmark = pytest.mark.core

DRILLS = int(os.environ.get("ALPHAPANDA_TEST_DRILLS", "4"))
"""`make soak` asks for 50."""
ROWS = 1_500
WORKING = 20
STRATEGY = """
from alphapanda import buy, buy_limit, sell, state, strategy

@strategy
class Twenty:
    '''Keeps twenty orders far below the market, and buys and sells one share in turn.'''

    orders = state(0)
    rows = state(0)

    def on_tick(self, ctx):
        self.rows += 1
        if self.orders < 20:
            self.orders += 1
            buy_limit(ctx, 1, (ctx.last // 1_000 - 20 - self.orders) * 500)
        elif self.rows % 40 == 0:
            buy(ctx, 1)
        elif self.rows % 40 == 20:
            sell(ctx, 1)
"""


def words(speed: str) -> list[str]:
    """Return the command that trades a made-up session on paper."""
    feed = f"replay:{session(1, ROWS)}"
    return ["paper", "twenty.py", "--feed", feed, "--speed", speed, "--limits", "wide",
            "--no-jit", "--out", "runs/one", "--json"]  # fmt: skip


def envelopes(run: Path) -> list[Envelope]:
    """Return the events of a run so far."""
    return [decode(line) for batch in Journal.open(run).batches() for line in batch.envelopes]


def trading(folder: Path, *, speed: str = "1000x", **variables: str) -> Forked:
    """Start trading."""
    return started(*words(speed), cwd=folder, **variables)


def wait_for_events(run: Path, trader: Forked, count: int) -> None:
    """Wait until a run's journal has rows, and at least so many events."""
    while trader.poll() is None:
        if (run / FILE).is_file():
            journal = Journal(run / FILE)
            journal.refresh()
            if journal.contents.batches and journal.seq >= count:
                return
        time.sleep(0.02)


def identity(done: Told) -> str:
    """Return the id of a command that was given on the command line."""
    assert done.status == 0, done.err
    (found,) = json.loads(done.out)["commands"]
    return str(found["id"])


def given_while_it_trades(run: Path, verb: Verb, trader: Forked, *, kill_after_s: float) -> Told:
    """Give a command from another process, and kill the run so long after its file was there."""
    inbox = run / "inbox"
    with started(verb, "one", "--json", cwd=run.parents[1]) as giving:
        while not [*inbox.glob("*.json"), *inbox.glob("applied/*.json")]:
            assert giving.poll() in (None, 0), giving.said()
            time.sleep(0.001)
        time.sleep(kill_after_s)
        trader.kill()
        trader.wait(60)
        out, err = giving.communicate(60)
        return Told(giving.wait(), out, err)


def standing(run: Path, command: str) -> str:
    """Return how far a command came before its run was killed."""
    if outcome_of(run, command) is not None:
        return "settled"
    known = [event.data.command for event in envelopes(run) if event.type == EventType.COMMAND]
    return "in the journal" if command in known else "waiting"


def check_applied_once(run: Path, given: list[str]) -> None:
    """Check that each command is in the journal once, in order, and that the run replays."""
    events = envelopes(run)
    applied = [event.data.command for event in events if event.type == EventType.COMMAND]
    assert applied == given
    assert verify(run, cache_dir()).identical
    for each in given:
        assert outcome_of(run, each) is not None
    assert list((run / "inbox").glob("*.json")) == []


def check_obeyed(run: Path, verb: Verb) -> None:
    """Check what the last command forbids: nothing that adds risk is sent behind it."""
    events = envelopes(run)
    at = max(n for n, event in enumerate(events) if event.type == EventType.COMMAND)
    behind = Counter(event.type for event in events[at:])
    if verb == Verb.KILL:
        assert behind[EventType.VALIDATED_SIGNAL] == 0
    cancelled = behind[EventType.ORDER_CANCELLED] + behind[EventType.ORDER_CANCEL_SENT]
    assert cancelled >= WORKING
    if verb == Verb.FLATTEN:
        held = [event.data.position for event in events if event.type == EventType.ORDER_FILLED]
        assert held[-1] == 0


@pytest.fixture(scope="module")
def drilled() -> Iterator[list[tuple[Verb, str, float]]]:
    """Take what each drill did; `make soak` prints it."""
    seen: list[tuple[Verb, str, float]] = []
    yield seen
    if DRILLS >= 10:
        counts = Counter((str(verb), how) for verb, how, _ in seen)
        took = sorted(ms for _, how, ms in seen if how == "alive")
        sys.stdout.write("\n".join([
            "", *(f"{verb}, {how}: {count}" for (verb, how), count in sorted(counts.items())),
            (f"asked to synced in the journal, ms: median {statistics.median(took):.1f}, "
            f"worst {took[-1]:.1f}"), "",
        ]))  # fmt: skip


@pytest.mark.parametrize("number", range(DRILLS))
def test_a_command_is_applied_once_whatever_is_killed(
    number: int, tmp_path: Path, drilled: list[tuple[Verb, str, float]]
) -> None:
    """Half the runs are killed -9 around the command; started again they end and replay."""
    (tmp_path / "twenty.py").write_text(STRATEGY)
    run, chance = tmp_path / "runs" / "one", random.Random(number)
    verb, how = (Verb.PAUSE, Verb.FLATTEN, Verb.KILL)[number % 3], "alive"
    with trading(tmp_path) as trader:
        wait_for_events(run, trader, 4 * WORKING + 40)
        assert trader.poll() is None, "it ended before its orders worked"
        if number % 2 == 0:
            after_s = chance.random() * 0.1
            given = identity(given_while_it_trades(run, verb, trader, kill_after_s=after_s))
            how = standing(run, given)
        else:
            given = identity(process(verb, "one", "--wait", "--json", cwd=tmp_path))
            trader.send_signal(signal.SIGTERM)
            trader.wait(60)
    done = process(*words("max"), cwd=tmp_path)
    assert done.status == 0, done.err
    check_applied_once(run, [given])
    check_obeyed(run, verb)
    outcome = outcome_of(run, given) or {}
    asked_ns = int(given.partition("-")[0])
    drilled.append((verb, how, (outcome.get("applied_ns", asked_ns) - asked_ns) / 1e6))


@pytest.mark.parametrize("point", ["record torn", "record written", "record synced", "batch kept"])
def test_killed_while_a_command_is_written_it_is_applied_once(point: str, tmp_path: Path) -> None:
    """A command that waits at the start is in the first batch; killed at it, it is not lost."""
    (tmp_path / "twenty.py").write_text(STRATEGY)
    run = tmp_path / "runs" / "one"
    first = process(*words("max"), cwd=tmp_path, **{VARIABLE: "batch kept:1"})
    assert first.status == -signal.SIGKILL
    given = [identity(called(verb, "one", "--json", cwd=tmp_path)) for verb in ("pause", "kill")]
    count = 1 if point == "batch kept" else 2
    second = process(*words("max"), cwd=tmp_path, **{VARIABLE: f"{point}:{count}"})
    assert second.status == -signal.SIGKILL
    done = process(*words("max"), cwd=tmp_path)
    assert done.status == 0, done.err
    check_applied_once(run, given)
    assert json.loads(done.out)["status"] == "complete"


def test_an_idle_run_obeys(tmp_path: Path) -> None:
    """While the next row is minutes away a command is applied at once, at the core's own time."""
    (tmp_path / "twenty.py").write_text(STRATEGY)
    run = tmp_path / "runs" / "one"
    with trading(tmp_path, speed="0.001x") as trader:
        wait_for_events(run, trader, 0)
        done = called("kill", "one", "--wait", "--reason", "a test", "--json", cwd=tmp_path)
        assert done.status == 0, done.err
        (found,) = json.loads(done.out)["commands"]
        assert (found["run"], found["applied"], found["positions"]) == ("one", True, 0)
    events = envelopes(run)
    applied = next(event for event in events if event.type == EventType.COMMAND)
    assert (applied.data.command, applied.data.reason) == (found["id"], "a test")
    assert applied.data.by.startswith("cli:")
    assert verify(run, cache_dir()).identical
