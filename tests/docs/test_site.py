"""What the site takes from the code is all there is, and each page has its place."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import alphapanda
from alphapanda.cli.table import COMMANDS
from alphapanda.config import show
from alphapanda.config.settings import Settings
from alphapanda.core.context import Context
from alphapanda.runs.options import ROWS
from tests.support.running import ROOT

DOCS = ROOT / "docs"


class Site(NamedTuple):
    """The two modules that make the site."""

    make: Any
    tables: Any


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Return the modules of docs/site, which is no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS / "site")
        yield Site(importlib.import_module("make"), importlib.import_module("tables"))
        for name in ("make", "tables"):
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def pages(site: Site) -> dict[str, str]:
    """Return the pages as the site has them."""
    return site.make.pages()


def test_each_mark_is_filled(site: Site, pages: dict[str, str]) -> None:
    """A page's marks name what there is, and all that there is stands in some page."""
    raw = "".join(file.read_text() for file in DOCS.rglob("*.md"))
    assert set(site.make.MARK.findall(raw)) == set(site.tables.PARTS)
    assert [name for name, page in pages.items() if site.make.MARK.search(page)] == []


def test_every_page_has_its_place(site: Site, pages: dict[str, str]) -> None:
    """The navigation names each page once, and nothing else."""
    text = site.make.configuration(pages)
    tomllib.loads(text)
    named = re.findall(r'"([\w./-]+\.md)"', text)
    assert sorted(named) == sorted(pages)


def test_every_command_and_option_is_listed(pages: dict[str, str]) -> None:
    """The page of the command line has all of both, and of each what it means."""
    page = pages["reference/command-line.md"]
    assert {f"## {words}" for words in COMMANDS} <= set(page.splitlines())
    flags = {f"`--{row.name.replace('_', '-')}" for row in ROWS.values() if row.opt.panel}
    assert {flag for flag in flags if flag not in page} == set()
    assert re.findall(r"^\| `.*` \| *\|$", page, re.MULTILINE) == []


def test_every_setting_is_listed(pages: dict[str, str]) -> None:
    """The page of the settings has all, and no secret."""
    page = pages["reference/settings.md"]
    names = [name for name, _, _ in show.lines(Settings.model_construct())]
    missing = [n for n in names if f"`ALPHAPANDA_{n.replace('.', '__').upper()}`" not in page]
    assert missing == []


def test_every_word_and_field_of_strategies_is_listed(site: Site, pages: dict[str, str]) -> None:
    """What takes a context, what a class declares with, and each field of `ctx`."""
    page = pages["reference/strategies.md"]
    words = {name for names in site.tables.WORDS.values() for name in names}
    functions = {
        name
        for name in alphapanda.__all__
        if inspect.isfunction(function := getattr(alphapanda, name))
        and next(iter(inspect.signature(function).parameters), "") == "ctx"
    }
    assert functions <= words <= set(alphapanda.__all__)
    assert [name for name in words if f"`{name}(" not in page] == []
    assert [name for name in Context._fields if f"`ctx.{name}` |" not in page] == []


def test_parts_of_the_package_need_no_import_of_their_own() -> None:
    """`alphapanda.ta.rsi` works after `import alphapanda`, as the pages write it."""
    for name in ("indicators", "notebook", "options", "ta"):
        assert getattr(alphapanda, name).__name__ == f"alphapanda.{name}"
