"""R15: nothing is sent by an account, strategy or on an instrument that was stopped."""

from __future__ import annotations

from alphapanda.books.state import Core, Record
from alphapanda.model.limits import RejectionCode

NUMBER = 0
CODE = RejectionCode.KILLED
PER = "both"
SAYS = "trading is stopped: killed"
SETTLES = "what stopped trading is told above; without a rule, a command did"

AT = (
    {"ledger.killed": 0},
    {"instrument.killed": 0},
)
OVER = (
    {"ledger.killed": 1},
    {"instrument.killed": 1},
)
MISSING = None


def check(core: Core, request: Record, owner: int) -> bool:
    """Refuse while the ledger or the instrument is killed."""
    request.value = core.ledgers[owner].killed
    request.limit = 0
    return bool(core.ledgers[owner].killed != 0 or core.instruments[request.row].killed != 0)
