"""Payoff and margin of legs: exact, against each leg counted by hand, and what the gate blocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda import options, order
from alphapanda.errors import UsageError
from alphapanda.model.instruments import OptionType, Product
from tests.support.harness import DAY, future, option, play, rs, ticks

CONDOR = [
    ("NFO:NIFTY2590224150PE", 75, 11.75), ("NFO:NIFTY2590224350PE", -75, 34.5),
    ("NFO:NIFTY2590224800CE", -75, 27.65), ("NFO:NIFTY2590225000CE", 75, 8.15),
]  # fmt: skip


def test_an_iron_condor() -> None:
    """It keeps its credit between the strikes sold, and loses the wing less that beyond."""
    made = options.payoff(CONDOR)
    credit = Decimal("42.25") * 75
    assert made.at(24_500) == credit == made.most
    assert made.at(20_000) == made.at(30_000) == credit - 200 * 75 == made.least
    assert made.breakevens == (Decimal("24307.75"), Decimal("24842.25"))
    frame = made.frame()
    assert frame["pnl"].max() == float(credit)
    assert frame["pnl"].iloc[0] == frame["pnl"].iloc[-1] == float(credit - 15_000)


def test_what_has_no_bound() -> None:
    """A short call can lose anything, a future win and lose; a put's loss ends at 0."""
    call = options.payoff([("NFO:NIFTY25SEP24500CE", -75, 100)])
    assert (call.most, call.least) == (7_500, None)
    bought = options.payoff([("NFO:NIFTY25SEPFUT", 75, 24_500)])
    assert (bought.most, bought.least) == (None, -75 * 24_500)
    assert bought.breakevens == (24_500,)
    put = options.payoff([("NFO:NIFTY25SEP24500PE", -75, "100.05")])
    assert put.least == -75 * (24_500 - Decimal("100.05"))
    assert put.breakevens == (Decimal("24399.95"),)


def test_a_break_even_between_two_units() -> None:
    """A ratio whose zero is no multiple of Rs 0.0001 is told to 28 digits."""
    made = options.payoff([("NFO:NIFTY25SEP100CE", 3, "0.0001")])
    (zero,) = made.breakevens
    assert zero == Decimal("100.0001")
    odd = options.payoff([("NFO:NIFTY25SEP100CE", 3, 0), ("NFO:NIFTY25SEP90CE", -1, "1.0001")])
    assert odd.breakevens[0] == Decimal("91.0001")
    assert abs(odd.breakevens[1] - (Decimal("208.9999") / 2)) < Decimal("1e-20")


LEGS = st.lists(
    st.tuples(
        st.sampled_from(["90CE", "100CE", "110CE", "90PE", "100PE", "110PE", "FUT"]),
        st.integers(-5, 5).filter(bool), st.integers(0, 3_000).map(lambda n: Decimal(n) / 20),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(LEGS, st.integers(0, 40_000).map(lambda n: Decimal(n) / 200))
def test_it_is_the_sum_of_its_legs(legs: list[Any], spot: Decimal) -> None:
    """At any price it is what each leg makes there, and within its bounds; 0 at break-evens."""
    made = options.payoff([(f"NFO:NIFTY25SEP{name}", qty, price) for name, qty, price in legs])
    assert made.at(spot) == sum(qty * (worth(name, spot) - price) for name, qty, price in legs)
    assert made.most is None or made.at(spot) <= made.most
    assert made.least is None or made.at(spot) >= made.least
    for zero in made.breakevens:
        exact = sum(
            qty * (worth(name, Fraction(zero)) - Fraction(price)) for name, qty, price in legs
        )
        assert abs(exact) < Fraction(1, 10**15)


def worth(name: str, spot: Any) -> Any:
    """Return what a contract is worth at expiry."""
    if name == "FUT":
        return spot
    strike = int(name[:-2])
    return max(spot - strike, 0) if name.endswith("CE") else max(strike - spot, 0)


def test_a_plot_of_it() -> None:
    """The figure goes through every corner, and marks where it is 0."""
    figure = options.payoff(CONDOR).plot()
    assert set(figure.data[0].x) >= {24_150.0, 24_350.0, 24_800.0, 25_000.0}
    assert list(figure.data[1].x) == [24_307.75, 24_842.25]


@pytest.mark.parametrize(("legs", "says"), [
    ([], "no legs"),
    ([("NFO:NIFTY25SEP24500CE", 75)], r"leg 1: write \(contract, quantity, price\)"),
    (["NFO:NIFTY25SEP24500CE"], "leg 1: write"),
    ([("NSE:INFY", 75, 100)], "NSE:INFY is neither an option nor a future"),
    ([("NFO:NIFTYCE", 75, 100)], "does not say its strike and expiry"),
    ([("NFO:NIFTY25SEP24500CE", 0, 100)], "quantity = 0"),
    ([("NFO:NIFTY25SEP24500CE", 7.5, 100)], "quantity = 7.5"),
    ([("NFO:NIFTY25SEP24500CE", 75, -1)], "price = -1"),
    ([("NFO:NIFTY25SEP24500CE", 75, float("nan"))], "price = nan"),
    ([("NFO:NIFTY25SEP24500CE", 75, 1), ("NFO:NIFTY25OCT24500CE", 75, 1)], "not expire together"),
    ([("NFO:NIFTY25SEP24500CE", 75, 1), ("NFO:BANKNIFTY25SEP54500CE", 35, 1)], "do not expire"),
])  # fmt: skip
def test_legs_that_do_not_fit_are_refused(legs: list[Any], says: str) -> None:
    """The message names the leg, and what to write."""
    with pytest.raises(UsageError, match=says):
        options.payoff(legs)


def test_margin_by_the_flat_table() -> None:
    """A short option blocks 15 % of strike x quantity, a bought one its price; none is netted."""
    made = options.margin(CONDOR, day=date(2025, 8, 29))
    sold = [Decimal(strike) * 75 * 15 / 100 for strike in (24_350, 24_800)]
    assert dict(made.by_leg) == {
        "NFO:NIFTY2590224150PE": Decimal("881.25"), "NFO:NIFTY2590224350PE": sold[0],
        "NFO:NIFTY2590224800CE": sold[1], "NFO:NIFTY2590225000CE": Decimal("611.25"),
    }  # fmt: skip
    assert made.total == sum(sold) + Decimal("1492.5")
    assert "SPAN" not in " ".join(made.notes)


@pytest.mark.parametrize("qty", [50, -50])
@pytest.mark.parametrize("instrument", [
    option("NFO:XCE", rs(1_000), OptionType.CALL), option("NFO:XPE", rs(1_000), OptionType.PUT),
    future(),
], ids=lambda instrument: str(instrument.name))  # fmt: skip
def test_margin_is_what_a_run_blocks(instrument: Any, qty: int) -> None:
    """The account of a run blocks as much for the same position at the same price."""
    played = play(
        ticks(40, 40), {0: lambda ctx: order(ctx, qty)}, instruments=[instrument],
        product=Product.NRML,
    )  # fmt: skip
    blocked = played.field("ledgers", "margin", -1)
    listed = replace(instrument, expiry=DAY)
    assert options.margin([(listed, qty, 40)], day=DAY).total == Decimal(blocked) / 10_000 > 0
