"""The summary's table, and numbers as India writes them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from alphapanda.model.money import to_rupees
from alphapanda.research.table import (
    Section,
    count,
    duration,
    money,
    number,
    percent,
    summary_table,
)

RUN = ("Run", [("strategy", "ema_cross"), ("days", "5")])
RISK = ("Risk", [("Sharpe", "1.25"), ("drawdown", "–")])
FILES = ("Files", [("report", "runs/2026-03-02-ema-cross/report.html")])


def shown(sections: Sequence[Section], *, width: int = 80, colour: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
    )
    console.print(summary_table(sections, title="A run", width=width))
    return out.getvalue().splitlines()


def test_the_whole_table() -> None:
    """Narrow sections stand side by side, a wide one alone."""
    assert shown([RUN, RISK, FILES]) == [
        "                                     A run                                      ",
        "╭──────────────────────────────────────────────────────────────────────────────╮",
        "│ Run                                     Risk                                 │",
        "│ strategy                   ema_cross    Sharpe                          1.25 │",
        "│ days                               5    drawdown                           – │",
        "├──────────────────────────────────────────────────────────────────────────────┤",
        "│ Files                                                                        │",
        "│ report                                 runs/2026-03-02-ema-cross/report.html │",
        "╰──────────────────────────────────────────────────────────────────────────────╯",
    ]


def test_a_wide_terminal_changes_nothing() -> None:
    """The table is 80 columns wide where there are more."""
    wide = shown([RUN, RISK, FILES], width=200)
    assert [line.strip() for line in wide] == [line.strip() for line in shown([RUN, RISK, FILES])]


@pytest.mark.parametrize("width", [30, 50, 79])
def test_a_narrow_terminal_loses_nothing(width: int) -> None:
    """Below 80 columns sections stand below each other, and every character is there."""
    lines = shown([RUN, RISK, FILES], width=width)
    assert max(map(len, lines)) <= width
    text = "".join("".join(lines).split()).replace("│", "")
    for _, rows in (RUN, RISK, FILES):
        for label, value in rows:
            assert label in text
            assert value in text


def test_long_values_are_folded() -> None:
    """A value longer than the table goes on in the next line, character by character."""
    value = "/".join(["folder"] * 30)
    lines = shown([("Files", [("report", value), ("log", "x")])])
    assert {len(line) for line in lines} == {80}
    folded = [line.strip("│ ").removeprefix("report").strip() for line in lines[3:-2]]
    assert "".join(folded) == value


def test_markup_is_shown_as_it_is() -> None:
    """Square brackets in values are text, not markup."""
    assert any("[bold]x[/]" in line for line in shown([("A", [("[red]a", "[bold]x[/]")])]))


def test_an_odd_section_stands_in_its_half() -> None:
    """Of an odd number of sections the last takes the left half."""
    last = shown([RUN, RISK, RUN])[-3]
    assert last.index("ema_cross") < 40


def test_empty_sections_are_left_out() -> None:
    """A section without rows doesn't show."""
    assert shown([RUN, ("Nothing", []), RISK]) == shown([RUN, RISK])
    assert len(shown([])) <= 3


def test_colour_adds_no_word() -> None:
    """With colour there are escapes, without there are none, and the words are the same."""
    assert "\x1b" in "".join(shown([RUN], colour=True))
    assert "\x1b" not in "".join(shown([RUN]))


@pytest.mark.parametrize(
    ("scaled", "expected"),
    [
        (0, "₹0.00"),
        (12_345_678_900, "₹12,34,567.89"),
        (-12_345_678_900, "-₹12,34,567.89"),
        (9_990_000, "₹999.00"),
        (10_000_000, "₹1,000.00"),
        (49, "₹0.00"),
        (50, "₹0.01"),
        (-49, "₹0.00"),
        (-50, "-₹0.01"),
        (9_999_950, "₹1,000.00"),
        (10**18, "₹10,00,00,00,00,00,000.00"),
        (None, "–"),
    ],
)
def test_money(scaled: int | None, expected: str) -> None:
    """Money is in rupees and paise, in lakhs and crores, half a paisa away from zero."""
    assert money(scaled) == expected


@given(st.integers(-(10**20), 10**20))
def test_money_reads_back(scaled: int) -> None:
    """Without its signs, money reads back as the rupees rounded to the paisa."""
    rounded = to_rupees(scaled).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    assert Decimal(money(scaled).replace("₹", "").replace(",", "")) == rounded


@pytest.mark.parametrize(
    ("n", "expected"),
    [(0, "0"), (999, "999"), (1_234_567, "12,34,567"), (-100_000, "-1,00,000"), (None, "–")],
)
def test_count(n: int | None, expected: str) -> None:
    """Counts are grouped by thousands, lakhs and crores."""
    assert count(n) == expected


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (0.123456, "12.35%"),
        (-0.05, "-5.00%"),
        (-0.000001, "0.00%"),
        (12_345.0, "12,34,500.00%"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_percent(fraction: float | None, expected: str) -> None:
    """Fractions are in per cent; what is no number is a dash."""
    assert percent(fraction) == expected


def test_number_and_digits() -> None:
    """Ratios have two decimals unless told otherwise."""
    assert number(1.2345) == "1.23"
    assert number(-1.2345, digits=3) == "-1.234"
    assert number(1234.5, digits=0) == "1,234"
    assert percent(0.5, digits=0) == "50%"
    assert number(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 µs"),
        (0.00012, "120 µs"),
        (0.0832, "83.2 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3_599.6, "1 h 00 min"),
        (22_500, "6 h 15 min"),
        (86_399, "1 d 0 h"),
        (10**7, "115 d 18 h"),
        (-2.5, "-2.5 s"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_duration(seconds: float | None, expected: str) -> None:
    """Time spans are in their two greatest units, and never 60 of one."""
    assert duration(seconds) == expected
