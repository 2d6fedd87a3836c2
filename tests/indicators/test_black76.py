"""Black's formula against QuantLib and against mpmath at fifty digits; volatility found again."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
import QuantLib as quantlib  # noqa: N813 (a module's name here)
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.engine import elementwise
from alphapanda.indicators import _black76 as black76
from tests.support.harness import cache_dir

CALL, PUT = 1, 2
TOLERANCE = 1e-8
GREEKS: tuple[Callable[..., float], ...] = (
    black76.black_price, black76.black_delta, black76.black_gamma, black76.black_vega,
    black76.black_theta,
)  # fmt: skip


class Terms(NamedTuple):
    """An option."""

    right: int
    forward: float
    strike: float
    years: float
    volatility: float
    rate: float


@cache
def many(count: int = 400) -> list[Terms]:
    """Return options from Rs 1 to 100,000, of half a minute to five years, 1 % to 300 %."""
    chance = np.random.default_rng(76)
    made = []
    for _ in range(count):
        forward = float(10 ** chance.uniform(0, 5))
        years = float(10 ** chance.uniform(-6, 0.7))
        volatility = float(10 ** chance.uniform(-2, 0.5))
        away = chance.normal() * 1.5 * volatility * math.sqrt(years)
        right = int(chance.integers(1, 3))
        rate = float(chance.uniform(-0.05, 0.15))
        made.append(Terms(right, forward, forward * math.exp(away), years, volatility, rate))
    return made


def exact(terms: Terms, **changed: Any) -> Any:
    """Return a price at fifty digits, by the formula as Black wrote it."""
    with mpmath.workdps(max(50, mpmath.mp.dps)):
        now = {**terms._asdict(), **changed}
        f, k, t, v, r = (
            mpmath.mpf(now[n]) for n in ("forward", "strike", "years", "volatility", "rate")
        )
        spread = v * mpmath.sqrt(t)
        d1 = mpmath.log(f / k) / spread + spread / 2
        side = 1 if terms.right == CALL else -1
        worth = side * (f * mpmath.ncdf(side * d1) - k * mpmath.ncdf(side * (d1 - spread)))
        return mpmath.exp(-r * t) * worth


def slope(terms: Terms, name: str, order: int = 1) -> Any:
    """Return a derivative of the exact price, taken by mpmath and not by a formula."""
    with mpmath.workdps(50):
        return mpmath.diff(lambda x: exact(terms, **{name: x}), getattr(terms, name), order)


def test_price_and_greeks_are_those_of_fifty_digits() -> None:
    """Each is within 1e-8 of the exact price and its numeric derivatives, of what it measures."""
    for terms in many(25):
        size = max(terms.forward, terms.strike)
        price, delta, gamma, vega, theta = (greek(*terms) for greek in GREEKS)
        assert abs(price - exact(terms)) <= TOLERANCE * size
        assert abs(delta - slope(terms, "forward")) <= TOLERANCE
        gamma_exact = slope(terms, "forward", 2)
        assert abs(gamma - gamma_exact) <= TOLERANCE * max(abs(gamma_exact), 1 / size)
        assert abs(vega - slope(terms, "volatility") / 100) <= TOLERANCE * size
        decay = -slope(terms, "years") / 365
        assert abs(theta - decay) <= TOLERANCE * max(size, abs(decay))


def quantlib_of(terms: Terms) -> tuple[float, ...]:
    """Return QuantLib's price and greeks, theta with the forward as it is."""
    kind = quantlib.Option.Call if terms.right == CALL else quantlib.Option.Put
    discount = math.exp(-terms.rate * terms.years)
    made = quantlib.BlackCalculator(
        quantlib.PlainVanillaPayoff(kind, terms.strike),
        terms.forward,
        terms.volatility * math.sqrt(terms.years),
        discount,
    )
    decay = made.vega(terms.years) * terms.volatility / (2 * terms.years)
    return (
        made.value(), made.deltaForward(), made.gammaForward(), made.vega(terms.years) / 100,
        (terms.rate * made.value() - decay) / 365,
    )  # fmt: skip


def test_price_and_greeks_are_quantlibs() -> None:
    """Price and greeks are within 1e-8 of QuantLib's, of what they measure."""
    for terms in many():
        size = max(terms.forward, terms.strike)
        mine = [greek(*terms) for greek in GREEKS]
        theirs = quantlib_of(terms)
        scales = (size, 1.0, max(theirs[2], 1 / size), size, max(size, abs(theirs[4])))
        for found, wanted, scale in zip(mine, theirs, scales, strict=True):
            assert abs(found - wanted) <= TOLERANCE * scale, terms


def test_volatility_is_found_again() -> None:
    """From the exact price, rounded once, the volatility comes back where a price can tell it."""
    told = 0
    for terms in many():
        price = float(exact(terms))
        vega = 100 * black76.black_vega(*terms)
        if vega * terms.volatility * 1e-9 > price * 2**-52:
            told += 1
            found = implied(terms, price)
            assert abs(found - terms.volatility) <= TOLERANCE * terms.volatility, terms
    assert told > 350


def test_volatility_is_quantlibs() -> None:
    """Options of an index near the money have the volatility that QuantLib's solver finds."""
    for volatility in (0.05, 0.12, 0.4, 1.1):
        for years in (1 / 365, 0.02, 0.25, 1.0):
            for away in (-1.5, -0.3, 0.0, 0.3, 1.5):
                strike = 25_000 * math.exp(away * volatility * math.sqrt(years))
                right = CALL if away > 0 else PUT
                terms = Terms(right, 25_000.0, strike, years, volatility, 0.065)
                price = black76.black_price(*terms)
                kind = quantlib.Option.Call if right == CALL else quantlib.Option.Put
                spread = quantlib.blackFormulaImpliedStdDev(
                    kind, strike, 25_000.0, price, math.exp(-0.065 * years), 0.0,
                    volatility * math.sqrt(years), 1e-12, 1000,
                )  # fmt: skip
                assert abs(implied(terms, price) - spread / math.sqrt(years)) <= TOLERANCE


def implied(terms: Terms, price: float) -> float:
    """Return the volatility of an option at a price."""
    return black76.implied_volatility(
        terms.right, price, terms.forward, terms.strike, terms.years, terms.rate
    )


@pytest.mark.parametrize("right", [CALL, PUT])
def test_no_volatility_outside_the_bounds(right: int) -> None:
    """At or below the intrinsic value, at or above the bound, without time: NaN, not a number."""
    inner = 110.0 if right == CALL else 90.0
    terms = Terms(right, inner, 100.0, 0.1, 0.0, 0.05)
    discount = math.exp(-0.05 * 0.1)
    bound = inner if right == CALL else 100.0
    for price in (-1.0, 0.0, 10 * discount, bound * discount, 1e9, math.inf):
        assert math.isnan(implied(terms, price)), price
    assert implied(terms, 10 * discount + 0.05) > 0
    assert implied(terms, bound * discount * 0.999) > 1
    assert math.isnan(implied(terms._replace(years=0.0), 12.0))


def test_at_expiry_it_is_worth_its_intrinsic_value() -> None:
    """Without time or volatility price and delta are the intrinsic value's, the others 0."""
    for years, volatility in ((0.0, 0.2), (0.5, 0.0), (0.0, 0.0)):
        discount = math.exp(-0.06 * years)
        terms = Terms(CALL, 105.0, 100.0, years, volatility, 0.06)
        assert [g(*terms) for g in GREEKS] == [5 * discount, discount, 0, 0, 0]
        put = terms._replace(right=PUT, strike=110.0)
        assert [g(*put) for g in GREEKS] == [5 * discount, -discount, 0, 0, 0]
        outside = terms._replace(strike=106.0)
        assert [g(*outside) for g in GREEKS] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("changed", [
    {"right": 0}, {"right": 3}, {"forward": 0.0}, {"forward": -1.0}, {"strike": 0.0},
    {"strike": math.inf}, {"years": -1e-9}, {"years": math.inf}, {"volatility": -0.1},
    {"volatility": math.nan}, {"forward": math.nan}, {"rate": math.nan}, {"rate": 1e6},
])  # fmt: skip
def test_nonsense_is_no_number(changed: dict[str, float]) -> None:
    """Terms that make no sense give NaN from each function."""
    terms = Terms(CALL, 100.0, 100.0, 0.5, 0.2, 0.06)._replace(**changed)  # type: ignore[arg-type]
    assert all(math.isnan(greek(*terms)) for greek in GREEKS)
    if "volatility" not in changed:
        assert math.isnan(implied(terms, 5.0))


ANY = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None, max_examples=100)
@given(st.integers(-1, 4), ANY, ANY, ANY, ANY, ANY)
def test_no_number_makes_it_fail(
    right: int, one: float, two: float, three: float, four: float, five: float
) -> None:  # fmt: skip
    """Whatever numbers it is given, each function answers."""
    for function in (*GREEKS, black76.implied_volatility):
        assert isinstance(function(right, one, two, three, four, five), float)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 2), st.floats(1e-6, 1e12), st.floats(1e-6, 1e12), st.floats(0, 1e3),
    st.floats(0, 1e3), st.floats(-0.1, 0.1), st.floats(0, 1e12),
)  # fmt: skip
def test_no_sensible_option_makes_it_fail(
    right: int, forward: float, strike: float, years: float, volatility: float, rate: float,
    price: float,
) -> None:  # fmt: skip
    """Within the bounds every price and greek is a number, and a volatility is above 0 or none."""
    terms = Terms(right, forward, strike, years, volatility, rate)
    assert all(math.isfinite(greek(*terms)) for greek in GREEKS)
    assert not implied(terms, price) <= 0


@pytest.mark.core
def test_compiled_code_gives_the_same_bytes() -> None:
    """Over arrays, compiled, prices and volatilities are those of plain Python to the last bit."""
    columns = [np.array(column, float) for column in zip(*many(3_000), strict=True)]
    right, forward, strike, years, _, rate = columns
    prices = elementwise.run(black76.black_price, columns, None)
    assert prices.tobytes() == elementwise.run(black76.black_price, columns, cache_dir()).tobytes()
    again = [right, prices, forward, strike, years, rate]
    plain, fast = (
        elementwise.run(black76.implied_volatility, again, where) for where in (None, cache_dir())
    )
    assert plain.tobytes() == fast.tobytes()
    assert np.isfinite(plain).mean() > 0.9
