"""Tables whose rows hold from a date on."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.errors import UsageError
from alphapanda.model.dated import a_date, in_force, read_table, rows_of

DAYS = st.dates(date(2015, 1, 1), date(2030, 1, 1))


@given(st.dictionaries(DAYS, st.integers(), max_size=6), DAYS)
def test_the_newest_step_not_after_the_day_is_in_force(steps: dict[date, int], day: date) -> None:
    """A value holds from its first day, that day included, until the next one's."""
    past = [first for first in steps if first <= day]
    wanted = steps[max(past)] if past else None
    assert in_force(sorted(steps.items()), day) == wanted


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    """A user's file that cannot be parsed or is missing is the user's mistake."""
    path = tmp_path / "costs.toml"
    path.write_text("from = yesterday")
    with pytest.raises(UsageError, match=r"costs\.toml: not valid TOML"):
        read_table(path)
    with pytest.raises(UsageError, match=r"absent\.toml: cannot be read"):
        read_table(tmp_path / "absent.toml")


@pytest.mark.parametrize("content", [{}, {"rate": []}, {"rate": [1]}, {"rate": {"part": "stt"}}])
def test_tables_of_another_shape_are_refused(content: dict[str, object]) -> None:
    """Only a list of tables is one."""
    with pytest.raises(UsageError, match=r"x\.toml: no \[\[rate\]\] table"):
        rows_of(Path("x.toml"), content, "rate")


@pytest.mark.parametrize("value", ["2026-08-03", None, 20260803, datetime(2026, 8, 3, 9, 15)])
def test_only_a_plain_date_is_a_date(value: object) -> None:
    """Quoted dates and times are refused, not guessed at."""
    with pytest.raises(UsageError, match="is not a date"):
        a_date(value, "here")
