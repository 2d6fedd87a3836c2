"""What a nightly notebook asks: which strategies are active, and does the day's paper run agree."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda import config
from alphapanda.config.settings import Settings
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.instruments import Product
from alphapanda.research.compare import DATA, differing
from alphapanda.research.result import Result, read_result
from alphapanda.runs.backtest import run_backtest
from alphapanda.runs.commands import APPLIED, FOLDER
from alphapanda.runs.options import Entry, Options, restored
from alphapanda.runs.verify import verify

SAID_OF_FILL = ("ts", "strategy", "instrument", "side", "quantity", "price")


class Agreement(NamedTuple):
    """A paper run beside the same strategies run again; an empty `trouble` is agreement."""

    run: str
    rows: str
    """Which rows were run again: those of the same files, or those that the journal kept."""
    digest: str
    again: str
    """The digest of then, and of now; empty where it could not be run again."""
    trouble: str


def a_day(name: str, text: Any) -> date:
    """Return the day that a parameter of a notebook names.

    Raises:
        UsageError: if it is no day; the message says what to write.
    """
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise UsageError(f"{name} = {text!r}: write a day as text, '2026-01-15'") from None


def active_strategies() -> dict[str, Any]:
    """Return the active strategies of the database as options of a run; none without a database.

    Raises:
        UsageError: if none is active, or their products differ.
        OutsideError: if the database does not answer.
    """
    settings = config.load()
    if not settings.has_database:
        return {}
    with ThreadPoolExecutor(1) as beside:  # a notebook's own thread has a loop that runs
        return beside.submit(lambda: asyncio.run(read_active(settings))).result()


async def read_active(settings: Settings) -> dict[str, Any]:
    """Return what the database says is active."""
    from alphapanda.store.active import active  # noqa: PLC0415 (SQLAlchemy)
    from alphapanda.store.database import Database  # noqa: PLC0415

    database = Database(settings)
    await database.start()
    try:
        return await active(database)
    finally:
        await database.stop()


def paper_runs(day: date) -> list[Path]:
    """Return the folders of the paper runs that have ended and had a day among theirs."""
    found = []
    for file in sorted(config.load().runs_dir.glob(f"*/{FILE}")):
        journal = Journal(file)
        try:
            journal.refresh()
        except AlphaPandaError:
            continue  # `runs list` says what is wrong with it
        contents = journal.contents
        if contents.ended and contents.manifest.get("mode") == "paper":
            if day.isoformat() in contents.manifest["market"]["days"]:
                found.append(file.parent)
    return found


def against_paper(folder: Path) -> Agreement:
    """Run the strategies of a paper run again, on the same rows, and compare to the last digit.

    From the recording that was its feed where that is still as it was; else the rows that its
    journal has kept go through a fresh core, as `alphapanda verify` does.
    """
    journal = Journal.open(folder)
    manifest, digest = journal.contents.manifest, journal.contents.digest
    settings = config.load()
    try:
        options = same_options(manifest)
        if not options.data or options.data[0].endswith(":"):
            return by_journal(folder, digest, settings.cache_dir)
        return by_backtest(journal, options, settings)
    except AlphaPandaError as error:
        return Agreement(folder.name, "", digest, "", f"it could not be run again: {error}")


def same_options(manifest: Mapping[str, Any]) -> Options:
    """Return the options of a run that a journal describes, to be run in memory."""
    options = restored(manifest["options"], [])
    entries = tuple(
        Entry(
            f"{each['file']}:{each['class']}", each["params"], tuple(each["instruments"]),
            each["name"], each.get("limits", {}), Product[each["product"]] if "product" in each
            else None,
        )
        for each in manifest["strategies"]
    )  # fmt: skip
    return replace(options, strategies=entries, journal=False, out=None)


def by_journal(folder: Path, digest: str, cache_dir: Path) -> Agreement:
    """Return whether the rows that a journal kept give the same again."""
    verdict = verify(folder, cache_dir)
    trouble = "" if verdict.identical else "its journal does not replay: alphapanda verify"
    return Agreement(folder.name, "of its journal", digest, verdict.digest, trouble)


def by_backtest(journal: Journal, options: Options, settings: Settings) -> Agreement:
    """Return whether a backtest of the files that were a run's feed gives the same."""
    manifest, digest = journal.contents.manifest, journal.contents.digest
    folder = journal.contents.path.parent
    result = run_backtest(options, settings)
    before = [each["sha256"] for each in manifest["data"]]
    now = [each["sha256"] for each in result.manifest["data"]]
    rows = "of the same files" if before == now else "of files that are not as they were"
    trouble = ""
    if result.digest != digest:
        trouble = difference(read_result(folder), result, commands=commands_of(folder))
    return Agreement(folder.name, rows, digest, result.digest, trouble)


def commands_of(folder: Path) -> int:
    """Return how many commands an operator gave to a run."""
    return len(list((folder / FOLDER / APPLIED).glob("*.json")))


def difference(paper: Result, again: Result, *, commands: int) -> str:
    """Return the first fill in which two runs differ."""
    left, right = (each.table("fills").to_pylist() for each in (paper, again))
    why = f"; an operator gave {commands} commands to the paper run" if commands else ""
    for number, (one, other) in enumerate(zip(left, right, strict=False), 1):
        if one != other:
            on_paper, now = describe_fill(one), describe_fill(other)
            return f"fill {number} differs: {on_paper} on paper, {now} now{why}"
    if len(left) == len(right):
        return f"the {len(left):,} fills are the same, other events are not{why}"
    more, where = (left, "on paper") if len(left) > len(right) else (right, "now")
    number = min(len(left), len(right))
    return f"fill {number + 1} is only {where}: {describe_fill(more[number])}{why}"


def describe_fill(fill: Mapping[str, Any]) -> str:
    """Return a fill in a few words."""
    return " ".join(str(fill[name]) for name in SAID_OF_FILL if name in fill)


def changed(before: Result, now: Result) -> list[str]:
    """Return what two runs were made of differently, but for their days and their data."""
    names = [name for name, _ in differing([before, now])]
    sources = [[each["sha256"] for each in run.manifest["strategies"]] for run in (before, now)]
    texts = ["the strategy's text"] if sources[0] != sources[1] else []
    return texts + [name for name in names if name not in (DATA, "first", "last", "strategies")]
