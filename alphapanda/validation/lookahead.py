"""Reruns that must decide alike: again, on another day, on cut histories, with other futures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.engine.engine import Engine
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, OUT, Control
from alphapanda.research.decisions import Difference, first_difference
from alphapanda.validation.held_series import holdings, shown
from alphapanda.validation.lab import Lab
from alphapanda.validation.memory import changes, memory
from alphapanda.validation.other_clock import other_day
from alphapanda.validation.shadow_files import SHIFT, How, Shadow

Table = NDArray[Any]
NEAR = 512
"""Changed rows given to the core in one batch with those before the cut."""

PRICES = ("last", "bid", "ask", "open", "high", "low")


@dataclass
class Trial:
    """Reruns of one recording against its whole run, and what they found."""

    lab: Lab
    shadow: Shadow
    base: Table = field(default_factory=lambda: np.empty(0, OUT))
    runs: int = 0
    fixed: set[str] = field(default_factory=set)
    """Series that the strategies hold and that cannot be shown cut."""

    def whole(self) -> Table:
        """Run everything as it is."""
        self.runs += 1
        return self.lab.whole(self.lab.engine())

    def shown(self, cut: int) -> Any:
        """Show the series that strategies hold as files are shown."""
        return shown(
            self.lab.plan.specs, self.shadow, cut=cut, rows=self.lab.rows, fixed=self.fixed
        )

    def holds(self) -> bool:
        """Say if strategies look into series from outside."""
        return bool(holdings(self.lab.plan.specs))

    def fresh(self, how: How = "whole", cut_ns: int = 0) -> None:
        """Choose what files show, and load the strategies anew if they could have read any."""
        self.shadow.show(how, cut_ns)
        if self.lab.plain:
            self.lab.reload()


@dataclass(frozen=True)
class Changed:
    """A decision that another run did not make, or made otherwise."""

    kind: str
    """`chance`, `clock`, `leftover`, `cut` or `changed`."""
    difference: Difference
    cut: int = -1
    """The first row that was not there, or was another."""
    memory: tuple[tuple[str, Any, Any], ...] = ()
    """What the strategy held: name, value in the whole run, value in the rerun."""
    error: str = ""


def chance(trial: Trial) -> Changed | None:
    """Return the first decision that depends on more than rows: luck, the clock, an earlier run."""
    lab = trial.lab
    again = first_difference(trial.base, trial.whole())
    if not lab.plain:
        return None if again is None else Changed("chance", again)
    trial.fresh()
    anew = first_difference(trial.base, trial.whole())
    if anew is not None:
        return Changed("chance", anew)
    with other_day(lab.plan.specs):
        trial.fresh()
        later = first_difference(trial.base, trial.whole())
    trial.fresh()
    if later is not None:
        return Changed("clock", later)
    return None if again is None else Changed("leftover", again)


def cuts(lab: Lab, number: int) -> list[int]:
    """Return rows spread over the recording, each at a later moment than the row before."""
    ts = lab.columns.ts
    wanted = [lab.rows * place // (number + 1) for place in range(1, number + 1)]
    found = {int(np.searchsorted(ts, ts[row])) for row in wanted}
    return sorted(found - {0})


def look_ahead(trial: Trial, number: int) -> Changed | None:
    """Return the earliest decision that changes when the future is hidden, or is another one.

    Cuts come in order, so the first that changes anything shows the earliest.
    """
    ways: tuple[How, ...] = ("cut", "changed")
    found = None
    for cut in cuts(trial.lab, number):
        changes = [one for how in ways if (one := at_cut(trial, cut, how)) is not None]
        if changes:
            found = min(changes, key=lambda one: one.difference.cause)
            break
    trial.fresh()
    return found


def at_cut(trial: Trial, cut: int, how: How) -> Changed | None:
    """Return the first decision before a row that changes when the rows from there on do."""
    lab = trial.lab
    moment = int(lab.columns.ts[cut])
    trial.fresh(how, moment)
    trial.runs += 1
    known = before(trial.base, lab, cut)
    try:
        with trial.shown(cut):
            engine = lab.engine()
            out = truncated(lab, engine, cut) if how == "cut" else altered(trial, engine, cut)
    except UsageError as error:
        return Changed(how, nothing(lab, cut), cut, error=str(error))
    difference = first_difference(known, before(out, lab, cut))
    if difference is None:
        return None
    return Changed(how, difference, cut, held(trial, difference, how, cut))


def before(out: Table, lab: Lab, cut: int) -> Table:
    """Return the output rows that were caused, and written, before a row's moment."""
    moment, cause = lab.columns.ts[cut], lab.sequence()[cut]
    known: Table = out[(out["cause"] < cause) & (out["ts"] < moment)]
    return known


def truncated(lab: Lab, engine: Engine, cut: int) -> Table:
    """Run the rows before one, then let the time pass until just before it."""
    out = lab.feed(engine, 0, cut)
    _, controls = lab.part(cut, cut + 1)
    controls["at"] = 0
    clock = np.zeros(1, CONTROL)
    clock["kind"], clock["ts"] = Control.TIME, lab.columns.ts[cut] - 1
    early = controls[controls["ts"] < lab.columns.ts[cut]]
    passed = np.concatenate([early, clock])
    return np.concatenate([out, lab.told(engine, Columns.of(), passed)])


def altered(trial: Trial, engine: Engine, cut: int) -> Table:
    """Run the rows before one, the last of them in one batch with rows that have been changed."""
    lab = trial.lab
    start, stop = max(cut - NEAR, 0), min(cut + NEAR, lab.rows)
    out = lab.feed(engine, 0, start)
    columns, controls = lab.part(start, stop)
    try:
        return np.concatenate([out, lab.told(engine, scrambled(columns, cut - start), controls)])
    except UsageError:
        if engine.tables["clock"]["now"][0] < lab.columns.ts[cut]:
            raise
        return truncated(lab, lab.engine(), cut)  # what fails after the cut is no finding


def scrambled(columns: Columns, cut: int) -> Columns:
    """Return rows whose prices from `cut` on are others."""
    made = columns._asdict()
    for name in PRICES:
        if len(made[name]):
            made[name] = made[name].copy()
            made[name][cut:] = (made[name][cut:][::-1] * SHIFT).astype(np.int64)
    return Columns(**made)


def held(
    trial: Trial, difference: Difference, how: How, cut: int
) -> tuple[tuple[str, Any, Any], ...]:
    """Return what strategies hold otherwise after the row of a difference, by running to it."""
    lab = trial.lab
    row = row_of(lab, difference.cause)
    instrument = int(lab.columns.row[row])
    held: list[dict[str, Any]] = []
    shows: tuple[How, ...] = ("whole", how)
    for show in shows:
        trial.fresh(show, int(lab.columns.ts[cut]))
        trial.runs += 1
        with trial.shown(cut):
            engine = lab.engine()
            lab.feed(engine, 0, row + 1)
            held.append(memory(engine, difference.strategy, instrument))
    return tuple(changes(*held))


def row_of(lab: Lab, cause: int) -> int:
    """Return the last row of the recording that was seen when an output row was written."""
    return max(int(np.searchsorted(lab.sequence(), cause, side="right")) - 1, 0)


def nothing(lab: Lab, cut: int) -> Difference:
    """Return a difference that is no decision: the rerun broke off."""
    cause = int(lab.sequence()[cut - 1])
    return Difference(cause, int(lab.columns.ts[cut - 1]), 0, int(lab.columns.row[cut - 1]))
