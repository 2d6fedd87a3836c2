"""A backtest and a paper run leave the same events on the topics of a real server, each once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import process, session
from tests.journal.alike import envelopes

pytestmark = pytest.mark.core


def test_backtest_and_paper_publish_what_their_journals_hold(
    kafka_address: str, tmp_path: Path
) -> None:
    """Every envelope of the journal is on its topic once; the digests are the same."""
    bus = {"ALPHAPANDA_BUS__SERVERS": kafka_address}
    rules = ["--limits", "wide", "--param", "fast=50", "--param", "slow=200", "--json"]
    assert process("bootstrap", cwd=tmp_path, **bus).status == 0
    told = [
        process("backtest", "ema_cross", "--data", session(2, 6_000), "--bus", "--out", "one",
                *rules, cwd=tmp_path, **bus),
        process("paper", "ema_cross", "--feed", f"replay:{session(2, 6_000)}", "--speed", "max",
                "--out", "two", *rules, cwd=tmp_path, **bus),
    ]  # fmt: skip
    assert [run.status for run in told] == [0, 0], [run.err for run in told]
    assert len({json.loads(run.out)["digest"] for run in told}) == 1
    for name, broker in (("one", "replay"), ("two", "paper")):
        kept = [json.loads(line) for line in envelopes(tmp_path / name)]
        fills = [event["id"] for event in kept if event["type"] == "order_filled"]
        tail = process("tail", f"{broker}.orders.filled", "--limit", "100000", "--json",
                       cwd=tmp_path, **bus)  # fmt: skip
        found = [message["envelope"] for message in json.loads(tail.out)["messages"]]
        mine = [event["id"] for event in found if event["run_id"] == kept[0]["run_id"]]
        assert fills
        assert mine == fills
    again = process("relay", str(tmp_path / "one"), cwd=tmp_path, **bus)
    assert again.status == 0


def test_without_a_server_a_run_is_kept_and_told(tmp_path: Path) -> None:
    """With nobody at the address the run is whole with its journal, and status 3 says why."""
    nobody = {"ALPHAPANDA_BUS__SERVERS": "localhost:9", "ALPHAPANDA_BUS__CONNECT_TIMEOUT_S": "2"}
    told = process("backtest", "ema_cross", "--data", session(1, 2_000), "--limits", "wide",
                   "--bus", "--out", "run", "--json", cwd=tmp_path, **nobody)  # fmt: skip
    assert told.status == 3
    assert "localhost:9" in told.err
    assert envelopes(tmp_path / "run")
    assert process("verify", str(tmp_path / "run"), cwd=tmp_path).status == 0
