"""The summary of a run: what it was and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from alphapanda.core import book
from alphapanda.core.state import OrderState
from alphapanda.engine.engine import Engine
from alphapanda.engine.records import view
from alphapanda.model.calendar import EPOCH
from alphapanda.model.money import text
from alphapanda.model.notes import Note, Rank
from alphapanda.model.rows import ChargeKind
from alphapanda.research.hours import Hours, day_number, hours_of_rows, hours_of_sessions
from alphapanda.research.requests import Open
from alphapanda.research.result import Ending, Gatherer, sum_up
from alphapanda.runs.plan import Run, strategy_names, used_groups
from alphapanda.runs.runner import Course


def totals(made: Run, course: Course, rows: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the summary and the tables of a run."""
    gatherer, engine = course.gatherer, course.engine
    hours = hours_of(made, gatherer)
    note_days(made, hours, gatherer)
    facts = describe(made, engine, gatherer, rows)
    last = np.ascontiguousarray(engine.tables["instruments"]["last"])
    return sum_up(
        gatherer, {**facts, "build_s": round(course.build_s, 4)}, Ending(hours, last, left(engine))
    )


def hours_of(made: Run, gatherer: Gatherer) -> Hours:
    """Return the trading days and hours of a run, of one that was interrupted those it had."""
    calendar, days = made.rules.calendar, made.replay.days
    if calendar.is_always:
        return hours_of_rows(gatherer.rows_of_days)
    hours = hours_of_sessions(calendar, used_groups(made), days[0], days[-1])
    if made.status != "interrupted":
        return hours
    reached = max(gatherer.rows_of_days, default=day_number(days[0]) - 1)
    return hours.until(gatherer.rows_of_days.get(reached, (0, 0))[1], reached)


def days_run(made: Run, gatherer: Gatherer) -> Sequence[date]:
    """Return the days of the data that a run has come to; the first at least."""
    days = made.replay.days
    if made.status != "interrupted":
        return days
    reached = max(gatherer.rows_of_days, default=0)
    return [day for day in days if day_number(day) <= reached] or days[:1]


def note_days(made: Run, hours: Hours, gatherer: Gatherer) -> None:
    """Say what part of its days an interrupted run has, and which trading days have no rows."""
    days, had = made.replay.days, days_run(made, gatherer)
    if made.status == "interrupted":
        made.notes.append(Note(
            f"interrupted on {had[-1]}: {len(had)} of {len(days)} days were run, none of the "
            "figures covers the rest; the same command runs them all", Rank.BROKEN,
        ))  # fmt: skip
    known = {day_number(day) for day in days}
    empty = [day for day in hours.days.tolist() if day not in known]
    if empty:
        first = date.fromordinal(empty[0] + EPOCH)
        made.notes.append(Note(
            f"{len(empty)} of {len(hours.days)} trading days have no rows (first {first}): the "
            "figures count them as days without a return; --from and --to leave out gaps at the "
            "ends, and `alphapanda data check` lists all", Rank.LEFT_OUT,
        ))  # fmt: skip


def left(engine: Engine) -> Open:
    """Return the orders that live on at the end."""
    orders = engine.tables["orders"]
    live = orders[(orders["id"] != 0) & (orders["state"] != OrderState.DONE)]
    filled = np.abs(live["filled"])
    return Open(len(live), int(np.count_nonzero(filled)), int(filled.sum()))


def describe(made: Run, engine: Engine, gatherer: Gatherer, rows: int) -> dict[str, Any]:
    """Return the facts of a run that are not in its output rows."""
    replay, options, days = made.replay, made.options, days_run(made, gatherer)
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
        "from": str(days[0]),
        "to": str(days[-1]),
        "days": len(days),
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
