"""Options in notebooks: greeks and volatility over arrays, chains, payoff and margin of legs.

What strategies use in their hooks (`alphapanda.black_delta`, `forward_of` ...) is the same code.
"""

from __future__ import annotations

from alphapanda.options.chain import Chain, Contract, Forward, chain
from alphapanda.options.greeks import delta, gamma, iv, price, theta, vega, years
from alphapanda.options.legs import Leg, Margin, legs_of, margin
from alphapanda.options.payoff import Payoff, payoff

__all__ = [
    "Chain", "Contract", "Forward", "Leg", "Margin", "Payoff", "chain", "delta", "gamma", "iv",
    "legs_of", "margin", "payoff", "price", "theta", "vega", "years",
]  # fmt: skip
