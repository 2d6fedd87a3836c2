"""Every page that teaches is done as a reader would do it: its blocks in order, in an empty folder.

`python` and `sh` blocks are run, one with a title is written to that file, and a `text` block shows
what the block before it printed: lines or parts of lines, in their order. A command that is to
end with another status than 0 says so behind a `#`. A `console` block is not run: it needs a
network, a person or a server.
"""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.running import ROOT, called

PAGES = sorted(
    page
    for folder in ("start", "cookbook", "coming-from")
    for page in (ROOT / "docs" / folder).glob("*.md")
)
TASKS = [page for page in PAGES if page.parent.name == "cookbook" and page.stem != "index"]
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
PLAIN = ("backtest", "sweep", "check", "stress", "paper")
"""Commands that compile nothing here; what comes out is the same."""


class Block(NamedTuple):
    """A fenced block of a page."""

    line: int
    language: str
    title: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for found in FENCE.finditer(page):
        line = page.count("\n", 0, found.start()) + 1
        yield Block(line, found[1], found[2] or "", found[3])


def run_commands(block: Block, folder: Path) -> str:
    """Run a block's commands in a folder and return what they printed."""
    printed = ""
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        command, _, remark = line.partition("#")
        words = shlex.split(command)
        if not words:
            continue
        assert words[0] == "alphapanda", f"line {block.line}: only our commands run: {line}"
        more = ["--no-jit"] if words[1] in PLAIN and "--no-jit" not in words else []
        done = called(*words[1:], *more, cwd=folder, COLUMNS="80", NO_COLOR="1")
        wanted = re.search(r"status (\d)", remark)
        status = int(wanted[1]) if wanted else 0
        assert done.status == status, f"line {block.line}: {line}\n{done.out}{done.err}"
        printed += done.out + done.err
    return printed


def run_python(block: Block, folder: Path, names: dict[str, Any]) -> str:
    """Run a block as a cell of a notebook and return what it printed."""
    file = folder / f".line{block.line}.py"
    file.write_text(block.text)
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(block.text, str(file), "exec"), names)
    return out.getvalue()


def missing(shown: str, printed: str) -> list[str]:
    """Return what is shown and was not printed, in order; a line may be a part of one printed."""
    rest = iter([" ".join(line.split()) for line in printed.splitlines()])
    wanted = [" ".join(line.split()) for line in shown.splitlines()]
    return [part for part in wanted if part and not any(part in line for line in rest)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_what_a_page_says_happens(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command and line of code of a page works as it stands, and prints what is shown."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    for block in blocks(page.read_text()):
        if block.title:
            file = tmp_path / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        elif block.language == "sh":
            printed = run_commands(block, tmp_path)
        elif block.language == "python":
            printed = run_python(block, tmp_path, names)
        elif block.language == "text":
            lines = missing(block.text, printed)
            assert not lines, f"line {block.line}: not printed: {lines}\n{printed}"


def test_a_line_that_is_not_printed_is_found() -> None:
    """Lines must be there, in their order; spaces do not count, and a part will do."""
    assert missing("a   b\n\nc\n", "a b 1\nx\nc\n") == []
    assert missing("c\na b\n", "a b\nx\nc\n") == ["a b"]
    assert missing("d\n", "a b\n") == ["d"]


@pytest.mark.parametrize("page", TASKS, ids=lambda page: page.stem)
def test_a_task_shows_code_that_runs(page: Path) -> None:
    """Each page of the cookbook has something to copy, which is run above, and is in its list."""
    assert {block.language for block in blocks(page.read_text())} & {"sh", "python"}
    assert f"({page.name})" in page.with_name("index.md").read_text()


def test_the_cookbook_has_its_tasks() -> None:
    """Twenty-five tasks at least."""
    assert len(TASKS) >= 25
