"""Look-ahead and warm-up check: does a strategy decide on what it could know, and nothing else?

Hooks get rows one by one, so a strategy sees the future only through files that it reads, series
that it holds, or its own state; reruns show these cut or changed at a moment. Not caught: what it
learnt of the future through a file that cannot be cut (a pickled model: a note names it), a
database, the network or another process; parameters fitted on the same days; and the order of sets,
which Python changes from process to process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alphapanda.engine.compiler.sources import text_of
from alphapanda.errors import UsageError
from alphapanda.model.calendar import INDIA
from alphapanda.model.charges import RATE
from alphapanda.model.notes import in_order
from alphapanda.research.cards import check_card
from alphapanda.research.decisions import decisions, in_words
from alphapanda.research.events import Names
from alphapanda.runs.notebook_bar import kernel_bar
from alphapanda.runs.options import Options, as_rate, from_python
from alphapanda.validation.lab import Lab, open_lab
from alphapanda.validation.lookahead import Changed, Trial, chance, look_ahead, row_of
from alphapanda.validation.shadow_files import Shadow, shadowed
from alphapanda.validation.warmup import Key, Parting, Warmth, starts, warmth

CUTS = 5
STARTS = 3
TOLERANCE = "5%"
"""How far an indicator may be off what a long history gives, as a share of its usual size."""

FORGET = 10
"""A rule may take this many times its warm-up to forget where it started."""

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Check:
    """What a check found; `summary` is what `--json` prints."""

    summary: dict[str, Any]

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What is wrong, the gravest first; empty if nothing is."""
        return list(self.summary["findings"])

    def _repr_html_(self) -> str:
        return check_card(self.summary)


def check(
    strategy: Any = None, data: Any = (), *, cuts: int = CUTS, tolerance: Any = TOLERANCE,
    progress: Progress | None = None, **options: Any,
) -> Check:  # fmt: skip
    """Look for decisions that depend on the future, on chance, or on where the data begin.

    Arguments are those of `backtest`; `cuts` is how many times the history is cut, and
    `tolerance` how far an indicator may be off after its warm-up.

    Raises:
        UsageError: for anything wrong in the options, the strategy or the data.
    """
    made = from_python(strategy, data, options)
    with kernel_bar() if progress is None else nullcontext(progress) as shown:
        return run(made, cuts=cuts, tolerance=tolerance, progress=shown)


def run(
    options: Options, *, cuts: Any = CUTS, tolerance: Any = TOLERANCE,
    progress: Progress | None = None,
) -> Check:  # fmt: skip
    """Check a strategy from its options."""
    number, allowed = as_cuts(cuts), as_share(tolerance)
    lab = open_lab(options)
    lab.done = counter(lab, number, progress)
    with tempfile.TemporaryDirectory(prefix="alphapanda-check-") as folder:
        shadow = Shadow(
            Path(folder).resolve(), stamp=options.map.get("ts"), seed=options.seed,
            interval_ns=lab.plan.feed.interval_ns,
        )  # fmt: skip
        sources = {spec.file: text_of(spec.file) for spec in lab.plan.specs}
        with shadowed(shadow, sources):
            return examined(Trial(lab, shadow), number, allowed)


def as_cuts(value: Any) -> int:
    """Return how many times to cut the history."""
    if not str(value).isdecimal() or not 1 <= int(value) <= 1_000:
        raise UsageError(f"--cuts {value}: write a whole number from 1 to 1000")
    return int(value)


def as_share(value: Any) -> float:
    """Return a share such as `5%` as a fraction."""
    try:
        return as_rate(value) / RATE
    except ValueError:
        raise UsageError(f"--tolerance {value}: write a share, 5% or 0.05") from None


def counter(lab: Lab, number: int, progress: Progress | None) -> Callable[[int], None]:
    """Return what counts rows for the progress bar; how many there will be is a guess."""
    again = 4 if lab.plain else 2
    total, taken = lab.rows * (again + number), 0

    def done(rows: int) -> None:
        nonlocal taken
        taken += rows
        if progress is not None:
            progress(taken, max(total, taken), 0)

    return done


def examined(trial: Trial, number: int, allowed: float) -> Check:
    """Run the whole once, then all that has to agree with it."""
    lab = trial.lab
    lab.reload()  # within the shadow: what a module reads when it is loaded counts
    plain_if_it_peeks(trial)
    with trial.shown(0):
        trial.base = trial.whole()
    found = chance(trial)
    if found is None or found.kind == "leftover":
        found = look_ahead(trial, number) or found
    findings = [] if found is None else [changed(trial, found)]
    warm: dict[Key, Warmth] = {}
    if found is None:
        trial.runs += len(starts(lab, STARTS)) + 1
        warm = warmth(lab, STARTS)
        findings += parted(lab, warm, allowed)
    return Check({
        "strategies": lab.names, "rows": lab.rows, "kind": lab.plan.feed.kind,
        "from": str(lab.plan.feed.days[0]), "to": str(lab.plan.feed.days[-1]),
        "runs": trial.runs, "decisions": len(decisions(trial.base)), "cuts": number,
        "tolerance": allowed, "findings": findings, "warm_up": warm_up(lab, warm, allowed),
        "reads": [*trial.shadow.tables],
        "notes": in_order([*notes(trial, warm, allowed, found=found), *lab.plan.notes]),
    })  # fmt: skip


def plain_if_it_peeks(trial: Trial) -> None:
    """Run as plain Python what has read files or holds series: compiled, they are constants."""
    lab = trial.lab
    with trial.shown(0):
        pass
    held = bool(trial.shadow.tables or trial.shadow.opaque or trial.fixed)
    if not lab.plain and (held or trial.holds()):
        lab.jit = False
        lab.reload()


def names(lab: Lab) -> Names:
    """Return the names behind the numbers of a run."""
    return Names(lab.names, [instrument.name for instrument in lab.plan.instruments])


def at_time(ns: int) -> str:
    """Return a time as India writes it, to the millisecond."""
    return datetime.fromtimestamp(ns / 1e9, INDIA).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


WORDS = {
    "chance": (
        "nondeterminism", "the same rows gave another decision",
        "Its results cannot be repeated: a good backtest may be luck.",
        "Take chance out (or seed it in start()), and iterate over lists, not sets.",
    ),
    "clock": (
        "nondeterminism", "the decision depends on the machine's clock",
        "A backtest run at night trades otherwise than one at noon.",
        "Use ctx.now, the time of the row, in place of the machine's time.",
    ),
    "leftover": (
        "nondeterminism", "a second run in the same process decides otherwise",
        "Something is left in a global or class attribute from the run before.",
        "Keep what the strategy remembers in self, set in start() or by state().",
    ),
    "cut": (
        "look-ahead", "without the rows from the cut on it decides otherwise",
        "It used rows that lay in the future: live they do not exist yet, and the P&L will not.",
        "Use only rows up to the present one: rolling instead of whole-series figures.",
    ),
    "changed": (
        "look-ahead", "with other prices after the cut it decides otherwise",
        "It used prices that lay in the future: live they are not known yet.",
        "Use only rows up to the present one: rolling instead of whole-series figures.",
    ),
    "warm-up": (
        "warm-up", "started later, it decides otherwise",
        "The first decisions depend on where the data begin, so live they will be others.",
        "Trade only when windows are full: declare a longer warm-up, or wait in the hook.",
    ),
}  # fmt: skip
"""By kind: its class, what happened, why it matters, what to do."""


def changed(trial: Trial, found: Changed) -> dict[str, Any]:
    """Return a decision that a rerun did not repeat, as a finding."""
    lab, difference = trial.lab, found.difference
    row = row_of(lab, difference.cause)
    finding = told(
        lab, found.kind, row=row, ts=difference.ts, strategy=difference.strategy,
        instrument=difference.row, one=difference.one, other=difference.other, held=found.memory,
    )  # fmt: skip
    if found.cut >= 0:
        finding["cut_row"] = found.cut
        finding["cut_time"] = at_time(int(lab.columns.ts[found.cut]))
        finding["reads"] = [*trial.shadow.tables]
    if found.error:
        finding["with"], finding["without"] = "it runs", f"it fails: {found.error}"
    return finding


def told(
    lab: Lab, kind: str, *, row: int, ts: int, strategy: int, instrument: int, one: Any, other: Any,
    held: tuple[tuple[str, Any, Any], ...],
) -> dict[str, Any]:  # fmt: skip
    """Return a finding: what, where, why it matters, what to do."""
    family, what, why, todo = WORDS[kind]
    spec = lab.plan.specs[strategy]
    known = [(n, a, b) for n, a, b in held if n in spec.indicators] or list(held)
    name, value, elsewhere = known[0] if known else (None, None, None)
    return {
        "kind": family, "how": kind, "what": what, "strategy": lab.names[strategy], "row": row,
        "time": at_time(ts), "row_time": at_time(int(lab.columns.ts[row])),
        "instrument": names(lab).instruments[instrument],
        "with": in_words(one, names(lab)), "without": in_words(other, names(lab)),
        "indicator": name if name in spec.indicators else None,
        "value": name, "value_with": value, "value_without": elsewhere,
        "why": why, "todo": todo,
    }  # fmt: skip


def parted(lab: Lab, warm: dict[Key, Warmth], allowed: float) -> Iterator[dict[str, Any]]:
    """Yield a finding for each strategy that trades before it has forgotten its start."""
    worst: dict[int, tuple[Parting, Warmth]] = {}
    for key, one in warm.items():
        late = [p for p in one.partings if p.updates > FORGET * one.own or p.gap > allowed]
        if late and key[0] not in worst:
            worst[key[0]] = one.partings[0] if late[0].gap <= allowed else late[0], one
    for parting, one in worst.values():
        finding = told(
            lab, "warm-up", row=parting.row, ts=parting.ts, strategy=parting.key[0],
            instrument=parting.instrument, one=parting.long, other=parting.short,
            held=parting.memory,
        )  # fmt: skip
        yield {
            **finding, "start_row": parting.start,
            "start_time": at_time(int(lab.columns.ts[parting.start])),
            "rows_since_start": parting.updates, "declared": one.declared, "first": one.first,
            "settled": one.settled,
        }  # fmt: skip


def warm_up(lab: Lab, warm: dict[Key, Warmth], allowed: float) -> list[dict[str, Any]]:
    """Return, by strategy, how it warmed up: the slowest of its instruments."""
    told = []
    for k, name in enumerate(lab.names):
        mine = [one for key, one in warm.items() if key[0] == k]
        if mine:
            gaps: dict[str, float] = {}
            for one in mine:
                for indicator, gap in one.gaps.items():
                    gaps[indicator] = max(gaps.get(indicator, 0.0), gap)
            told.append({
                "strategy": name, "declared": max(one.declared for one in mine),
                "first": max(one.first for one in mine), "settled": max(o.settled for o in mine),
                "compared": sum(one.compared for one in mine),
                "changed": sum(len(one.partings) for one in mine), "off": gaps,
                "over_tolerance": sorted(n for n, gap in gaps.items() if gap > allowed),
            })  # fmt: skip
    return told


def notes(
    trial: Trial, warm: dict[Key, Warmth], allowed: float, *, found: Changed | None
) -> Iterator[str]:
    """Yield what the reader should know: what could not be checked, and what to beware of."""
    lab, shadow = trial.lab, trial.shadow
    if found is not None and found.kind in ("chance", "clock"):
        yield "look-ahead and warm-up not checked: they cannot be told from chance, fix that first"
    elif found is not None:
        yield "warm-up not checked: fix the finding first"
    for path in shadow.opaque:
        yield (
            f"it reads {path}, which the check cannot cut at a time: "
            "make sure nothing in it was learnt from these days"
        )
    for name in sorted(trial.fixed):
        yield f"it looks into {name}, whose rows the check cannot match to the data's"
    if not len(decisions(trial.base)):
        yield "the strategy decides nothing on these data: there was nothing to compare"
    if found is None and not starts(lab, STARTS):
        yield "warm-up not checked: a strategy that begins with each session needs two days"
    for entry in warm_up(lab, warm, allowed):
        yield from warm_notes(entry, allowed)


def warm_notes(entry: dict[str, Any], allowed: float) -> Iterator[str]:
    """Yield what a strategy's warm-up teaches."""
    if entry["changed"]:
        yield (
            f"{entry['strategy']}: decisions agree with a longer history from {entry['settled']:,} "
            f"rows after the start on (indicators are warm after {entry['declared']:,}): "
            "begin the data that much earlier"
        )
    for name in entry["over_tolerance"]:
        yield (
            f"{entry['strategy']}.{name} is {entry['off'][name]:.1%} off a longer history when "
            f"it first counts as warm (tolerance {allowed:.1%})"
        )
    if not entry["compared"]:
        yield (
            f"{entry['strategy']}: no decision after a later start could be compared "
            "(other positions, or too few decisions)"
        )
