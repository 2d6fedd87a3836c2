"""Reruns that must decide alike: again, on another day, on cut histories, with other futures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.engine.engine import Engine
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, OUT, Control, Out
from alphapanda.research.decisions import Difference, decisions, first_difference
from alphapanda.validation.foresight import Foresight, foresight
from alphapanda.validation.hearing import Ear, personal
from alphapanda.validation.held_series import foreseen, show_held
from alphapanda.validation.lab import Lab
from alphapanda.validation.memory import changes, memory
from alphapanda.validation.other_clock import named_clock, other_day
from alphapanda.validation.other_order import ODD, first_parting, other_hash, reordered
from alphapanda.validation.shadow_files import SHIFT, How, Shadow
from alphapanda.validation.walk import holdings

Table = NDArray[Any]
NEAR = 512
"""Changed rows given to the core in one batch with those before the cut."""

PRICES = ("last", "bid", "ask", "open", "high", "low")


@dataclass
class Trial:
    """Reruns of one recording against its whole run, and what they found."""

    lab: Lab
    shadow: Shadow
    ear: Ear
    base: Table = field(default_factory=lambda: np.empty(0, OUT))
    runs: int = 0
    fixed: set[str] = field(default_factory=set)
    """Series that the strategies hold and that cannot be shown cut."""
    compared: int = 0
    """Decisions that stand before the last cut at which a rerun came to its end."""
    broken: list[str] = field(default_factory=list)
    """What strategies raised in reruns before they decided anything."""

    def whole(self, *, step: int = 0) -> Table:
        """Run everything as it is, so many rows at once."""
        self.runs += 1
        return self.lab.whole(self.lab.engine(), step=step)

    def shown(self) -> Any:
        """Show the series that strategies hold as files are shown."""
        return show_held(self.lab.plan.specs, self.shadow, fixed=self.fixed)

    def foreseen(self) -> dict[str, Foresight]:
        """Return what files and series know of later rows before the first has come, by name."""
        self.fresh()
        found = {
            f"{path}, column {name}": one for (path, name), one in self.shadow.foreseen.items()
        }
        with self.shown():
            engine = self.lab.engine()
            plain = [k for k, spec in enumerate(self.lab.plan.specs) if not spec.compiled]
            selves = [own for k in plain for own in engine.program.selves[k]]
            return found | foreseen(self.lab.plan.specs, selves, self.shadow)

    def decided_ahead(self) -> Foresight | None:
        """Return what the strategies' buying and selling knows of later rows."""
        made = decisions(self.base)
        made = made[made["type"] == Out.SIGNAL]
        if self.shadow.market is None or not len(made):
            return None
        return foresight(np.sign(made["qty"]), made["ts"], self.shadow.market)

    def peeks(self) -> bool:
        """Say if strategies look at anything but their rows."""
        shadow = self.shadow
        read = shadow.tables or shadow.opaque or shadow.uncut or self.fixed
        heard = any(personal(path, shadow) for path in self.ear.files)
        return bool(read or heard or holdings(self.lab.plan.specs))

    def fresh(self, how: How = "whole", cut_ns: int = 0) -> None:
        """Choose what files show, and load the strategies anew if they could have read any."""
        self.shadow.show(how, cut_ns)
        if self.lab.plain:
            self.lab.reload()


@dataclass(frozen=True)
class Changed:
    """A decision that another run did not make, or made otherwise."""

    kind: str
    """`chance`, `clock`, `hash`, `leftover`, `batches`, `order`, `cut` or `changed`."""
    difference: Difference
    cut: int = -1
    """The first row that was not there, or was another."""
    memory: tuple[tuple[str, Any, Any], ...] = ()
    """What the strategy held: name, value in the whole run, value in the rerun."""
    error: str = ""
    hindered: bool = False
    """Orders had been refused otherwise before: limits that all instruments share came between."""


def parting(one: Table, other: Table) -> Difference | None:
    """Return the first decision in which two runs differ, or the first row if none does."""
    return first_difference(decisions(one), decisions(other)) or first_difference(one, other)


def chance(trial: Trial) -> Changed | None:
    """Return the first decision that depends on more than rows: luck, the clock, an earlier run."""
    lab = trial.lab
    again = parting(trial.base, trial.whole())
    if not lab.plain:
        if again is not None:
            return Changed("chance", again)
        batches = parting(trial.base, trial.whole(step=ODD))
        return None if batches is None else Changed("batches", batches)
    try:
        with other_day(lab.plan.specs), other_hash(trial.shadow.passes):
            trial.fresh()
            with named_clock(lab.plan.specs):
                other = parting(trial.base, trial.whole(step=ODD))
    except UsageError as error:
        trial.broken.append(f"with another clock: {error}")
        trial.fresh()
        other = parting(trial.base, trial.whole(step=ODD))
    found = None if other is None else told_apart(trial, other)
    trial.fresh()
    return found or (None if again is None else Changed("leftover", again))


def told_apart(trial: Trial, other: Difference) -> Changed:
    """Return on which of all that was another at once the decisions depend."""
    trial.fresh()
    anew = parting(trial.base, trial.whole())
    if anew is not None:
        return Changed("clock" if repeats(trial) else "chance", anew)
    trial.fresh()
    batches = parting(trial.base, trial.whole(step=ODD))
    if batches is not None:
        return Changed("batches", batches)
    with other_hash(trial.shadow.passes):
        trial.fresh()
        hashed = parting(trial.base, trial.whole())
    return Changed("clock", other) if hashed is None else Changed("hash", hashed)


def repeats(trial: Trial) -> bool:
    """Say if decisions repeat while all clocks stand still."""
    runs = []
    with other_day(trial.lab.plan.specs, frozen=True):
        for _ in range(2):
            trial.fresh()
            with named_clock(trial.lab.plan.specs):
                runs.append(trial.whole())
    return parting(*runs) is None


def order(trial: Trial) -> Changed | None:
    """Return the first decision that depends on the order of instruments within a moment."""
    lab = trial.lab
    columns = reordered(lab.columns)
    if columns is None:
        return None
    trial.fresh()
    usual, lab.columns = lab.columns, columns
    try:
        with trial.shown():
            other = trial.whole()
    finally:
        lab.columns = usual
    found = first_parting(trial.base, other)
    return None if found is None else Changed("order", found[0], hindered=found[1])


WAYS: tuple[How, How] = ("cut", "changed")


def cuts(lab: Lab, number: int) -> list[int]:
    """Return rows spread over the run, each at a later moment than the row before."""
    ts, begin = lab.columns.ts, lab.begin
    rows = lab.rows - begin
    wanted = [begin + rows * place // (number + 1) for place in range(1, number + 1)]
    found = {int(np.searchsorted(ts, ts[row])) for row in wanted}
    return sorted(row for row in found if row > begin)


def after_decisions(trial: Trial, number: int) -> list[int]:
    """Return the first rows behind decisions, of which so many are drawn, spread over the run."""
    moments = np.unique(decisions(trial.base)["ts"])
    if not len(moments):
        return []
    draw = np.random.default_rng(trial.lab.plan.options.seed)
    parts = np.array_split(moments, min(number, len(moments)))
    chosen = [int(draw.choice(part)) for part in parts]
    rows = np.searchsorted(trial.lab.columns.ts, chosen, side="right")
    return sorted({int(row) for row in rows if 0 < row < trial.lab.rows})


def planned(trial: Trial, number: int) -> dict[int, tuple[How, ...]]:
    """Return the rows to cut at, and how: both ways, or just behind a decision by turns."""
    found: dict[int, tuple[How, ...]] = dict.fromkeys(cuts(trial.lab, number), WAYS)
    if trial.peeks():
        for place, row in enumerate(after_decisions(trial, 2 * number)):
            found.setdefault(row, (WAYS[place % 2],))
    return dict(sorted(found.items()))


def look_ahead(trial: Trial, number: int) -> Changed | None:
    """Return the earliest decision that changes when the future is hidden, or is another one.

    Cuts come in order, so the first that changes anything shows the earliest.
    """
    found = None
    for cut, ways in planned(trial, number).items():
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
    trial.runs += 1
    known = before(trial.base, lab, cut)
    engine = None
    try:
        trial.fresh(how, moment)
        with trial.shown():
            engine = lab.engine()
            out = truncated(lab, engine, cut) if how == "cut" else altered(trial, engine, cut)
    except UsageError as error:
        reached = 0 if engine is None else int(engine.tables["clock"]["now"][0])
        if not (decisions(known)["ts"] <= reached).any():
            trial.broken.append(str(error))  # it never came to a decision that could differ
            return None
        return Changed(how, nothing(lab, cut), cut, error=str(error))
    trial.compared = max(trial.compared, len(decisions(known)))
    difference = parting(known, before(out, lab, cut))
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
        with trial.shown():
            engine = lab.engine()
            lab.feed(engine, 0, row + 1)
            held.append(memory(engine, difference.strategy, instrument))
    place = int((lab.columns.row[lab.begin : row + 1] == instrument).sum()) - 1
    return tuple(changes(held[0], held[1], place=place))


def row_of(lab: Lab, cause: int) -> int:
    """Return the last row of the recording that was seen when an output row was written."""
    return max(int(np.searchsorted(lab.sequence(), cause, side="right")) - 1, 0)


def nothing(lab: Lab, cut: int) -> Difference:
    """Return a difference that is no decision: the rerun broke off."""
    cause = int(lab.sequence()[cut - 1])
    return Difference(cause, int(lab.columns.ts[cut - 1]), 0, int(lab.columns.row[cut - 1]))
