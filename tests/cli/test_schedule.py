"""The commands of schedules, where no notebook has to run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alphapanda.schedules import records
from alphapanda.schedules.records import Record
from tests.schedules.made import file_of, places
from tests.support.running import command

Caps = pytest.CaptureFixture[str]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a base folder."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    return tmp_path


def kept(base: Path, day: str, status: str, name: str = "nightly") -> None:
    """Keep a run."""
    folder = places(base).root / name / day
    folder.mkdir(parents=True)
    started = f"{day}T16:00:00+05:30"
    records.write(
        folder, Record(name=name, date=day, status=status, started=started, ended=started)
    )


def test_list(base: Path, capsys: Caps) -> None:
    """A schedule has its next run and its last one; a wrong file is a finding."""
    assert command("schedule", "list", capsys=capsys).status == 0
    file_of(base, 'calendar = "always"', when="0 17 * * *")
    kept(base, "2026-01-14", "done")
    told = command("schedule", "list", "--json", capsys=capsys)
    (only,) = json.loads(told.out)["schedules"]
    assert (told.status, only["name"], only["last"]) == (0, "nightly", "2026-01-14 done")
    assert only["next"].endswith("T17:00:00+05:30")
    file_of(base, "what = 1", name="bad")
    told = command("schedule", "list", capsys=capsys)
    assert told.status == 1
    assert "there is no key 'what'" in told.out


@pytest.mark.parametrize(("status", "code"), [
    ("done", 0), ("skipped", 0), ("failed", 1), ("interrupted", 1), ("left", 1), ("running", 1),
])  # fmt: skip
def test_history_is_a_finding_if_one_failed(
    status: str, code: int, base: Path, capsys: Caps
) -> None:
    """Failed, stopped, or left in the middle by a process that is gone: status 1."""
    kept(base, "2026-01-13", "done")
    kept(base, "2026-01-14", status)
    assert command("schedule", "history", capsys=capsys).status == code
    told = command("schedule", "history", "--json", capsys=capsys)
    assert told.status == code
    assert [run["date"] for run in json.loads(told.out)["runs"]] == ["2026-01-13", "2026-01-14"]
    assert command("schedule", "history", "other", capsys=capsys).status == 0


def test_what_is_wrong_is_said(base: Path, capsys: Caps) -> None:
    """A name that is none, a day that is none, a role beside others, a role with a strategy."""
    file_of(base)
    told = command("schedule", "run", "nightli", capsys=capsys)
    assert (told.status, "Did you mean nightly" in told.line) == (2, True)
    told = command("schedule", "run", "nightly", "--date", "14.1.2026", capsys=capsys)
    assert (told.status, "2026-01-15" in told.line) == (2, True)
    told = command("run", "--role", "schedule", "--role", "trade", capsys=capsys)
    assert (told.status, "process of its own" in told.line) == (2, True)
    told = command("run", "ema_cross", "--role", "schedule", capsys=capsys)
    assert (told.status, "takes nothing else" in told.line) == (2, True)
