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
from alphapanda.runs.plan import Run, strategy_names
from alphapanda.runs.runner import Course


def totals(made: Run, course: Course, rows: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the summary and the tables of a run."""
    made.notes += closing_notes(made, course, rows)
    facts = describe(made, course.engine, course.gatherer, rows)
    return sum_up(course.gatherer, {**facts, "build_s": round(course.build_s, 4)})


def describe(made: Run, engine: Engine, gatherer: Gatherer, rows: int) -> dict[str, Any]:
    """Return the facts of a run that are not in its output rows."""
    replay, options = made.replay, made.options
    positions = engine.tables["positions"].reshape(len(made.specs), -1)
    ledgers = engine.tables["ledgers"]
    names = strategy_names(made.specs)
    return {
        "status": made.status,
        "ticks": rows,
        "charges": int(ledgers["charges"][:-1].sum()),
        "charges_by": {k: text(v) for k, v in charges_by(engine, gatherer).items() if v},
        "engine_s": round(made.engine_s, 6),
        "ticks_per_s": round(rows / made.engine_s) if made.engine_s else 0,
        "strategies": {
            name: {
                "pnl": text(int(ledgers["cash"][k] + ledgers["mark"][k])),
                "params": dict(made.enrolments[k].arguments),
            }
            for k, name in enumerate(names)
        },
        "instruments": {
            instrument.name: text(int(instrument_pnl(positions, engine, row)))
            for row, instrument in enumerate(made.instruments)
        },
        "open_positions": {
            f"{names[k]} {made.instruments[row].name}": int(positions["qty"][k, row])
            for k, row in zip(*np.nonzero(positions["qty"]), strict=True)
        },
        "from": str(replay.days[0]),
        "to": str(replay.days[-1]),
        "days": len(replay.days),
        "kind": replay.kind,
        "calendar": options.calendar,
        "costs": options.costs,
        "limits": options.limits,
        "repairs": dict(replay.repairs),
        "notes": made.notes,
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
