"""`project --rebuild` loses nothing: what can't be made again is left as it is, and told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope
from alphapanda.journal.journal import FILE, Journal
from alphapanda.projection.tables import About, Tables
from alphapanda.store.database import Database
from tests.projection.days import environment, rows_of
from tests.projection.made_up import fresh, trades
from tests.projection.on_topics import sent
from tests.support.running import Told, called, session
from tests.support.servers.databases import using

SQLITE = pytest.mark.parametrize("migrated_database", ["sqlite"], indirect=True)
"""For what is decided before rows are dropped; both databases drop them in the other tests."""
RULES = ["--limits", "wide", "--param", "fast=3", "--param", "slow=8", "--json"]


def applied(settings: Settings, events: Sequence[Envelope], about: About | None = None) -> None:
    """Take in events past the topics, as a projector beside a run does."""

    async def work(database: Database) -> None:
        await Tables(database).apply(events)
        if about is not None:
            await Tables(database).tell(events[0].run_id, about)

    using(settings, work)


def rows(settings: Settings, run: str) -> dict[str, Any]:
    return dict(using(settings, lambda database: rows_of(database, run)))


def rebuilt(settings: Settings, *words: str) -> Told:
    return called("project", "--rebuild", "--json", *words, cwd=settings.base_dir,
                   **environment(settings))  # fmt: skip


def test_topics_that_hold_less_than_the_tables_cost_no_run(settings: Settings) -> None:
    """Runs that are not, or not all, on the topics stay as they are, are named, and it is 1.

    So does one of which only the end is missing. One that is all there is made again, and what
    its manifest said stays.
    """
    nowhere, partly, endless, whole = fresh(), fresh(), fresh(), fresh()
    about = About("backtest", ("other", "ema_cross"), {"made": "up"})
    for run in (nowhere, partly, endless, whole):
        applied(settings, trades(run, 20), about)
    events = trades(partly, 20)
    sent(settings, [*events[:7], *events[8:], *trades(endless, 20)[:-1], *trades(whole, 20)])
    before = {run: rows(settings, run) for run in (nowhere, partly, endless, whole)}
    assert before[whole]["runs"][0]["manifest"] == {"made": "up"}
    told = rebuilt(settings)
    assert told.status == 1, told.err
    for run, kept in before.items():
        assert rows(settings, run) == kept
    said = json.loads(told.out)
    assert said["kept"][nowhere] == "the topics hold 0 of its 120 events"
    assert said["kept"][partly] == "the topics hold 119 of its 120 events"
    assert said["kept"][endless] == "the topics do not say that it is ended"
    assert whole in said["dropped"]
    assert not {nowhere, partly, endless, whole} & set(said["bare"])
    assert whole not in said["kept"]
    assert said["lost"] == {}


def test_a_run_of_which_only_events_came_is_told(settings: Settings) -> None:
    """Its manifest is on no topic: the tables say so until a journal, or who knows it, tells it."""
    bare, full = fresh(), fresh()
    applied(settings, trades(bare, 5))
    applied(settings, trades(full, 5), About("paper", ("ema_cross",), {"made": "up"}))

    async def found(database: Database) -> list[str]:
        return await Tables(database).without_manifest()

    assert bare in using(settings, found)
    assert full not in using(settings, found)


@SQLITE
def test_events_that_wait_for_others_are_not_lost_either(settings: Settings) -> None:
    """A run with a hole is dropped only if the topics hold what waits behind the hole too."""
    run = fresh()
    events = trades(run, 5)
    applied(settings, [*events[:4], *events[5:]])
    sent(settings, [*events[:4], *events[5:20]])
    before = rows(settings, run)
    assert before["held"]
    told = rebuilt(settings)
    assert told.status == 1
    assert "the topics hold 18 of its 29 events" in json.loads(told.out)["kept"][run]
    assert rows(settings, run) == before


@SQLITE
@pytest.mark.core
def test_runs_whose_journals_are_here_are_made_of_them(settings: Settings) -> None:
    """A backtest that never reached the topics is made again from its journal, manifest and all."""
    told = called("backtest", "ema_cross", "--data", session(2, 600), "--journal", "--out",
                   str(settings.runs_dir / "mine"), *RULES, cwd=settings.base_dir,
                   **environment(settings))  # fmt: skip
    assert told.status == 0, told.err
    journal = Journal.open(settings.runs_dir / "mine")
    run = str(journal.contents.manifest["run_id"])
    before = rows(settings, run)
    assert before["runs"][0]["manifest"]["run_id"] == run
    again = json.loads(rebuilt(settings).out)
    assert run in again["runs"]
    assert run in again["dropped"]
    assert again["events"] >= journal.seq
    assert rows(settings, run) == before


@pytest.mark.core
@pytest.mark.parametrize(
    ("migrated_database", "lost"),
    [("postgresql", "the last batches"), ("sqlite", "the end")],
    indirect=["migrated_database"],
)
def test_a_journal_that_was_cut_costs_nothing(
    migrated_database: Settings, lost: str, tmp_path: Path
) -> None:
    """Named, or among all: its run stays as it is in the tables, and the reason is told."""
    settings = migrated_database
    folder = settings.runs_dir / "mine"
    told = called("backtest", "ema_cross", "--data", session(2, 1_500), "--journal", "--out",
                   str(folder), "--batch", "1000", *RULES, cwd=settings.base_dir,
                   **environment(settings))  # fmt: skip
    assert told.status == 0, told.err
    journal = Journal.open(folder)
    run = str(journal.contents.manifest["run_id"])
    before = rows(settings, run)
    shutil.copy(folder / FILE, tmp_path / "whole.apj")
    places = journal.contents.batches
    cut = places[-1].offset if lost == "the last batches" else places[-1].end
    text = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(text[:cut])
    for words in ((str(folder),), ()):
        told = rebuilt(settings, *words)
        assert told.status == 1, told.err
        assert "it was cut" in json.loads(told.out)["kept"][run]
        assert rows(settings, run) == before
    shutil.copy(tmp_path / "whole.apj", folder / FILE)
    assert rebuilt(settings).status == 0
    assert rows(settings, run) == before


@SQLITE
def test_a_run_without_a_journal_is_told_by_a_rebuild_of_all(migrated_database: Settings) -> None:
    """Where there are no topics, it stays, and the status says that not all was made again."""
    run = fresh()
    applied(migrated_database, trades(run, 3))
    before = rows(migrated_database, run)
    told = rebuilt(migrated_database)
    assert told.status == 1
    assert "no journal of it is here" in json.loads(told.out)["kept"][run]
    assert rows(migrated_database, run) == before
