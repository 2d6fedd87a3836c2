"""Risk rules, one file each: what the gate asks of every signal before it becomes an order.

A file has

    NUMBER    its place in the order of the checks; they lie ten apart, so that another fits between
    CODE      the code in the rejection
    PER       "strategy", "account", "both" (asked with the limits of each) or "signal" (no limits)
    CLOSING   True: the closing orders of a flatten are asked too; where it is left out they are not
    SAYS      the refusal in words, with {value} and {limit} if it tells of them
    UNIT      what those are numbers of; where it is left out they are counts
    SETTLES   what its user does about it; or
    LIMITED_BY    the keys of the limits that lift it
    check(core, request, owner) -> bool    True refuses; may set the request's value and limit
    AT, OVER, MISSING    examples for the contract test (one, or a tuple of them): changes to a good
                         signal that are just accepted, that go one unit over, and that leave a
                         needed fact unknown (None: the rule needs none)

The good signal is at second 2, of a strategy without positions: buy 10 at the market, for
delivery, last price Rs 100, no limits. An example changes fields of `request.*`, `instrument.*`,
`position.*`, `group.*` (its session group), `account.*`, and of whoever the limits belong to
`limits.*` and `ledger.*`; `messages` and `fills` are the ages in ns of messages sent and of orders
filled on the signal's side, `orders` those placed before it (age, quantity, price), `resting` is an
own LIMIT order (quantity, price).

`check` is compiled. A fact it needs and does not have is a refusal. A limit of LIFTED is off.
Orders that the core itself makes (exits of a bracket, square-off) do not pass the gate; those of a
flatten pass the rules of CLOSING alone.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def modules() -> tuple[ModuleType, ...]:
    """Return the rules' modules in the order of their checks."""
    found = [
        importlib.import_module(f"{__name__}.{i.name}") for i in pkgutil.iter_modules(__path__)
    ]
    return tuple(sorted(found, key=lambda rule: rule.NUMBER))
