"""R15: while trading is paused nothing is sent that adds risk; what only reduces passes."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.books.stops import adds_risk
from alphapanda.model.limits import RejectionCode

NUMBER = 10
CODE = RejectionCode.PAUSED
PER = "both"
SAYS = "trading is paused: it would add risk"
SETTLES = "an operator paused it; what reduces risk passes: `alphapanda resume`"

AT = (
    {"request.role": 1},
    {"ledger.paused": 1, "position.qty": -10},
    {"instrument.paused": 1, "position.qty": 10, "request.qty": -10},
    {"ledger.paused": 1, "position.qty": -20, "resting": (10, 1_000_000)},
    {"ledger.paused": 1, "position.qty": -10, "resting": (-10, 1_000_000)},
)
OVER = (
    {"ledger.paused": 1},
    {"ledger.paused": 1, "position.qty": -9},
    {"instrument.paused": 1, "position.qty": 9, "request.qty": -10},
    {"ledger.paused": 1, "position.qty": -20, "resting": (11, 1_000_000)},
    {"position.closing": 1, "position.qty": -10},
)
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse what adds risk while ledger or instrument is paused; all, while a flatten waits."""
    position = core.positions[request.strategy * core.clock[0].instruments + request.row]
    request.value = abs(request.qty)
    request.limit = 0
    if position.closing != 0:
        return True
    if core.ledgers[owner].paused == 0 and core.instruments[request.row].paused == 0:
        return False
    return adds_risk(core, request)
