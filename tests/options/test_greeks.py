"""Greeks and volatility in notebooks: numbers, arrays and Series in, the same kind out."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from alphapanda import black_delta, black_price, implied_volatility, options
from alphapanda.errors import UsageError

STRIKES = [24_000.0, 24_500.0, 25_000.0]


def test_a_number_for_numbers() -> None:
    """Of single numbers each is what the word of hooks says."""
    assert options.price("CE", 24_500, 24_600, 0.02, 0.12, 0.065) == black_price(
        1, 24_500, 24_600, 0.02, 0.12, 0.065
    )
    assert options.delta("pe", 24_500, 24_600, 0.02, 0.12) == black_delta(
        2, 24_500, 24_600, 0.02, 0.12, 0.0
    )
    assert options.iv(2, 150, 24_500, 24_600, 0.02) == implied_volatility(
        2, 150, 24_500, 24_600, 0.02, 0.0
    )


@pytest.mark.parametrize("make", [np.array, list, pd.Series, pl.Series])
def test_a_column_for_columns(make: Any) -> None:
    """One forward stands for each row; what comes back is of the kind of what was given."""
    strikes = pl.Series(STRIKES) if make is pl.Series else make(STRIKES)
    made = options.vega("CE", 24_500, strikes, 0.02, 0.12)
    wanted = [options.vega("CE", 24_500, strike, 0.02, 0.12) for strike in STRIKES]
    assert list(made) == wanted
    kind = np.ndarray if make in (np.array, list) else make
    assert isinstance(made, kind)


def test_rights_by_row_and_index_kept() -> None:
    """Calls and puts may be mixed, and a Series keeps its index."""
    strikes = pd.Series(STRIKES, index=[7, 8, 9])
    rights = pd.Series(["CE", "PE", "CE"], index=[7, 8, 9])
    made = options.delta(rights, 24_500.0, strikes, 0.02, 0.12)
    assert list(made.index) == [7, 8, 9]
    assert (made > 0).tolist() == [True, False, True]


def test_prices_and_volatility_lead_to_each_other() -> None:
    """The volatility of a price is the one it was made with; outside the bounds it is NaN."""
    prices = options.price("CE", 24_500.0, np.array(STRIKES), 0.02, 0.12, 0.065)
    found = options.iv("CE", prices, 24_500.0, np.array(STRIKES), 0.02, 0.065)
    assert found == pytest.approx(0.12, abs=1e-9)
    assert math.isnan(options.iv("CE", 400.0, 24_500.0, 24_000.0, 0.02))
    assert math.isnan(options.iv("CE", 24_500.0, 24_500.0, 24_000.0, 0.02))


def test_greeks_are_slopes_of_the_price() -> None:
    """Each greek is what the price does, in the unit that is said."""
    terms = ("PE", 24_500.0, 24_300.0, 0.05, 0.13, 0.065)

    def cost(forward: float = 0.0, years: float = 0.0, volatility: float = 0.0) -> Any:
        right, f, k, t, v, r = terms
        return options.price(right, f + forward, k, t + years, v + volatility, r)

    assert options.delta(*terms) == pytest.approx((cost(1) - cost(-1)) / 2, abs=1e-6)
    assert options.gamma(*terms) == pytest.approx(cost(1) + cost(-1) - 2 * cost(), abs=1e-6)
    vega = (cost(volatility=5e-4) - cost(volatility=-5e-4)) * 10
    assert options.vega(*terms) == pytest.approx(vega, abs=1e-4)
    day = 1e-3 / 365
    decay = (cost(years=-day) - cost(years=day)) / 2e-3
    assert options.theta(*terms) == pytest.approx(decay, abs=1e-4)


def test_years_to_the_close_of_an_expiry() -> None:
    """Seconds to 15:30 of the day / 365 days; an Indian time without a zone; NaN behind it."""
    expiry = date(2025, 9, 2)
    at = datetime(2025, 8, 29, 15, 29, 30)
    assert options.years(at, expiry) == (4 * 86_400 + 30) / (365 * 86_400)
    assert options.years(datetime(2025, 8, 29, 9, 59, 30, tzinfo=UTC), expiry) == options.years(
        at, expiry
    )
    assert math.isnan(options.years(datetime(2025, 9, 2, 15, 30, 1), expiry))
    assert options.years(at, date(2025, 8, 31)) == 30 / (365 * 86_400)  # a Sunday's is Friday's


@pytest.mark.parametrize(("call", "says"), [
    (lambda: options.price("CALL", 100, 100, 1, 0.2), "'CE' or 'PE'"),
    (lambda: options.price(["CE", "X"], 100, 100, 1, 0.2), "right = 'X'"),
    (lambda: options.delta("CE", "hundred", 100, 1, 0.2), "'hundred' is none"),
    (lambda: options.iv("CE", [1, 2], [1, 2, 3], 100, 1), r"columns of \[2, 3\] rows"),
    (lambda: options.iv("CE", pd.Series([1.0], index=[1]), pd.Series([1.0], index=[2]), 9, 1),
     "align them"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call: Any, says: str) -> None:
    """A right, a number, lengths or rows that do not fit are named."""
    with pytest.raises(UsageError, match=says):
        call()
