"""Options on a forward, by Black's formula of 1976: price, greeks, implied volatility.

Amounts are rupees a unit, as indicators count; `years` is time to expiry (`years_between`);
`volatility` and `rate` are fractions a year (0.15 is 15 %), the rate compounded continuously.
`right` is 1 of a call, 2 of a put (`ctx.market.option`). The forward is the price of the expiry's
future; of a spot price S it is S x exp(rate x years).

With D = exp(-rate x years), s = volatility x sqrt(years), d1 = log(F / K) / s + s / 2, d2 = d1 - s
and N, n the normal distribution and its density (Black, J. Financial Economics 3, 1976):

    price   D (F N(d1) - K N(d2)) of a call, D (K N(-d2) - F N(-d1)) of a put
    delta   D N(d1), -D N(-d1): a rupee of the forward
    gamma   D n(d1) / (F s): of delta, a rupee of the forward
    vega    D F n(d1) sqrt(years) / 100: a percentage point of volatility
    theta   (rate x price - D F n(d1) volatility / (2 sqrt(years))) / 365: a calendar day

Without time or volatility left (0) price and delta are those of the discounted intrinsic value,
gamma, vega and theta 0. What makes no sense is NaN: a forward or a strike outside Rs 0.000001 to
1e12, time below 0 or beyond 1,000 years, volatility below 0 or above 1,000 (100,000 %), a rate that
in that time makes more than exp(100), another `right`, and NaN itself.
"""

from __future__ import annotations

import math

SECONDS_A_YEAR = 31_536_000.0
"""365 days."""
ROOT_HALF = 0.7071067811865476
DENSITY = 0.3989422804014327
"""1 / sqrt(2 pi)."""
ROUNDS = 100
"""Steps at most; a dozen are usual."""
CLOSE = 1e-12
"""A step this small, of the value, was the last: the next would be its square."""
NOISE = 2e-15
"""Of a price: nearer than this to a bound, what is between is rounding."""
FLAT = 1e-100
"""volatility x sqrt(years) up to which there is none."""
WIDEST = 64.0
"""volatility x sqrt(years) beyond which every option costs its bound to the last bit."""


def years_between(now: int, until: int) -> float:
    """Return whole seconds from one time (ns) to another / 365 days; NaN if that is over."""
    if until < now:
        return math.nan
    return ((until - now) // 1_000_000_000) / SECONDS_A_YEAR


def fits(right: int, forward: float, strike: float, years: float, rate: float) -> bool:
    """Say if there is an option of such terms."""
    if not (right == 1 or right == 2):
        return False
    if not (1e-6 <= forward <= 1e12 and 1e-6 <= strike <= 1e12 and 0.0 <= years <= 1_000.0):
        return False
    return -100.0 <= rate * years <= 100.0


def growth(rate: float, years: float) -> float:
    """Return exp(rate x years), NaN where that is out of all proportion."""
    return math.exp(rate * years) if -100.0 <= rate * years <= 100.0 else math.nan


def moves(volatility: float) -> bool:
    """Say if it is a volatility."""
    return 0.0 <= volatility <= 1_000.0


def normal(x: float) -> float:
    """Return the normal distribution, its lower tail to its own last digits."""
    return 0.5 * math.erfc(-x * ROOT_HALF)


def density(x: float) -> float:
    """Return the density of the normal distribution."""
    return DENSITY * math.exp(-0.5 * x * x)


def first_distance(forward: float, strike: float, spread: float) -> float:
    """Return Black's d1; `spread`, volatility x sqrt(years), is above FLAT."""
    return math.log(forward / strike) / spread + 0.5 * spread


def undiscounted(right: int, forward: float, strike: float, spread: float) -> float:
    """Return the price of an option at its expiry's value; `spread` is volatility x sqrt(years)."""
    if spread <= FLAT:
        return max(forward - strike, 0.0) if right == 1 else max(strike - forward, 0.0)
    d1 = first_distance(forward, strike, spread)
    d2 = d1 - spread
    if right == 1:
        return max(forward * normal(d1) - strike * normal(d2), 0.0)
    return max(strike * normal(-d2) - forward * normal(-d1), 0.0)


def black_price(
    right: int, forward: float, strike: float, years: float, volatility: float, rate: float
) -> float:
    """Return the price of an option, rupees a unit."""
    if not (fits(right, forward, strike, years, rate) and moves(volatility)):
        return math.nan
    spread = volatility * math.sqrt(years)
    return math.exp(-rate * years) * undiscounted(right, forward, strike, spread)


def black_delta(
    right: int, forward: float, strike: float, years: float, volatility: float, rate: float
) -> float:
    """Return the change of the price for a rupee of the forward; a put's is below 0."""
    if not (fits(right, forward, strike, years, rate) and moves(volatility)):
        return math.nan
    discount = math.exp(-rate * years)
    spread = volatility * math.sqrt(years)
    if spread > FLAT:
        d1 = first_distance(forward, strike, spread)
        return discount * normal(d1) if right == 1 else -discount * normal(-d1)
    if right == 1:
        return discount if forward > strike else 0.0
    return -discount if forward < strike else 0.0


def black_gamma(
    right: int, forward: float, strike: float, years: float, volatility: float, rate: float
) -> float:
    """Return the change of delta for a rupee of the forward."""
    if not (fits(right, forward, strike, years, rate) and moves(volatility)):
        return math.nan
    spread = volatility * math.sqrt(years)
    if spread <= FLAT:
        return 0.0
    d1 = first_distance(forward, strike, spread)
    return math.exp(-rate * years) * density(d1) / (forward * spread)


def black_vega(
    right: int, forward: float, strike: float, years: float, volatility: float, rate: float
) -> float:
    """Return the change of the price for a percentage point of volatility."""
    if not (fits(right, forward, strike, years, rate) and moves(volatility)):
        return math.nan
    spread = volatility * math.sqrt(years)
    if spread <= FLAT:
        return 0.0
    d1 = first_distance(forward, strike, spread)
    return math.exp(-rate * years) * forward * density(d1) * math.sqrt(years) / 100.0


def black_theta(
    right: int, forward: float, strike: float, years: float, volatility: float, rate: float
) -> float:
    """Return the change of the price in a calendar day, the forward as it is."""
    if not (fits(right, forward, strike, years, rate) and moves(volatility)):
        return math.nan
    root = math.sqrt(years)
    spread = volatility * root
    if spread <= FLAT:
        return 0.0
    d1 = first_distance(forward, strike, spread)
    discount = math.exp(-rate * years)
    decay = discount * forward * density(d1) * volatility / (2.0 * root)
    worth = discount * undiscounted(right, forward, strike, spread)
    return (rate * worth - decay) / 365.0


def implied_volatility(
    right: int, price: float, forward: float, strike: float, years: float, rate: float
) -> float:
    """Return the volatility at which an option costs `price`, a fraction a year.

    NaN where there is none: at or below the discounted intrinsic value, at or above the discounted
    forward (of a call) or strike (of a put), or without time left.
    """
    if not fits(right, forward, strike, years, rate) or years <= 0.0:
        return math.nan
    worth = price * math.exp(rate * years)
    inner = forward - strike if right == 1 else strike - forward
    # The option out of the money has the same volatility, and no intrinsic value to hide it.
    outer = worth - inner if inner > 0.0 else worth
    lower, upper = min(forward, strike), max(forward, strike)
    noise = NOISE * worth if inner > 0.0 else 0.0
    if not noise < outer < lower * (1.0 - NOISE):
        return math.nan
    return spread_of(outer, lower, upper) / math.sqrt(years)


def spread_of(worth: float, lower: float, upper: float) -> float:
    """Return volatility x sqrt(years) of a call on `lower`, struck at `upper`; NaN if none fits.

    Newton's steps on the logarithm of the price, which is concave; a step that leaves the bracket
    is replaced by its middle.
    """
    low, high = 0.0, 1.0
    while undiscounted(1, lower, upper, high) < worth:
        low, high = high, 2.0 * high
        if high > WIDEST:
            return math.nan
    far, goal = math.log(lower / upper), math.log(worth)
    spread = 0.5 * (low + high)
    for _ in range(ROUNDS):
        guess = undiscounted(1, lower, upper, spread)
        if guess < worth:
            low = spread
        else:
            high = spread
        slope = lower * density(far / spread + 0.5 * spread)
        following = 0.5 * (low + high)
        if guess > 0.0 and slope > 0.0:
            newton = spread - (math.log(guess) - goal) * guess / slope
            if low < newton < high:
                following = newton
        step = abs(following - spread)
        spread = following
        if step <= CLOSE * spread:
            break
    return spread
