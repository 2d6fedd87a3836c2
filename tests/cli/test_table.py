"""The table of commands: a file for each, whose help is what the table says."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from alphapanda.cli.table import COMMANDS, GROUPS, Row
from tests.support.running import ROOT, command, process

Caps = pytest.CaptureFixture[str]


@pytest.mark.parametrize(("words", "row"), COMMANDS.items(), ids=COMMANDS)
def test_command_is_a_file(words: str, row: Row) -> None:
    """A command is a function in the file of its words; its docstring begins with its line."""
    name = words.replace(" ", "_")
    assert row.module == f"alphapanda.cli.{name}"
    function = getattr(importlib.import_module(row.module), name)
    first = inspect.getdoc(function).partition("\n\n")[0]  # type: ignore[union-attr]
    assert " ".join(first.split()) == row.line


def test_no_command_is_forgotten() -> None:
    """A file of cli/ with a function of its own name is in the table."""
    files = (ROOT / "alphapanda" / "cli").glob("*.py")
    found = {f.stem for f in files if re.search(rf"^def {f.stem}\(", f.read_text(), re.MULTILINE)}
    assert found == {words.replace(" ", "_") for words in COMMANDS}


def test_groups_are_first_words() -> None:
    """Each first word of two has its line of help, and no group is empty."""
    assert {words.partition(" ")[0] for words in COMMANDS if " " in words} == set(GROUPS)


def test_help_lists_every_command(capsys: Caps) -> None:
    """The help of the program and of its groups has a line for each, never cut."""
    told = command("--help", capsys=capsys)
    assert told.status == 0
    shown = " ".join(told.out.split())
    for words, row in COMMANDS.items():
        line = GROUPS[words.partition(" ")[0]] if " " in words else row.line
        assert f"{words.partition(' ')[0]} {line}" in shown
    for group in GROUPS:
        shown = " ".join(command(group, "--help", capsys=capsys).out.split())
        for words, row in COMMANDS.items():
            if words.startswith(f"{group} "):
                assert f"{words.partition(' ')[2]} {row.line}" in shown


@pytest.mark.parametrize("words", [(), ("data",)])
def test_a_word_alone_prints_its_help(words: tuple[str, ...], capsys: Caps) -> None:
    """Where a word is missing the help says which there are, on stdout, with status 2."""
    told = command(*words, capsys=capsys)
    assert (told.status, told.err) == (2, "")
    assert told.out == command(*words, "--help", capsys=capsys).out


def test_wrong_word_of_a_group(capsys: Caps) -> None:
    """A wrong second word is named, with what was meant."""
    told = command("data", "lst", capsys=capsys)
    assert (told.status, told.out) == (2, "")
    assert "Did you mean 'list'?" in told.err


def test_module_is_the_program(tmp_path: Path) -> None:
    """`python -m alphapanda` does what `alphapanda` does."""
    done = subprocess.run([sys.executable, "-m", "alphapanda", "--help"], cwd=tmp_path, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stdout == process("--help", cwd=tmp_path).out
