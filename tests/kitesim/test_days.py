"""Whole days of made-up shares on the simulator: the run on paper, its proof, and its backtest.

Short here; in `make soak` at 20x and by many ticks: ALPHAPANDA_TEST_DAY is the speed,
ALPHAPANDA_TEST_TICKS how many ticks a share has, ALPHAPANDA_TEST_FAULTS the script of a bad day.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alphapanda import config
from alphapanda.data.synth.sessions import NAMES
from alphapanda.kitesim.script import place_of
from tests.support.kitesim import OUTSIDE, Server
from tests.support.running import called, session, started, with_strategies
from tests.support.servers import databases
from tests.support.simulated import log_in, variables

SPEED = os.environ.get("ALPHAPANDA_TEST_DAY", "1000x")
SLOWER = os.environ.get("ALPHAPANDA_TEST_DAY", "500x")
"""Of a day on which connections are lost: a client waits for real seconds."""
TICKS = int(os.environ.get("ALPHAPANDA_TEST_TICKS", "200"))
LIMIT_S = 3_600
SHARES = 5
STRATEGY = ("ema_cross", "--no-jit", "--json", "--limits", "wide", "--param", "fast=3",
            "--param", "slow=8")  # fmt: skip


class Desk(NamedTuple):
    """A simulator, and a folder that is logged in to it."""

    server: Server
    base: Path
    env: dict[str, str]
    feed: str


@contextmanager
def desk(
    tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch, *more: Any,
    speed: str = SPEED, days: int = 1,
) -> Iterator[Desk]:  # fmt: skip
    """Give a simulator whose day waits, and a folder that is logged in to it."""
    data = session(SHARES, TICKS, days)
    with (
        templates.migrated(tmp_path, "") as settings,
        Server.start("--data", data, "--speed", speed, *more) as server,
    ):
        with_strategies(settings.base_dir)
        env = variables(server, settings.base_dir)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        log_in(server, config.load())
        feed = ",".join(f"NSE:{name}" for name in NAMES[:SHARES])
        yield Desk(server, settings.base_dir, env, f"kite:{feed}")


def fine(*words: Any, at: Desk) -> Any:
    """Run a command, which must end well; return the object that it printed."""
    done = called(*map(str, words), cwd=at.base)
    assert done.status == 0, done.err
    return json.loads(done.out)


def ended(process: Any) -> Any:
    """Wait for a command to end well by itself; return the object that it printed."""
    out, err = process.communicate(LIMIT_S)
    assert process.returncode == 0, err
    return json.loads(out)


def keep(*found: Any) -> None:
    """Write what commands said into the captured output, for who reads how a long run went."""
    for each in found:
        sys.stdout.write(f"{json.dumps(each)}\n")


def test_a_day_of_shares_is_one_run_live_and_recorded(
    tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two programs on one token see the day to its end; each journal and recording replays."""
    with desk(tmp_path, templates, monkeypatch) as at:
        live, kept, feed = at.base / "live", at.base / "kept", ("--feed", at.feed)
        with (
            started("record", *feed, "--out", str(kept), "--json", cwd=at.base) as recorder,
            started("paper", *STRATEGY, *feed, "--out", str(live), cwd=at.base) as trader,
        ):
            ran, recorded = ended(trader), ended(recorder)
        passed = at.server.sim("state")
    keep(ran, recorded, passed)
    assert passed["rows"] == SHARES * TICKS
    assert ran["fills"] > 0
    # Where the machine stands still for seconds lines are lost, and ticks too old: that is told.
    told = {"connections lost", "too old on arrival"} & recorded["dropped"].keys()
    assert told or recorded["rows"] > 0.9 * passed["rows"]
    assert fine("verify", live, "--json", at=at)["identical"]
    again = fine("backtest", *STRATEGY, "--data", live, "--out", at.base / "again", at=at)
    assert again["digest"] == ran["digest"]
    once = fine("backtest", *STRATEGY, "--data", kept, "--out", at.base / "once", at=at)
    paper = fine("paper", *STRATEGY, "--feed", f"replay:{kept}", "--speed", "max",
                 "--out", at.base / "paper", at=at)  # fmt: skip
    assert once["digest"] == paper["digest"]
    assert once["fills"] > 0


BAD = Path(os.environ.get("ALPHAPANDA_TEST_FAULTS", ""))
DOUBLED, ABSURD, ODD = (
    "exact repeats", "a price far outside the circuit limits", "packets of unknown length",
)  # fmt: skip
FAULTS = """
[[fault]]
do = "double-tick"
every = 10
[[fault]]
do = "drop-tick"
every = 13
[[fault]]
do = "late-tick"
every = 17
seconds = 0.05
[[fault]]
do = "absurd-tick"
every = 41
[[fault]]
do = "stale-time"
every = 47
seconds = 36000.0
[[fault]]
do = "zero-time"
every = 53
[[fault]]
do = "odd-packet"
every = 59
[[fault]]
do = "silent"
at = 11:30:00
seconds = 7.0
[[fault]]
do = "reset"
at = 13:15:00
"""
DEATH = """
[[fault]]
do = "end-token"
at = 10:00:00
"""


def logged(at: Desk, what: str, process: Any) -> None:
    """Wait until a process has written something into its log of the feed."""
    end = time.monotonic() + LIMIT_S
    while not any(what in file.read_text() for file in at.base.glob("logs/market_data*")):
        assert process.poll() is None, process.said()
        assert time.monotonic() < end, f"nobody said {what}"
        time.sleep(0.05)


def test_a_bad_day_is_told_and_replays_the_same(
    tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token dies in mid-session, lines are lost, ticks go wrong: all told, and one run."""
    script = tmp_path / "faults.toml"
    script.write_text((place_of(BAD).read_text() if BAD.name else FAULTS) + DEATH)
    with desk(tmp_path, templates, monkeypatch, "--faults", script, speed=SLOWER) as at:
        live, feed = at.base / "live", ("--feed", at.feed)
        with started("paper", *STRATEGY, *feed, "--out", str(live), cwd=at.base) as trader:
            logged(at, "no session for the feed", trader)
            log_in(at.server, config.load())
            ran = ended(trader)
        keep(ran, at.server.sim("state"))
    told = ran["repairs"]
    assert ran["fills"] > 0
    assert min(told[name] for name in (DOUBLED, ODD, "too old on arrival")) > 0, told
    assert BAD.name or told[ABSURD] > 0, told
    assert told["connections lost"] >= told["gaps, in which nothing could come"] >= 2
    assert fine("verify", live, "--json", at=at)["identical"]
    again = fine("backtest", *STRATEGY, "--data", live, "--out", at.base / "again", at=at)
    assert again["digest"] == ran["digest"]
    text = "".join(file.read_text() for file in at.base.glob("logs/*"))
    assert "gap in the feed" in text
    assert at.server.facts["api_secret"] not in text


def test_a_night_ends_the_session(
    tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 06:00 nothing runs on yesterday's token; with a new login the next day is seen."""
    with desk(tmp_path, templates, monkeypatch, days=2) as at:
        days = [at.base / "monday", at.base / "tuesday"]
        words = ("record", "--feed", at.feed, "--json", "--out")
        found = [fine(*words, days[0], at=at)]
        OUTSIDE.post(f"{at.server.facts['rest']}/_sim/morning", timeout=60).raise_for_status()
        for command in (words, ("paper", *STRATEGY, *words[1:3], "--out")):
            refused = called(*command, str(days[1]), cwd=at.base)
            assert refused.status == 3, refused.err
            assert "alphapanda login zerodha" in refused.err
            assert not days[1].exists()
        log_in(at.server, config.load())
        found.append(fine(*words, days[1], at=at))
    assert min(each["rows"] for each in found) > SHARES * TICKS // 2
    both = [fine("backtest", *STRATEGY, "--data", day, "--out", f"{day}-run", at=at)["from"]
            for day in days]  # fmt: skip
    assert both == ["2025-08-04", "2025-08-05"]
