"""Stress: the base is the backtest, each case worsens what it says, and words are honest."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import alphapanda
from alphapanda import config
from alphapanda.cli.stress import stress_table
from alphapanda.research.survival import share, verdict
from alphapanda.runs.options import make
from alphapanda.validation.lab import open_lab
from alphapanda.validation.stress import stress, thinned
from tests.support.running import ROOT, command, session

EMA = str(ROOT / "strategies" / "ema_cross.py")


def stressed(**options: Any) -> dict[str, dict[str, Any]]:
    """Return the cases of ema_cross on a made-up day, by name."""
    made = stress(EMA, session(2, 2_000), jit=False, **options)
    return {case["case"]: case for case in made.cases}


@pytest.fixture(scope="module")
def cases() -> dict[str, dict[str, Any]]:
    """Return the cases of a run without options."""
    return stressed()


def test_the_base_is_the_backtest(cases: dict[str, dict[str, Any]]) -> None:
    """Without anything worse the P&L, charges and fills are those of `backtest`."""
    summary = alphapanda.backtest(EMA, session(2, 2_000), jit=False).summary
    for name in ("pnl", "charges", "fills", "orders", "rejected"):
        assert cases["as asked"][name] == summary[name]


@pytest.mark.parametrize(
    ("case", "option"),
    [
        ("latency 1 s", {"latency": "1s"}),
        ("slippage 5 bp", {"slippage": "5bp"}),
        ("limit fills: touch", {"limit_fill": "touch"}),
        ("volume share 10 %", {"volume_share": "10%"}),
    ],
)
def test_a_case_is_a_backtest_with_that_option(
    cases: dict[str, dict[str, Any]], case: str, option: dict[str, str]
) -> None:
    """Each case gives what a backtest with its option gives."""
    data = session(2, 2_000)
    assert cases[case]["pnl"] == alphapanda.backtest(EMA, data, jit=False, **option).summary["pnl"]


def test_what_cannot_bite_is_not_applicable() -> None:
    """On bars a minute apart latency, limits and volume share prove nothing, and that is told."""
    data = session(1, 300, kind="bar")
    sma = str(ROOT / "strategies" / "sma_cross.py")
    made = {case["case"]: case for case in stress(sma, data, jit=False).cases}
    for name in ("latency 50 ms", "latency 5 s", "limit fills: touch", "volume share 10 %"):
        assert (made[name]["applicable"], made[name]["survives"]) == (False, None), name
        assert made[name]["verdict"] == "not applicable"
        assert made[name]["why"]
    assert made["slippage 1 bp"]["applicable"]
    assert made["charges doubled"]["why"] == ""


def test_charges_double() -> None:
    """Twice the charges, up to the rounding of notes, for the same fills."""
    cases = stressed(params={"quantity": 50}, limits="wide")
    base, doubled = cases["as asked"], cases["charges doubled"]
    assert doubled["fills"] == base["fills"] > 0
    twice = 2 * Decimal(base["charges"])
    notes = 2 * 2  # STT and stamp duty of two days are rounded to rupees, each before and after
    assert abs(Decimal(doubled["charges"]) - twice) <= Decimal("1.5") * notes < twice / 20
    lost = Decimal(doubled["change"]) + Decimal(doubled["charges"]) - Decimal(base["charges"])
    assert lost == 0


def test_lost_rows_are_the_same_each_time() -> None:
    """A twentieth of the rows is missing, chosen by the seed, and no other row is touched."""
    lab = open_lab(make({"strategies": EMA, "data": session(2, 2_000)}), config.load())
    one, two = thinned(lab, 0.05), thinned(lab, 0.05)
    assert one.columns.ts.tolist() == two.columns.ts.tolist()
    assert 0.93 < one.rows / lab.rows < 0.97
    assert np.isin(one.columns.ts, lab.columns.ts).all()


def test_milder_cases_than_asked_for_are_left_out() -> None:
    """A run with 1 s of latency is not tried with 50 ms."""
    names = set(stressed(latency="1s", slippage="2bp"))
    assert {"latency 50 ms", "latency 1 s", "slippage 2 bp"} & names == set()
    assert {"latency 5 s", "slippage 5 bp"} <= names


@pytest.mark.parametrize(
    ("pnl", "base", "left", "word"),
    [
        (50, 100, 0.5, "profit shrinks"),
        (-20, 100, -0.2, "profit gone"),
        (-150, -100, None, "loss grows"),
        (-50, -100, None, "loss shrinks"),
        (10, -100, None, "now a profit"),
        (100, 100, 1.0, "same"),
    ],
)
def test_a_loss_has_no_survival(pnl: int, base: int, left: float | None, word: str) -> None:
    """A share is given only where there was a profit to keep."""
    assert share(pnl, base) == left
    assert verdict(pnl, base) == word


def test_a_narrow_terminal_cuts_no_figure() -> None:
    """At 80 columns crores are whole, beside the longest words."""
    case = {
        "case": "limit fills: through", "pnl": "-12345678.00", "change": "-23456789.00",
        "survives": None, "verdict": "loss shrinks", "fills": 1_234_567, "charges": "34567890.00",
    }  # fmt: skip
    facts = {"strategies": ["x"], "from": "a", "to": "b", "notes": [], "cases": [case, case]}
    console = Console(width=80)
    with console.capture() as told:
        console.print(stress_table(facts))
    assert "…" not in told.get()
    for figure in ("-₹1,23,45,678", "-₹2,34,56,789", "12,34,567", "₹3,45,67,890"):
        assert figure in told.get()


def test_the_command_line_of_stress(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0, one JSON object, or a table with a line a case."""
    words = ("stress", EMA, "--data", session(2, 2_000), "--no-jit")
    told = command(*words, "--json", capsys=capsys)
    assert told.status == 0
    cases = json.loads(told.out)["cases"]
    table = command(*words, capsys=capsys)
    assert all(case["case"] in table.out for case in cases)
