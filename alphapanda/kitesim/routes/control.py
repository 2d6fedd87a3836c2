"""The simulator's own routes: its clock, its ledger, its steps."""

from __future__ import annotations

import json

from alphapanda.errors import UsageError
from alphapanda.kitesim.call import Answer, Call, Raw, Route
from alphapanda.kitesim.orders import Refusal
from alphapanda.kitesim.script import script_of


def clock(call: Call) -> Answer:
    """Return the market's time and its speed."""
    sim = call.sim
    return Raw({"now_ns": call.now, "speed": sim.clock.speed, "runs": sim.clock.runs})


def ledger(call: Call) -> Answer:
    """Return the book of what happened; `arrivals` adds when requests came, by the real clock."""
    if call.params.get("arrivals"):
        return Raw({"arrivals": call.sim.arrivals, **json.loads(call.sim.export())})
    return Raw(call.sim.export())


def state(call: Call) -> Answer:
    """Return how the simulator stands, and what the data don't tell."""
    sim = call.sim
    connections = [{"tokens": len(c.modes), "conflated": c.conflated} for c in sim.hub.connections]
    return Raw({
        "simulator": True, "rows": sim.rows, "ended": sim.ended, "seed": sim.seed,
        "day": str(sim.nights.day), "night": sim.nights.is_night,
        "connections": connections, "misfits": sim.hub.misfits, "notes": sim.notes,
    })  # fmt: skip


async def step(call: Call) -> Answer:
    """Let rows pass, where the simulator was started with --speed step."""
    rows = call.params.get("rows", "1")
    if call.sim.clock.speed:
        return Refusal("SIMULATOR: rows pass by themselves; start it with --speed step.")
    if not rows.isdecimal():
        return Refusal("SIMULATOR: `rows` must be a whole number.")
    return Raw({"rows": await call.sim.step(int(rows)), "now_ns": call.sim.now()})


async def morning(call: Call) -> Answer:
    """Let the next day begin, where its books wait for the night to be over."""
    if not await call.sim.nights.end():
        return Refusal("SIMULATOR: it is day still, or the last day of the data.")
    return Raw({"day": str(call.sim.nights.day), "now_ns": call.sim.now()})


def add_faults(call: Call) -> Answer:
    """Add faults of a JSON body: {"fault": [{"do": ...}]}."""
    if not isinstance(call.body, dict) or call.body.keys() != {"fault"}:
        return Refusal('SIMULATOR: write {"fault": [{"do": ...}]}.')
    try:
        added = script_of(call.body, "the body", call.sim.seed).faults
    except UsageError as error:
        return Refusal(f"SIMULATOR: {error}")
    known = call.sim.script.faults
    for fault in added:
        fault.number = len(known) + 1
        known.append(fault)
    return Raw({"faults": len(known)})


ROUTES = (
    Route("POST", "/_sim/faults", "sim", add_faults),
    Route("GET", "/_sim/clock", "sim", clock),
    Route("GET", "/_sim/ledger", "sim", ledger),
    Route("POST", "/_sim/morning", "sim", morning),
    Route("GET", "/_sim/state", "sim", state),
    Route("POST", "/_sim/step", "sim", step),
)
