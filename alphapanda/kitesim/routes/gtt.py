"""Good-till-triggered orders."""

from __future__ import annotations

from alphapanda.kitesim.call import Answer, Call, Route
from alphapanda.kitesim.gtt import ACTIVE, Gtt, gtt_row, missing
from alphapanda.kitesim.orders import Refusal
from alphapanda.model.calendar import DAY

KEPT = 7 * DAY
"""Triggers that are over stay in the list for so long."""


def make(call: Call) -> Answer:
    """Make a trigger."""
    return answer(call, call.sim.triggers.make(call.params, call.sim.listings, call.now), "make")


def change(call: Call) -> Answer:
    """Change a trigger."""
    made = call.sim.triggers.change(number(call), call.params, call.sim.listings, call.now)
    return answer(call, made, "change")


def delete(call: Call) -> Answer:
    """End a trigger."""
    return answer(call, call.sim.triggers.delete(number(call), call.now), "delete")


def answer(call: Call, made: Gtt | Refusal, verb: str) -> Answer:
    """Return the answer to a call that moves a trigger."""
    if isinstance(made, Refusal):
        return made
    call.sim.ledger.write("gtt", call.sim.market.ts, verb=verb, trigger=made.number)
    return {"trigger_id": made.number}


def show_all(call: Call) -> Answer:
    """Return what is active, and what ended of late."""
    user = call.sim.app.user_id
    return [
        gtt_row(gtt, user) for gtt in call.sim.triggers.all.values()
        if gtt.status == ACTIVE or call.now - gtt.updated_ts < KEPT
    ]  # fmt: skip


def show(call: Call) -> Answer:
    """Return one trigger."""
    gtt = call.sim.triggers.all.get(number(call))
    return missing(None) if gtt is None else gtt_row(gtt, call.sim.app.user_id)


def number(call: Call) -> int:
    """Return the trigger's number in the path; -1 for what is none."""
    text = call.path["trigger_id"]
    return int(text) if text.isdecimal() else -1


ROUTES = (
    Route("GET", "/gtt/triggers", "other", show_all),
    Route("GET", "/gtt/triggers/{trigger_id}", "other", show),
    Route("POST", "/gtt/triggers", "other", make),
    Route("PUT", "/gtt/triggers/{trigger_id}", "other", change),
    Route("DELETE", "/gtt/triggers/{trigger_id}", "other", delete),
)
