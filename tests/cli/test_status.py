"""`alphapanda status`: what runs here, by files alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from alphapanda.monitor import beats
from alphapanda.monitor.beats import Beat
from tests.support.running import command


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a base folder of the test's own."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    return tmp_path


def beat(base: Path, *, age_s: float = 0.0) -> None:
    """Let a process beat there."""
    beats.write(base, Beat(
        role="trade", pid=4711, host="h", version="1", code="c", config="d", schema="",
        started_ns=time.time_ns(), ts_ns=time.time_ns() - int(age_s * 1e9), run_id="run-\x1b[31m",
        parts={"feed": "mute since 10:15"},
    ))  # fmt: skip


def test_an_empty_folder_has_nothing_wrong(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a database, a server, a run or a process it says so, and ends well."""
    told = command("status", capsys=capsys)
    assert told.status == 0
    assert "no process of this folder beats" in told.out
    assert "no run here keeps a journal" in told.out


def test_a_process_that_has_gone_is_a_finding(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, the part named first; what a beat says moves no cursor."""
    beat(base, age_s=60)
    told = command("status", capsys=capsys)
    assert told.status == 1
    assert told.out.lstrip().startswith("processes is down: trade (4711) beat 60 s ago")
    assert "mute since 10:15" in told.out
    assert "\x1b" not in told.out


def test_programs_get_one_object(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Processes, runs and health, each part with its state."""
    beat(base)
    told = command("status", "--json", capsys=capsys)
    facts = json.loads(told.out)
    assert [each["state"] for each in facts["processes"]] == ["ok"]
    assert facts["runs"] == []
    states = {each["part"]: each["state"] for each in facts["health"]}
    assert (states["database"], states["processes"], states["redis"]) == ("off", "ok", "off")
