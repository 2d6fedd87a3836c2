"""UNTRADABLE: an index is a number, which nobody can buy or sell; contracts on it and ETFs can be.

By `--costs none`, or by a rate, its rows are run as a series that has no market: that passes.
"""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode

NUMBER = 230
CODE = RejectionCode.UNTRADABLE
PER = "signal"
CLOSING = True
SAYS = "an index is a number: it can't be traded"
SETTLES = (
    "an index can't be bought: name a contract on it, or an ETF; --costs none or a rate, "
    "such as 0.03%, runs its rows as a series without a market"
)

AT = ({"instrument.untradable": 0}, {"instrument.untradable": 0, "request.qty": -10})
OVER = ({"instrument.untradable": 1}, {"instrument.untradable": 1, "request.qty": -10})
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse any order on what cannot be traded."""
    return bool(core.instruments[request.row].untradable != 0)
