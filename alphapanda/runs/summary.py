"""The summary of a run: what it was and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np

from alphapanda.books.notes import charges_by_kind
from alphapanda.books.state import OrderState
from alphapanda.engine.engine import Engine
from alphapanda.engine.records import view
from alphapanda.model.calendar import EPOCH
from alphapanda.model.money import text
from alphapanda.model.notes import Note, Rank
from alphapanda.model.rows import ChargeKind
from alphapanda.research.gathering import Gatherer
from alphapanda.research.hours import Hours, day_number, hours_of_rows, hours_of_sessions
from alphapanda.research.requests import Open
from alphapanda.research.result import Ending, sum_up
from alphapanda.runs.closing_notes import closing_notes
from alphapanda.runs.plan import used_groups
from alphapanda.runs.runner import ActiveRun
from alphapanda.runs.settling import notes_on_settlements


def totals(run: ActiveRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the summary and the tables of a run."""
    gatherer, engine = run.gatherer, run.session.engine
    hours = hours_of(run)
    made = {"build_s": round(run.build_s, 4), "tier": str(engine.program.tier)}
    facts = {**describe(run), **made}
    facts["notes"] = [*facts["notes"], *day_notes(run, hours), *indicator_notes(run)]
    last = np.ascontiguousarray(engine.tables["instruments"]["last"])
    summary, tables = sum_up(gatherer, facts, Ending(hours, last, left(engine)))
    if run.seen is not None and run.seen.watched:
        run.seen.take(run.session.last_ns)
        tables["indicators"] = run.seen.table()
    return summary, tables


def hours_of(run: ActiveRun) -> Hours:
    """Return the trading days and hours of a run, of one that was interrupted those it had."""
    calendar, days, rows = run.plan.rules.calendar, all_days(run), run.gatherer.rows_of_days
    if calendar.is_always:
        return hours_of_rows(rows)
    hours = hours_of_sessions(calendar, used_groups(run.plan), days[0], days[-1])
    if run.status != "interrupted":
        return hours
    reached = max(rows, default=day_number(days[0]) - 1)
    return hours.until(rows.get(reached, (0, 0))[1], reached)


def all_days(run: ActiveRun) -> tuple[date, ...]:
    """Return the days of a run's feed, and those behind them on which it went on."""
    return (*run.plan.feed.days, *run.plan.later)


def days_run(run: ActiveRun) -> Sequence[date]:
    """Return the days of the data that a run has come to; the first at least."""
    days = all_days(run)
    if run.status != "interrupted":
        return days
    reached = max(run.gatherer.rows_of_days, default=0)
    return [day for day in days if day_number(day) <= reached] or days[:1]


def day_notes(run: ActiveRun, hours: Hours) -> Iterator[Note]:
    """Yield what part of its days an interrupted run has, and which trading days have no rows."""
    days, had = all_days(run), days_run(run)
    if run.status == "interrupted":
        yield Note(
            f"interrupted on {had[-1]}: {len(had)} of {len(days)} days were run, none of the "
            "figures covers the rest; the same command runs them all", Rank.BROKEN,
        )  # fmt: skip
    known = {day_number(day) for day in days}
    empty = [day for day in hours.days.tolist() if day not in known]
    if empty:
        first = date.fromordinal(empty[0] + EPOCH)
        yield Note(
            f"{len(empty)} of {len(hours.days)} trading days have no rows (first {first}): the "
            "figures count them as days without a return; --from and --to leave out gaps at the "
            "ends, and `alphapanda data check` lists all", Rank.LEFT_OUT,
        )  # fmt: skip


def indicator_notes(run: ActiveRun) -> Iterator[Note]:
    """Yield that the values of indicators were too many to be kept."""
    if run.seen is not None and run.seen.left_out:
        yield Note(
            f"indicators: {run.seen.left_out:,} series of values are too many to keep and draw, "
            "there is no indicators.parquet; --instrument chooses fewer", Rank.LEFT_OUT,
        )  # fmt: skip


def left(engine: Engine) -> Open:
    """Return the orders that live on at the end; an exit that sleeps has expired, and was told."""
    orders = engine.tables["orders"]
    ended = (OrderState.CLOSED, OrderState.ASLEEP)
    live = orders[(orders["id"] != 0) & ~np.isin(orders["state"], ended)]
    filled = np.abs(live["filled"])
    return Open(len(live), int(np.count_nonzero(filled)), int(filled.sum()))


def describe(run: ActiveRun) -> dict[str, Any]:
    """Return the facts of a run that are not in its output rows."""
    plan, session, engine = run.plan, run.session, run.session.engine
    feed, options, names, days = plan.feed, plan.options, plan.names, days_run(run)
    positions = engine.tables["positions"].reshape(len(plan.specs), -1)
    ledgers = engine.tables["ledgers"]
    return {
        "status": run.status,
        "ticks": session.rows - run.gatherer.warm_rows,
        **({"warm_rows": run.gatherer.warm_rows} if run.gatherer.warm_rows else {}),
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
        "from": str(days[0]),
        "to": str(days[-1]),
        "days": len(days),
        "kind": feed.kind,
        "calendar": options.calendar,
        "costs": options.costs,
        "limits": options.limits,
        "repairs": dict(run.source.origin.repairs),
        "notes": [
            *plan.notes,
            *closing_notes(run),
            *notes_on_settlements(plan.instruments, engine),
        ],
    }


def instrument_pnl(positions: Any, engine: Engine, row: int) -> int:
    """Return an instrument's P&L over all strategies: realised, marked, less its charges."""
    held = positions[:, row]
    last = engine.tables["instruments"]["last"][row]
    worth = held["qty"] * last - held["cost"]
    return int((held["realised"] + worth - held["charges"]).sum())


def charges_by(engine: Engine, gatherer: Gatherer) -> dict[str, int]:
    """Return charges by kind, the day that is still open included."""
    tables = engine.tables
    totals = charges_by_kind(view(tables["fees"]), view(tables["notes"]))
    totals["depository"] = int(gatherer.charged[ChargeKind.DEPOSITORY])
    totals["square_off"] = int(gatherer.charged[ChargeKind.SQUARE_OFF])
    return totals
