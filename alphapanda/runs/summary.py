"""The summary of a run: what it was and what came out."""

from __future__ import annotations

from typing import Any

import numpy as np

from alphapanda.core import book
from alphapanda.engine.engine import Engine
from alphapanda.engine.records import view
from alphapanda.model.money import text
from alphapanda.model.rows import ChargeKind
from alphapanda.research.result import Gatherer, sum_up
from alphapanda.runs.closing_notes import closing_notes
from alphapanda.runs.runner import ActiveRun


def totals(run: ActiveRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the summary and the tables of a run."""
    return sum_up(run.gatherer, {**describe(run), "build_s": round(run.build_s, 4)})


def describe(run: ActiveRun) -> dict[str, Any]:
    """Return the facts of a run that are not in its output rows."""
    plan, session, engine = run.plan, run.session, run.session.engine
    feed, options, names = plan.feed, plan.options, plan.names
    positions = engine.tables["positions"].reshape(len(plan.specs), -1)
    ledgers = engine.tables["ledgers"]
    return {
        "status": run.status,
        "ticks": session.rows,
        "charges": int(ledgers["charges"][:-1].sum()),
        "charges_by": {k: text(v) for k, v in charges_by(engine, run.gatherer).items() if v},
        "engine_s": round(session.engine_s, 6),
        "ticks_per_s": round(session.rows / session.engine_s) if session.engine_s else 0,
        "strategies": {
            name: {
                "pnl": text(int(ledgers["cash"][k] + ledgers["mark"][k])),
                "params": dict(plan.enrolments[k].arguments),
            }
            for k, name in enumerate(names)
        },
        "instruments": {
            instrument.name: text(int(instrument_pnl(positions, engine, row)))
            for row, instrument in enumerate(plan.instruments)
        },
        "open_positions": {
            f"{names[k]} {plan.instruments[row].name}": int(positions["qty"][k, row])
            for k, row in zip(*np.nonzero(positions["qty"]), strict=True)
        },
        "from": str(feed.days[0]),
        "to": str(feed.days[-1]),
        "days": len(feed.days),
        "kind": feed.kind,
        "calendar": options.calendar,
        "costs": options.costs,
        "limits": options.limits,
        "repairs": dict(run.source.origin.repairs),
        "notes": [*plan.notes, *closing_notes(run)],
    }


def instrument_pnl(positions: Any, engine: Engine, row: int) -> int:
    """Return an instrument's P&L over all strategies: realised, marked, less its charges."""
    held = positions[:, row]
    last = engine.tables["instruments"]["last"][row]
    worth = held["qty"] * last - held["cost"]
    return int((held["realised"] + worth - held["charges"]).sum())


def charges_by(engine: Engine, gatherer: Gatherer) -> dict[str, int]:
    """Return charges by kind, the day that is still open included."""
    kinds = ("brokerage", "exchange", "sebi", "stt", "stamp", "gst")
    totals = dict.fromkeys(kinds, 0)
    for fees in view(engine.tables["fees"]):
        for kind, today in zip(kinds, book.day_charges(fees, 1, 1), strict=True):
            totals[kind] += getattr(fees, f"total_{kind}") + today
    totals["depository"] = int(gatherer.charged[ChargeKind.DEPOSITORY])
    totals["square_off"] = int(gatherer.charged[ChargeKind.SQUARE_OFF])
    return totals
