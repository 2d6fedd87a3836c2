"""A calibration as text: the profile that `--fills` reads, and the object that `--json` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alphapanda.calibration.calibrate import Calibration, Session
from alphapanda.calibration.fitting import GRIDS, Terms
from alphapanda.runs.fills import FITTED
from alphapanda.runs.readings import LIMIT_FILL

HEAD = """\
# Paper fills as live fills were: made by `alphapanda calibrate`, read by `--fills`.
# What holds of these sessions may not hold of others: see [error.out_of_sample].
"""


def write_settings(terms: Mapping[str, int]) -> dict[str, str]:
    """Return settings as their options are written."""
    return {name: FITTED[name].write(value) for name, value in terms.items()}


def facts_of(found: Calibration) -> dict[str, Any]:
    """Return a calibration as one object of plain values."""
    return {
        **write_settings(found.fit.terms._asdict()),
        "limit_fill": LIMIT_FILL.write(found.limit_fill),
        "orders": sum(session.orders for session in found.sessions),
        "orders_filled": sum(session.filled for session in found.sessions),
        "notes": list(notes_of(found.sessions)),
        "sessions": [session_told(session) for session in found.sessions],
        "range": {name: range_told(name, *each) for name, each in found.fit.ranges.items()},
        "kept": dict(found.kept),
        "error": {
            "of_defaults": found.default,
            "in_sample": found.in_sample,
            "out_of_sample": {"how": found.how, **found.out_of_sample},
        },
        "left_out": [{**fold, "terms": write_settings(fold["terms"])} for fold in found.folds],
    }


def session_told(session: Session) -> dict[str, Any]:
    """Return a session as it is named."""
    return {
        "run_id": session.run.run_id, "day": str(session.day), "orders": session.orders,
        "orders_filled": session.filled,
        **({"simulator": session.run.simulator} if session.run.simulator else {}),
    }  # fmt: skip


def notes_of(sessions: Sequence[Session]) -> Iterator[str]:
    """Yield which runs were made at the simulated exchange, and what that means for the fit."""
    made = {session.run.name: session.run.simulator for session in sessions}
    simulated = [f"{name} ({speed})" for name, speed in made.items() if speed]
    if simulated:
        all_of = "" if len(simulated) < len(made) else ": nothing here is of a broker"
        yield (
            f"made at the simulated exchange: {', '.join(simulated)}{all_of}. Its fills are a "
            "model, its latency is that of its answers times the speed of its day, not a broker's"
        )


def range_told(name: str, low: int, high: int) -> str:
    """Return the values that fit equally well."""
    write = FITTED[name].write
    beyond = " or more" if high == GRIDS[name][-1] and name == "latency" else ""
    return f"{write(low)} to {write(high)}{beyond}" if low < high else str(write(low))


def profile_text(facts: Mapping[str, Any]) -> str:
    """Return the profile of a calibration, as TOML."""
    fitted = {name: facts[name] for name in ("limit_fill", "orders", "orders_filled")}
    tables: list[tuple[str, Mapping[str, Any]]] = [
        ("", {name: facts[name] for name in Terms._fields}),
        ("fitted", fitted), ("range", facts["range"]), ("kept", facts["kept"]),
        *((f"error.{name}", each) for name, each in facts["error"].items()),
    ]  # fmt: skip
    lines = [HEAD.rstrip(), *(f"# NOTE: {note}" for note in facts["notes"])]
    for name, values in tables:
        lines += table_lines(f"[{name}]" if name else "", values)
    for session in facts["sessions"]:
        lines += table_lines("[[fitted.sessions]]", session)
    return "\n".join(lines) + "\n"


def table_lines(head: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of TOML; what is not known is left out, as TOML has no word for it."""
    known = {name: value for name, value in values.items() if value is not None}
    if known:
        yield from ("", head) if head else ("",)
    for name, value in known.items():
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
