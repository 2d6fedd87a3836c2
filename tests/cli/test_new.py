"""`alphapanda new strategy NAME`: what it writes runs, trades and passes, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alphapanda import config
from alphapanda.runs.discovery import find
from tests.support.running import ROOT, command, left, session

WRITTEN = ["strategies", "strategies/first_idea.py", "tests", "tests/test_first_idea.py"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_writes_a_strategy_and_its_tests(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In an empty folder both files appear, and the commands that come next are told."""
    told = command("new", "strategy", "first_idea", capsys=capsys)
    assert (told.status, told.err) == (0, "")
    assert left(folder) == WRITTEN
    lines = told.out.splitlines()
    assert lines[:2] == ["strategies/first_idea.py", "tests/test_first_idea.py"]
    assert "  alphapanda backtest first_idea --data synth.parquet" in lines
    assert find("first_idea", config.load().strategies_dir).cls.__name__ == "FirstIdea"


def test_next_commands_name_the_catalogue(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where data have been imported, the commands run on them."""
    command("data", "import", session(1, 400, 1, "bar"), capsys=capsys)
    told = command("new", "strategy", "first_idea", "--json", capsys=capsys)
    facts = json.loads(told.out)
    assert facts["files"] == ["strategies/first_idea.py", "tests/test_first_idea.py"]
    assert facts["next"][0] == "alphapanda backtest first_idea --data data"


def test_its_own_tests_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tests that come with it pass as they are written."""
    command("new", "strategy", "first_idea", capsys=capsys)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=folder, text=True, capture_output=True, check=False)
    assert "3 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("kind", ["tick", "bar"])
def test_runs_on_ticks_and_on_bars(
    kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is, it trades on minutes and on ticks."""
    command("new", "strategy", "first_idea", capsys=capsys)
    data = session(2, 3_000, 2, kind)
    told = command("backtest", "first_idea", "--data", data, "--no-jit", "--json", capsys=capsys)
    assert json.loads(told.out)["fills"] > 10


def test_keeps_the_rules_of_this_project(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it writes passes the linter and the formatter of this repository."""
    command("new", "strategy", "first_idea", capsys=capsys)
    for words in (["check"], ["format", "--diff"]):
        for name in ("strategies/first_idea.py", "tests/test_first_idea.py"):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *words, "--no-cache", "--stdin-filename", name],
                cwd=ROOT, text=True, capture_output=True, check=False,
                input=(folder / name).read_text(),
            )  # fmt: skip
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MyIdea", "write my_idea"),
        ("my-idea", "write my_idea"),
        ("my__idea", "write my_idea"),
        ("2nd_idea", "write nd_idea"),
        ("../idea", "write idea"),
        ("", "as opening_range"),
        ("class", "write my_class"),
        ("json", "write my_json"),
        ("alphapanda", "write my_alphapanda"),
    ],
)
def test_bad_names_are_refused(
    name: str, hint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that no file, class or module can have is refused with a better one."""
    told = command("new", "strategy", name, capsys=capsys)
    assert told.status == 2
    assert hint in told.line
    assert left(folder) == []


@pytest.mark.parametrize("there", WRITTEN[1::2])
def test_nothing_is_overwritten(
    there: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If either file is there it stays as it is, and the other is not written."""
    (folder / there).parent.mkdir()
    (folder / there).write_text("mine")
    told = command("new", "strategy", "first_idea", capsys=capsys)
    assert told.status == 2
    assert f"{there} is there already" in told.line
    assert (folder / there).read_text() == "mine"
    assert len(left(folder)) == 2


def test_a_failure_leaves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where one of the two cannot be written, neither is, and no folder is left."""
    (folder / "tests").write_text("a file where the folder should be")
    told = command("new", "strategy", "first_idea", capsys=capsys)
    assert told.status == 3
    assert "tests" in told.line
    assert left(folder) == ["tests"]
