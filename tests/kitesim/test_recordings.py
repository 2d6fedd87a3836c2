"""Real ticks through the simulator onto paper: the journal, and a recording, are backtests too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alphapanda import config
from alphapanda.brokers.recorded import BESIDE
from alphapanda.journal.journal import Journal
from alphapanda.model.rows import Control
from tests.support.kitesim import HEADER, Server
from tests.support.running import command, with_strategies
from tests.support.servers import databases
from tests.support.shared import shared
from tests.support.simulated import evening, log_in, variables

NAME = "NFO:NIFTY25DECFUT"
LINE = "12683010,49543,NIFTY25DECFUT,NIFTY,0,2025-12-30,0,0.1,75,FUT,NFO-FUT,NFO"
SPEED = "100x"
STRATEGY = ("ema_cross", "--no-jit", "--json", "--param", "fast=3", "--param", "slow=8",
            "--param", "quantity=75")  # fmt: skip


class Desk(NamedTuple):
    """A simulator of five real minutes, and a folder that is logged in to it."""

    server: Server
    base: Path


@pytest.fixture
def desk(
    tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Give a simulator that waits for its first subscriber."""
    data = shared("data", "ticks", "kite_full_NIFTY25DECFUT_20251229.parquet")
    listed = tmp_path / "instruments_20251229.csv"
    listed.write_text(f"{HEADER}\n{LINE}\n")
    with (
        templates.migrated(tmp_path, "") as settings,
        Server.start("--data", data, "--instruments", listed, "--speed", SPEED) as server,
    ):
        with_strategies(settings.base_dir)
        monkeypatch.chdir(settings.base_dir)
        for name, value in variables(server, settings.base_dir).items():
            monkeypatch.setenv(name, value)
        log_in(server, config.load())
        server.go_wrong(do="drop-tick", after=60, times=60)  # a minute in which only time passes
        yield Desk(server, settings.base_dir)


def digest(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, Any]]:
    """Run a command and return its digest, and what else it said."""
    done = command(*words, capsys=capsys)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    return str(found["digest"]), found


def test_a_journal_is_a_recording(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Paper on live ticks verifies; a backtest on its journal, clock and all, is the same run."""
    out = desk.base / "live"
    with evening(desk.server):
        live, said = digest("paper", *STRATEGY, "--feed", f"kite:{NAME}", "--out", str(out),
                            capsys=capsys)  # fmt: skip
    assert said["fills"] > 0
    proof = command("verify", str(out), "--json", capsys=capsys)
    assert (proof.status, json.loads(proof.out)["identical"]) == (0, True)
    again, told = digest("backtest", *STRATEGY, "--data", str(out), "--journal",
                         "--out", str(desk.base / "again"), capsys=capsys)  # fmt: skip
    assert again == live
    assert any("rows of the clock" in note for note in told["notes"])
    inputs = [batch.controls for batch in Journal.open(desk.base / "again").batches()]
    clocks = sum(int((controls["kind"] == Control.TIME).sum()) for controls in inputs)
    assert clocks >= 3
    # The backtest's own journal is a recording as well.
    assert digest("backtest", *STRATEGY, "--data", str(desk.base / "again" / "journal.apj"),
                  "--out", str(desk.base / "third"), capsys=capsys)[0] == live  # fmt: skip


def test_a_recording_has_its_clock_beside(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """`record` keeps rows as they came and the clock; paper and backtest on them are one run."""
    kept = desk.base / "kept"
    with evening(desk.server):
        done = command("record", "--feed", f"kite:{NAME}", "--out", str(kept), "--json",
                       capsys=capsys)  # fmt: skip
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["rows"] > 200
    assert found["clocks"] >= 3
    once, said = digest("backtest", *STRATEGY, "--data", str(kept),
                        "--out", str(desk.base / "once"), capsys=capsys)  # fmt: skip
    assert said["fills"] > 0
    paper = digest("paper", *STRATEGY, "--feed", f"replay:{kept}", "--speed", "max",
                   "--out", str(desk.base / "paper"), capsys=capsys)[0]  # fmt: skip
    assert paper == once
    # Without its clock it would be another run: `cause` counts all input rows.
    for file in (kept / BESIDE).iterdir():
        file.unlink()
    without, told = digest("backtest", *STRATEGY, "--data", str(kept),
                           "--out", str(desk.base / "without"), capsys=capsys)  # fmt: skip
    assert without != once
    assert any("cut short" in note for note in told["notes"])
