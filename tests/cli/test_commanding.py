"""Commands for runs: what they reach, what they refuse, and what holds for all runs at once."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from alphapanda.faults import VARIABLE
from alphapanda.runs.commands import KILL
from tests.support.running import Told, command, process, session, with_strategies

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a base folder with two runs: `killed`, which can go on, and `ended`."""
    folder = with_strategies(tmp_path_factory.mktemp("base"))
    assert process(*paper("killed"), cwd=folder, **{VARIABLE: "batch kept:2"}).status == (
        -signal.SIGKILL
    )
    assert process(*paper("ended"), cwd=folder).status == 0
    return folder


def paper(name: str) -> list[str]:
    """Return the command that trades on paper into `runs/NAME`."""
    return ["paper", "ema_cross", "--feed", f"replay:{session(1, 3_000)}", "--speed", "max",
            "--no-jit", "--out", f"runs/{name}", "--json"]  # fmt: skip


@pytest.fixture
def say(base: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Return what runs a command in the base folder."""
    monkeypatch.chdir(base)

    def run(*words: str) -> Told:
        return command(*words, capsys=capsys)

    return run


def test_a_run_that_was_killed_has_its_command_waiting(say: Any, base: Path) -> None:
    """The command is on the disk; with --wait the status says that it was not applied."""
    told = say("pause", "killed", "--reason", "lunch")
    assert told.status == 0
    assert "killed: pause is on the disk; the run applies it, when it goes on" in told.out
    told = say("flatten", "killed", "--wait", "--json")
    assert told.status == 1
    (facts,) = json.loads(told.out)["commands"]
    assert (facts["applied"], facts["standing"]) == (False, "unfinished")
    assert len(list((base / "runs" / "killed" / "inbox").glob("*.json"))) == 2


REFUSED = {
    "an ended run": (("pause", "ended"), "ended has ended"),
    "no run": (("pause",), "name one RUN, or write --all"),
    "a run and all": (("pause", "killed", "--all"), "name one RUN, or write --all"),
    "an unknown run": (("pause", "kiled"), "kiled: no such run"),
    "an unknown strategy": (("pause", "killed", "--strategy", "ema_cros"), "Did you mean ema_cro"),
    "an unknown instrument": (("kill", "killed", "--instrument", "X"), "has none such"),
    "two scopes": (("kill", "killed", "--instrument", "X", "--strategy", "Y"), "one of them"),
    "rearm unconfirmed": (("rearm", "killed"), "write --account ID"),
    "rearm of another account": (("rearm", "killed", "--account", "XY"), "account is another"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_command_could_mean_is_refused(case: str, say: Any, base: Path) -> None:
    """Nothing is written then, and the message says what to write."""
    words, message = REFUSED[case]
    before = sorted(base.rglob("*"))
    told = say(*words)
    assert told.status == 2
    assert message in told.line
    assert sorted(base.rglob("*")) == before


def test_kill_all_holds_until_it_is_lifted(say: Any, base: Path) -> None:
    """No run begins or goes on while BASE/KILL is there; rearm --all takes it away."""
    told = say("kill", "--all", "--reason", "a storm", "--json")
    assert told.status == 0
    assert [each["run"] for each in json.loads(told.out)["commands"]] == ["killed"]
    assert (base / KILL).is_file()
    for name in ("killed", "fresh"):
        refused = say(*paper(name))
        assert refused.status == 2
        assert "alphapanda rearm --all --account ID" in refused.line
    assert not (base / "runs" / "fresh").exists()
    told = say("rearm", "--all", "--account", "default")
    assert told.status == 0
    assert not (base / KILL).exists()
    done = process(*paper("killed"), cwd=base)
    assert done.status == 0, done.err
    applied = sorted((base / "runs" / "killed" / "inbox" / "applied").glob("*.json"))
    assert [json.loads(file.read_text())["verb"] for file in applied] == [
        "pause", "flatten", "kill", "rearm",
    ]  # fmt: skip
