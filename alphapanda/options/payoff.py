"""The payoff of legs at their expiry: exact at each price, its corners, where it is 0."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

from alphapanda.errors import UsageError
from alphapanda.model.money import to_rupees
from alphapanda.options.legs import Leg, legs_of, scaled

DIGITS = 28
PAST = 5
"""The plot ends this part of the highest strike beyond the corners."""


@dataclass(frozen=True, slots=True)
class Payoff:
    """What legs make at expiry by the underlying's price, charges not counted."""

    legs: tuple[Leg, ...]

    def at(self, spot: Any) -> Decimal:
        """Return the P&L in rupees with the underlying at a price in rupees."""
        return to_rupees(self.scaled(scaled("spot", spot)))

    def scaled(self, spot: int) -> int:
        """Return the P&L, scaled, at a scaled price."""
        return sum(leg.quantity * (leg.worth(spot) - leg.price) for leg in self.legs)

    @property
    def strikes(self) -> tuple[int, ...]:
        """The scaled prices at which it has corners: 0 and the strikes."""
        return tuple(sorted({0} | {leg.instrument.strike for leg in self.legs}))

    @property
    def slope(self) -> int:
        """Rupees more for a rupee of the underlying above the highest strike."""
        high = self.strikes[-1]
        return (self.scaled(high + 10_000) - self.scaled(high)) // 10_000

    @property
    def most(self) -> Decimal | None:
        """The greatest profit in rupees; None: it has no bound."""
        return None if self.slope > 0 else to_rupees(max(map(self.scaled, self.strikes)))

    @property
    def least(self) -> Decimal | None:
        """The greatest loss in rupees, below 0; None: it has no bound."""
        return None if self.slope < 0 else to_rupees(min(map(self.scaled, self.strikes)))

    @property
    def breakevens(self) -> tuple[Decimal, ...]:
        """The underlying's prices at which the P&L goes through 0, or touches it, in order.

        Of a stretch on which it is 0 throughout both ends are among them.
        """
        found: set[Fraction] = {Fraction(k) for k in self.strikes if self.scaled(k) == 0}
        for low, high in pairwise(self.strikes):
            one, other = self.scaled(low), self.scaled(high)
            if one * other < 0:
                found.add(low + Fraction(-one * (high - low), other - one))
        last = self.scaled(self.strikes[-1])
        if last * self.slope < 0:
            found.add(self.strikes[-1] + Fraction(-last, self.slope))
        return tuple(map(rupees_of, sorted(found)))

    def frame(self, spots: Sequence[Any] | None = None) -> Any:
        """Return a pandas frame of `spot` and `pnl` in rupees; without prices, at its corners."""
        prices = self.drawn() if spots is None else [scaled("spot", spot) for spot in spots]
        return frame_of({
            "spot": [float(to_rupees(spot)) for spot in prices],
            "pnl": [float(to_rupees(self.scaled(spot))) for spot in prices],
        })  # fmt: skip

    def drawn(self) -> list[int]:
        """Return the scaled prices that a plot needs: its corners, and some way beyond."""
        corners = sorted({int(point * 10_000) for point in self.breakevens} | set(self.strikes[1:]))
        width = max(corners[-1] // PAST, 10_000) if corners else 10_000
        low = max((corners[0] if corners else 0) - width, 0)
        return [low, *corners, (corners[-1] if corners else 0) + width]

    def plot(self) -> Any:
        """Return a plotly figure of it, with a mark where it is 0."""
        try:
            graphs = importlib.import_module("plotly.graph_objects")
        except ImportError:
            raise UsageError(
                'plotly is not installed: pip install "alphapanda[research]"'
            ) from None
        points = self.drawn()
        figure = graphs.Figure()
        figure.add_scatter(
            x=[float(to_rupees(spot)) for spot in points],
            y=[float(to_rupees(self.scaled(spot))) for spot in points],
            mode="lines", name="P&L at expiry",
        )  # fmt: skip
        zeros = [float(point) for point in self.breakevens]
        figure.add_scatter(x=zeros, y=[0.0] * len(zeros), mode="markers", name="break-even")
        return figure.update_layout(
            title="Payoff at expiry, before charges",
            xaxis_title="underlying (Rs)", yaxis_title="P&L (Rs)",
        )  # fmt: skip


def payoff(legs: Iterable[Any]) -> Payoff:
    """Return the payoff of legs (contract, quantity in units, price in rupees) at their expiry.

    Raises:
        UsageError: naming a leg that does not fit, or two that do not expire together.
    """
    made = legs_of(legs)
    first = made[0].instrument
    for leg in made[1:]:
        other = leg.instrument
        if (other.underlying, other.expiry) != (first.underlying, first.expiry):
            raise UsageError(
                f"{first.name} ({first.underlying}, {first.expiry}) and {other.name} "
                f"({other.underlying}, {other.expiry}) do not expire together on one underlying: "
                "their payoff at expiry is no function of one price"
            )
    return Payoff(made)


def frame_of(columns: Mapping[str, Sequence[Any]]) -> Any:
    """Return columns as a pandas frame.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        return importlib.import_module("pandas").DataFrame(dict(columns))
    except ImportError:
        raise UsageError('pandas is not installed: pip install "alphapanda[research]"') from None


def rupees_of(scaled_price: Fraction) -> Decimal:
    """Return a scaled price, which may lie between two units, in rupees."""
    with localcontext() as context:
        context.prec = DIGITS
        return Decimal(scaled_price.numerator) / (scaled_price.denominator * 10_000)
