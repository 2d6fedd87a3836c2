"""Look-ahead and warm-up check: does a strategy decide on what it could know, and nothing else?

Hooks get rows one by one, so a strategy sees the future only through files that it reads, series
that it holds, or its own state; reruns show these cut or changed at a moment. Not caught: what it
learnt of the future through a file that cannot be cut (a pickled model: a note names it), a
database, the network or another process; parameters fitted on the same days; and the order of sets,
which Python changes from process to process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphapanda import config
from alphapanda.engine.compiler.sources import text_of
from alphapanda.errors import UsageError
from alphapanda.model.charges import RATE
from alphapanda.model.notes import in_order
from alphapanda.research.cards import check_card
from alphapanda.research.decisions import decisions
from alphapanda.runs.notebook_bar import kernel_bar
from alphapanda.runs.options import Options, from_python
from alphapanda.runs.readings import as_rate
from alphapanda.validation.findings import (
    FORGET,
    STARTS,
    changed,
    learnt,
    notes,
    nothing_compared,
    parted,
    warm_up,
    weaker,
)
from alphapanda.validation.hearing import hearing
from alphapanda.validation.known import Market
from alphapanda.validation.lab import Lab, open_lab
from alphapanda.validation.lookahead import Trial, chance, look_ahead, order
from alphapanda.validation.readers import shadowed
from alphapanda.validation.shadow_files import Shadow
from alphapanda.validation.warmup import Key, Warmth, starts, warmth

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

__all__ = ["FORGET", "Check", "check", "run"]

CUTS = 5
TOLERANCE = "5%"
"""How far an indicator may be off what a long history gives, as a share of its usual size."""

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
    settings = config.load()
    made = from_python(strategy, data, options, cache_dir=settings.cache_dir)
    with kernel_bar() if progress is None else nullcontext(progress) as shown:
        return run(made, settings, cuts=cuts, tolerance=tolerance, progress=shown)


def run(
    options: Options, settings: Settings, *, cuts: Any = CUTS, tolerance: Any = TOLERANCE,
    progress: Progress | None = None,
) -> Check:  # fmt: skip
    """Check a strategy from its options."""
    number, allowed = as_cuts(cuts), as_share(tolerance)
    lab = open_lab(options, settings)
    lab.done = counter(lab, number, progress)
    interval_ns = lab.plan.feed.interval_ns
    with tempfile.TemporaryDirectory(prefix="alphapanda-check-") as folder:
        shadow = Shadow(
            Path(folder).resolve(), stamp=options.map.get("ts"), seed=options.seed,
            interval_ns=interval_ns, market=Market.of(lab.columns, interval_ns),
            cache_dir=settings.cache_dir,
        )  # fmt: skip
        sources = {spec.file: text_of(spec.file) for spec in lab.plan.specs}
        with shadowed(shadow, sources), hearing(shadow.passes) as ear:
            shadow.quiet = ear.quiet
            return examined(Trial(lab, shadow, ear), number, allowed)


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
    again = 5 if lab.plain else 3
    total, taken = lab.rows * (again + number * (2 if lab.plain else 1)), 0

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
    with trial.shown():
        trial.base = trial.whole()
    found = chance(trial)
    if found is None or found.kind == "leftover":
        found = look_ahead(trial, number) or found
    foreseen = {} if found is not None else trial.foreseen()
    mixed = order(trial) if found is None else None
    findings = [] if found is None else [changed(trial, found)]
    findings += learnt(lab, foreseen)
    findings += [] if mixed is None or mixed.hindered else [changed(trial, mixed)]
    warm: dict[Key, Warmth] = {}
    if found is None:
        trial.fresh()
        trial.runs += len(starts(lab, STARTS)) + 1
        warm = warmth(lab, STARTS)
        findings += parted(lab, warm, allowed)
    made = len(decisions(trial.base))
    findings += [] if made else [nothing_compared(lab)]
    told = [*notes(trial, warm, allowed, found=found), *weaker(trial, foreseen, mixed)]
    warm_rows = {"warm_rows": lab.begin} if lab.begin else {}
    return Check({
        "strategies": lab.names, "rows": lab.rows - lab.begin, "kind": lab.plan.feed.kind,
        **warm_rows, "from": str(lab.plan.feed.days[0]), "to": str(lab.plan.feed.days[-1]),
        "runs": trial.runs, "decisions": made, "cuts": number,
        "tolerance": allowed, "findings": findings, "warm_up": warm_up(lab, warm, allowed),
        "reads": [*trial.shadow.tables], "notes": in_order([*told, *lab.plan.notes]),
    })  # fmt: skip


def plain_if_it_peeks(trial: Trial) -> None:
    """Run as plain Python what has read files or holds series: compiled, they are constants."""
    lab = trial.lab
    with trial.shown():
        pass
    if not lab.plain and trial.peeks():
        lab.jit = False
        lab.reload()
