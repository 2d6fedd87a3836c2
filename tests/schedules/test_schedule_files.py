"""Files of schedules are read strictly, and their parameters fit the notebook."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar
from alphapanda.schedules import parameters
from alphapanda.schedules.schedule import Alert, Missed, find
from tests.schedules.made import file_of, notebook, schedule

MONDAY = date(2026, 1, 19)


def test_a_file_is_read(tmp_path: Path) -> None:
    """Every key has its value, and what is not said its default."""
    made = schedule(
        tmp_path, 'time_limit = "90s"', "retries = 2", 'retry_wait = "5m"', 'missed = "each"',
        'alert = ["bus", "command"]', 'alert_command = ["true"]', 'market = "commodity"',
        "[parameters]", 'day = "{today}"', "fast = 3", "edge = 1",
    )  # fmt: skip
    assert (made.time_limit_s, made.retries, made.retry_wait_s) == (90, 2, 300)
    assert (made.missed, made.alert) == (Missed.EACH, (Alert.BUS, Alert.COMMAND))
    assert made.notebook == tmp_path / "notebooks" / "a.ipynb"
    plain = schedule(tmp_path, name="plain")
    assert (plain.time_limit_s, plain.retries, plain.missed) == (3600, 0, Missed.LAST)


@pytest.mark.parametrize(("line", "words"), [
    ("retry = 2", ["no key 'retry'", "retries"]),
    ("parametres = {}", ["no key 'parametres'", "parameters"]),
    ("retries = -1", ["retries = -1", "0 to 20"]),
    ("retries = true", ["retries = True"]),
    ('time_limit = "soon"', ["time_limit", "not an interval"]),
    ("time_limit = 60", ["time_limit", "not an interval"]),
    ('missed = "all"', ["missed = 'all'", "last, each, skip"]),
    ('alert = "bus"', ["alert", "list"]),
    ('alert = ["mail"]', ["alert = 'mail'"]),
    ('alert = ["command"]', ["alert_command"]),
    ('calendar = "nyse"', ["nyse", "nse or always"]),
    ('market = "shares"', ["market = 'shares'", "equity"]),
    ("parameters = 3", ["[parameters]"]),
    ("[parameters]\nfats = 3", ["no parameter 'fats'", "fast"]),
    ('[parameters]\nfast = "3"', ["fast = '3' is a text", "whole number"]),
    ("[parameters]\nfast = 3.5", ["fast = 3.5 is a number", "whole number"]),
    ("[parameters]\nfast = true", ["yes or no"]),
    ("[parameters]\nwide = 1", ["whole number", "yes or no"]),
    ('[parameters]\nnames = "INFY"', ["text", "list"]),
    ("[parameters]\nedge = nan", ["edge = nan", "JSON"]),
    ("[parameters]\nedge = -inf", ["edge = -inf", "JSON"]),
    ("[parameters]\nday = 2026-01-15", ["day", "is a date", ".isoformat()"]),
    ("[parameters]\nday = 09:15:00", ["day", "is a time", ".isoformat()"]),
    ("[parameters]\nnames = [2026-01-15T09:15:00Z]", ["names[0]", "is a datetime"]),
    ('[parameters]\nday = "{tomorrow}"', ["{tomorrow}", "today"]),
    ('[parameters]\nday = "{}"', ["{}", "today"]),
    ('[parameters]\n"a b" = 1', ["'a b' is no name"]),
    ("[parameters]\nclass = 1", ["'class' is no name"]),
    ("=", ["line 3"]),
])  # fmt: skip
def test_what_is_wrong_is_refused(line: str, words: list[str], tmp_path: Path) -> None:
    """An unknown key or a bad value is refused, naming file, key and what to write."""
    file = file_of(tmp_path, line)
    with pytest.raises(UsageError) as told:
        find(tmp_path / "schedules", "nightly")
    message = str(told.value)
    assert message.startswith(f"{file}: ")
    assert message.count(str(file)) == 1
    assert [word for word in words if word not in message] == []


def test_names_and_notebooks_must_be_there(tmp_path: Path) -> None:
    """A schedule of another name, a missing notebook, and one that is none are refused."""
    file_of(tmp_path)
    with pytest.raises(UsageError, match="nightly"):
        find(tmp_path / "schedules", "nightl")
    (tmp_path / "notebooks" / "a.ipynb").write_text("{}")
    file_of(tmp_path, "[parameters]", "fast = 1")
    with pytest.raises(UsageError, match="no notebook"):
        find(tmp_path / "schedules", "nightly")
    (tmp_path / "notebooks" / "a.ipynb").unlink()
    with pytest.raises(UsageError, match="there is no notebook"):
        find(tmp_path / "schedules", "nightly")


def test_a_calendar_that_never_closes_has_no_close(tmp_path: Path) -> None:
    """`always` goes with the clock only."""
    with pytest.raises(UsageError, match="never opens nor closes"):
        schedule(tmp_path, 'calendar = "always"', when="after close + 20m")
    assert schedule(tmp_path, 'calendar = "always"', when="sat 17:00").calendar.is_always


@pytest.mark.parametrize(("value", "words"), [
    (np.int64(3), "int64, which JSON has not: write int"),
    (np.uint32(3), "uint32, which JSON has not: write int"),
    (np.bool_(1), "write bool"),
    (np.float32(1), "write float"),
    (np.float64("nan"), "JSON has no such number"),
    (np.array([1]), "write a list"),
    (Decimal("1.5"), "write a text"),
    (MONDAY, "isoformat"),
    (datetime(2026, 1, 19, tzinfo=UTC), "isoformat"),
    (pd.Timestamp("2026-01-19"), "Timestamp.*isoformat"),
    (Path("a"), "str"),
    ({1, 2}, "write a list"),
    ((9, 15), "write a list"),
    (b"x", "write a text"),
    ([1, (2, 3)], r"x\[1\].*a list"),
    ({"a": {1: 2}}, "key that is no text"),
    (1j, "complex"),
])  # fmt: skip
def test_what_a_cell_would_take_otherwise_is_refused(value: Any, words: str) -> None:
    """A value that papermill would change, or not write, is refused with what to write."""
    with pytest.raises(UsageError, match=words):
        parameters.checked({"x": value}, "")


def test_plain_values_pass() -> None:
    """What JSON has passes, NumPy's own float too, as papermill writes it as one."""
    given = {"a": None, "b": True, "c": -(2**70), "d": 1e300, "e": "NAN", "f": [{"g": ["0915"]}],
             "h": np.float64(0.5)}  # fmt: skip
    assert parameters.checked(given, "") == given


def test_words_in_braces_are_filled_in() -> None:
    """The day, the session before it over a weekend and a holiday, the month's start, folders."""
    known = parameters.facts(date(2026, 1, 27), Calendar.nse(), Path("r"), None)
    value = {"x": ["{today}", "{previous_session}", "{month_start} {{today}}", "{folder}{last}", 3]}
    assert parameters.filled(value, known) == {
        "x": ["2026-01-27", "2026-01-23", "2026-01-01 {today}", "r", 3]
    }


def test_parameters_are_read_from_the_tagged_cell(tmp_path: Path) -> None:
    """Names with their defaults; a computed one fits any value; magic lines are passed over."""
    text = "%matplotlib inline\nfast: int = 3  # days\nlater = fast + 1\nnames = ['A']\n"
    assert parameters.defaults(notebook(tmp_path, parameters=text)) == {
        "fast": 3, "later": None, "names": ["A"],
    }  # fmt: skip
    with pytest.raises(UsageError, match="no Python"):
        parameters.defaults(notebook(tmp_path, parameters="a = = 1"))
