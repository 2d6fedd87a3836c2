"""Price, greeks and implied volatility over numbers, arrays and Series, by the code of hooks.

Amounts are rupees a unit, `years` time to expiry, volatility and rate fractions a year (0.15 is
15 %); `right` is "CE" or "PE" (or 1 and 2), one or many. What is one number stands for every row.
Formulas, units and what is NaN: `alphapanda/indicators/_black76.py`. Delta and gamma are a rupee of
the forward, vega a percentage point of volatility, theta a calendar day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda import config
from alphapanda.engine import elementwise, frames
from alphapanda.errors import UsageError
from alphapanda.indicators import _black76, is_data
from alphapanda.model.calendar import INDIA, Calendar, SessionGroup
from alphapanda.model.contracts import traded_before

Floats = NDArray[np.float64]
RIGHTS = {"CE": 1.0, "PE": 2.0, "1": 1.0, "2": 2.0, "1.0": 1.0, "2.0": 2.0}


def price(
    right: Any, forward: Any, strike: Any, years: Any, volatility: Any, rate: Any = 0.0
) -> Any:  # fmt: skip
    """Return what options cost; the kind (number, array, Series) is that of what is given."""
    return computed(_black76.black_price, config.load().cache_dir,
                    right, forward, strike, years, volatility, rate)  # fmt: skip


def delta(
    right: Any, forward: Any, strike: Any, years: Any, volatility: Any, rate: Any = 0.0
) -> Any:  # fmt: skip
    """Return the change of the price for a rupee of the forward; a put's is below 0."""
    return computed(_black76.black_delta, config.load().cache_dir,
                    right, forward, strike, years, volatility, rate)  # fmt: skip


def gamma(
    right: Any, forward: Any, strike: Any, years: Any, volatility: Any, rate: Any = 0.0
) -> Any:  # fmt: skip
    """Return the change of delta for a rupee of the forward."""
    return computed(_black76.black_gamma, config.load().cache_dir,
                    right, forward, strike, years, volatility, rate)  # fmt: skip


def vega(
    right: Any, forward: Any, strike: Any, years: Any, volatility: Any, rate: Any = 0.0
) -> Any:  # fmt: skip
    """Return the change of the price for a percentage point of volatility."""
    return computed(_black76.black_vega, config.load().cache_dir,
                    right, forward, strike, years, volatility, rate)  # fmt: skip


def theta(
    right: Any, forward: Any, strike: Any, years: Any, volatility: Any, rate: Any = 0.0
) -> Any:  # fmt: skip
    """Return the change of the price in a calendar day, the forward as it is."""
    return computed(_black76.black_theta, config.load().cache_dir,
                    right, forward, strike, years, volatility, rate)  # fmt: skip


def iv(right: Any, price: Any, forward: Any, strike: Any, years: Any, rate: Any = 0.0) -> Any:
    """Return implied volatilities; NaN where a price is outside its bounds of no arbitrage.

    Those are the discounted intrinsic value, and the discounted forward (of a call) or strike (of
    a put): at either there is no volatility that tells the price.
    """
    return computed(_black76.implied_volatility, config.load().cache_dir,
                    right, price, forward, strike, years, rate)  # fmt: skip


def years(at: datetime, expiry: date) -> float:
    """Return the seconds from a time to the close of an expiry's session / 365 days.

    A time without a zone is India's. A holiday's expiry is on the trading day before it; NaN once
    it is over.

    Raises:
        UsageError: if the calendar has no session on the day.
    """
    zoned = at if at.tzinfo is not None else at.replace(tzinfo=INDIA)
    return _black76.years_between(nanoseconds(zoned), close_of(expiry))


def nanoseconds(at: datetime) -> int:
    """Return a time as ns UTC, to the microsecond."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


def close_of(expiry: date) -> int:
    """Return when contracts that expire on a day are traded for the last time (ns UTC).

    Raises:
        UsageError: if the calendar has no session on the day.
    """
    calendar = Calendar.nse()
    session = calendar.session(traded_before(expiry, calendar), SessionGroup.DERIVATIVES)
    if session is None:
        raise UsageError(f"expiry {expiry}: the calendar has no session on that day or before it")
    return int(session.close)


def computed(
    kernel: Callable[..., float], cache_dir: Path, right: Any, *values: Any
) -> Any:  # fmt: skip
    """Return what a kernel says of each row; its loop is kept in `cache_dir`."""
    label = f"options.{kernel.__name__.removeprefix('black_')}()"
    given = [value for value in (right, *values) if is_data(value)]
    if not frames.aligned(given):
        raise UsageError(f"{label}: the Series given are not of the same rows: align them first")
    sides = rights(label, right)
    columns = [sides, *(numbers(label, value) for value in values)]
    lengths = {len(column) for column in columns if column.ndim}
    if len(lengths) > 1:
        raise UsageError(f"{label}: columns of {sorted(lengths)} rows can't be put together")
    rows = lengths.pop() if lengths else 1
    made = elementwise.run(kernel, [np.broadcast_to(column, rows) for column in columns], cache_dir)
    if not given:
        return float(made[0])
    like = next((value for value in given if frames.library(value) in ("pandas", "polars")), None)
    return made if like is None else frames.dressed(kernel.__name__, {"value": made}, like)


def numbers(label: str, value: Any) -> Floats:
    """Return a number, or a column of numbers, as float64."""
    if is_data(value) and np.ndim(value):
        return frames.floats(label, value)
    try:
        return np.asarray(float(value))
    except (TypeError, ValueError):
        raise UsageError(f"{label} reads numbers, and {value!r} is none") from None


def rights(label: str, right: Any) -> Floats:
    """Return 1 for each call, 2 for each put.

    Raises:
        UsageError: if one is neither.
    """
    listed = list(right) if is_data(right) and np.ndim(right) else [right]
    unknown = [each for each in listed if str(each).upper() not in RIGHTS]
    if unknown:
        raise UsageError(f"{label}: right = {unknown[0]!r} must be 'CE' or 'PE' (or 1, 2)")
    made = np.array([RIGHTS[str(each).upper()] for each in listed])
    return made if is_data(right) and np.ndim(right) else made[0]
