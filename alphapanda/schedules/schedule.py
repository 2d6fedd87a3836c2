"""A schedule: which notebook runs when, with which parameters; `schedules/NAME.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import Calendar, SessionGroup
from alphapanda.model.interval import SECOND, parse_interval
from alphapanda.runs import run_files
from alphapanda.runs.plan import read_calendar
from alphapanda.schedules import parameters
from alphapanda.schedules.when import BySession, When, parse

MOST_RETRIES = 20


class Missed(StrEnum):
    """What becomes of runs that were due while no scheduler was running."""

    LAST = "last"
    """The last one is made up for; the others are noted as skipped."""
    EACH = "each"
    """Every one is made up for, in order."""
    SKIP = "skip"
    """All are noted as skipped."""


class Alert(StrEnum):
    """Who hears of a run that failed, beside the log and the record."""

    BUS = "bus"
    """The topics, as `system_error`."""
    COMMAND = "command"
    """A program, `alert_command`, which gets the record on its standard input."""


KEYS = {
    "notebook": "", "when": "", "parameters": {}, "calendar": "nse", "market": "equity",
    "time_limit": "1h", "retries": 0, "retry_wait": "1m", "missed": "last", "alert": [],
    "alert_command": [],
}  # fmt: skip
"""What a file may say, with what holds where it says nothing."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a file in `schedules/` says."""

    name: str
    file: Path
    notebook: Path
    said: str
    """`when`, as it is written."""
    when: When
    parameters: Mapping[str, Any]
    calendar: Calendar
    market: SessionGroup
    """Whose open and close `when` means."""
    time_limit_s: float
    """Of one attempt."""
    retries: int
    retry_wait_s: float
    missed: Missed
    alert: tuple[Alert, ...]
    alert_command: tuple[str, ...]


def find(folder: Path, name: str) -> Schedule:
    """Return a schedule by its name.

    Raises:
        UsageError: if there is none of that name, or its file is wrong.
    """
    return read(run_files.find(folder, name, f"no schedule {name!r}"))


def read(file: Path) -> Schedule:
    """Return the schedule in a file; paths in it count from the folder above the file's.

    Raises:
        UsageError: naming the file and the key, for anything that is wrong.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", file.stem) is None:
        raise UsageError(f"{file}: a schedule's name has letters, digits, - and _")
    where = f"{file}: "
    given = run_files.read_file(file)
    for key in given:
        if key not in KEYS:
            raise UsageError(f"{where}there is no key {key!r}.{did_you_mean(key, KEYS)}")
    try:
        return make_schedule(file, {**KEYS, **given})
    except UsageError as error:
        said = str(error)
        raise UsageError(said if said.startswith(where) else where + said) from None


def make_schedule(file: Path, given: Mapping[str, Any]) -> Schedule:
    """Return the schedule that a table describes."""
    notebook = file.parent.parent / text(given, "notebook", "notebooks/nightly.ipynb")
    said = text(given, "when", "after close + 20m")
    when, calendar = parse_when(said), read_calendar(text(given, "calendar", "nse"))
    market = one_of(given, "market", [group.name.lower() for group in SessionGroup])
    if isinstance(when, BySession) and calendar.is_always:
        raise UsageError(f"when = {said!r}: the calendar 'always' never opens nor closes")
    values = given["parameters"]
    if not isinstance(values, dict):
        raise UsageError("parameters: write a table, [parameters]")
    parameters.checked(values, "[parameters] ")
    if notebook.suffix != ".ipynb" or not notebook.is_file():
        raise UsageError(f"notebook: there is no notebook {notebook}")
    parameters.refuse_strange(notebook, values, "[parameters] ")
    alert = tuple(Alert(each) for each in listed(given, "alert", list(Alert)))
    command = tuple(listed(given, "alert_command", None))
    if (Alert.COMMAND in alert) != bool(command):
        raise UsageError('alert = ["command"] and alert_command = ["PROGRAM", ...] go together')
    return Schedule(
        file.stem, file, notebook, said, when, values, calendar, SessionGroup[market.upper()],
        seconds(given, "time_limit"), retries_of(given), seconds(given, "retry_wait"),
        Missed(one_of(given, "missed", list(Missed))), alert, command,
    )  # fmt: skip


def parse_when(said: str) -> When:
    """Return when a schedule is due."""
    try:
        return parse(said)
    except UsageError as error:
        raise UsageError(f"when = {said!r}: {error}") from None


def text(given: Mapping[str, Any], key: str, example: str) -> str:
    """Return a text that is there."""
    value = given[key]
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f'{key}: write {key} = "{example}"')
    return value


def one_of(given: Mapping[str, Any], key: str, known: list[str]) -> str:
    """Return a word of a list."""
    value = given[key]
    if value not in known:
        hint = did_you_mean(str(value), known)
        raise UsageError(f"{key} = {value!r}: one of {', '.join(known)}.{hint}")
    return str(value)


def listed(given: Mapping[str, Any], key: str, known: list[Alert] | None) -> Iterator[str]:
    """Yield the texts of a list, each one of those that are known."""
    values = given[key]
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise UsageError(f"{key} = {values!r}: write a list of texts")
    for value in values:
        if known is not None and value not in known:
            raise UsageError(f"{key} = {value!r}: {', '.join(known)}. The log always hears of it.")
        yield value


def seconds(given: Mapping[str, Any], key: str) -> float:
    """Return a length of time in seconds."""
    try:
        return parse_interval(str(given[key])) / SECOND
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from None


def retries_of(given: Mapping[str, Any]) -> int:
    """Return how often a failed attempt is made again."""
    value = given["retries"]
    if type(value) is not int or not 0 <= value <= MOST_RETRIES:
        raise UsageError(f"retries = {value!r}: a whole number from 0 to {MOST_RETRIES}")
    return value
