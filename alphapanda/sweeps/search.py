"""A search that learns: optuna proposes combinations in batches, and is told the results.

How large a batch is depends on the number of trials alone, so the same seed makes the same trials
with any number of XX
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

from alphapanda.engine.compiler.declared import named_values
from alphapanda.errors import OutsideError, UsageError
from alphapanda.research.sweep_result import METRICS
from alphapanda.sweeps.grid import LARGEST, Grid
from alphapanda.sweeps.plan import Counts, Sweep

TRIALS = "trials.json"
"""Beside the parts of an unfinished search: its combinations by job, -1 where none is yet."""
NEAR = 2_000
"""Combinations that are looked at around a proposal of no use."""
SMALL, LARGE = 8, 64
"""Trials in a batch: a twentieth of all, within these bounds."""

Run = Callable[[Sequence[int]], None]
"""Runs jobs, all of them, and keeps their figures in the sweep's store."""


def batch_of(trials: int) -> int:
    """Return how many trials are asked for before the results of any of them are told."""
    return min(max(trials // 20, SMALL), LARGE)


def covering(grid: Grid) -> list[int]:
    """Return combinations in which each indicator meets all values of its own parameters.

    A search may propose any combination, and what an indicator needs depends on no others.

    Raises:
        UsageError: if there are too many of them.
    """
    found: dict[int, None] = {0: None}
    for indicator in grid.spec.indicators.values():
        names = [name for name in named_values(indicator).values() if name in grid.axes]
        places = [range(len(grid.axes[name])) for name in dict.fromkeys(names)]
        if math.prod(map(len, places)) > LARGEST // 100:
            raise UsageError(
                f"--search: one indicator has more than {LARGEST // 100:,} combinations of its "
                f"own parameters ({', '.join(names)}): widen the steps of --grid"
            )
        for chosen in product(*places):
            found[grid.number(dict(zip(dict.fromkeys(names), chosen, strict=True)))] = None
    return list(found)


def seek(made: Sweep, run: Run) -> None:
    """Run the trials of a sweep, those of each window by a search of its own.

    Raises:
        OutsideError: if what was run before are other trials.
    """
    before = earlier(made)
    for window in range(len(made.windows)):
        proposals = Proposals(made.grid, made.options.seed, made.search.metric)
        job = first = window * made.many
        while job < first + made.many:
            size = min(batch_of(made.search.trials or 1), first + made.many - job)
            batch = proposals.ask(size)
            jobs = range(job, job + size)
            made.numbers[job : job + size] = [each.number for each in batch]
            agree(made, jobs, before)
            run([each for each in jobs if not made.store.done[each]])
            for each, trial in zip(jobs, batch, strict=True):
                proposals.tell(trial, made.store.rows[each])
            job += size
        made.passed_over = made.passed_over.plus(**proposals.counts._asdict())


def earlier(made: Sweep) -> list[int]:
    """Return the combinations, by job, that an earlier run of the sweep has chosen."""
    try:
        text = made.store.noted(TRIALS)
        return [] if text is None else [int(number) for number in json.loads(text)]
    except (ValueError, TypeError):
        return []


def agree(made: Sweep, jobs: range, before: Sequence[int]) -> None:
    """Write down what is going to run, unless something else ran as the same trials before."""
    for job in jobs:
        if made.store.done[job] and before[job : job + 1] != [made.numbers[job]]:
            raise OutsideError(
                f"trial {job + 1} is not the one that ran before: this machine's optuna proposes "
                "others. Go on where the search was begun, or choose another --out"
            )
    made.store.note(TRIALS, json.dumps(made.numbers.tolist()))


class Trial(NamedTuple):
    """A combination to run, and what optuna calls it; None where it proposed another."""

    number: int
    asked: Any


class Proposals:
    """Asks one study for combinations that were not there before, and tells it what they gave."""

    def __init__(self, grid: Grid, seed: int, metric: str) -> None:
        import optuna  # noqa: PLC0415 (0.3 s, and absent where nobody searches)

        self._optuna = optuna
        self._grid, self._metric = grid, metric
        self._ordered = {
            name: sorted(range(len(values)), key=values.__getitem__)
            for name, values in grid.axes.items()
        }
        self._known: set[int] = set()
        self.counts = Counts()
        self._chance = chain(grid.drawn(seed), range(grid.total))
        quiet = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it says that a study was made
        try:
            sampler = optuna.samplers.TPESampler(seed=seed % (1 << 32), constant_liar=True)
            self._study = optuna.create_study(direction="maximize", sampler=sampler)
        finally:
            optuna.logging.set_verbosity(quiet)

    def ask(self, count: int) -> list[Trial]:
        """Return so many combinations that may run and were never returned before."""
        batch = []
        for _ in range(count):
            asked = self._study.ask()
            number = self._number(asked)
            why = self._useless(number)
            if why is None:
                batch.append(Trial(number, asked))
            else:
                state = self._optuna.trial.TrialState
                self.counts = self.counts.plus(**{why: 1}, beside=1)
                self._study.tell(asked, state=state.FAIL if why == "repeats" else state.PRUNED)
                batch.append(Trial(self._beside(number), None))
            self._known.add(batch[-1].number)
        return batch

    # Without a value optuna takes a trial for a bad one only if it was pruned; it forgets failures.
    def tell(self, trial: Trial, row: Any) -> None:
        """Say what a combination gave; one that never traded, or has no figure, is a bad one."""
        value = float(row[self._metric]) * METRICS[self._metric]
        good = math.isfinite(value) and bool(row["fills"])
        state = self._optuna.trial.TrialState
        if trial.asked is None:
            self._study.add_trial(self._made(trial.number, value if good else None))
        elif good:
            self._study.tell(trial.asked, value)
        else:
            self._study.tell(trial.asked, state=state.PRUNED)

    def _useless(self, number: int) -> str | None:
        if number in self._known:
            return "repeats"
        if not self._grid.holds(number):
            return "left_out"
        return None if self._grid.allowed(number) else "skipped"

    def _number(self, asked: Any) -> int:
        orders = self._ordered.items()
        return self._at([asked.suggest_int(name, 0, len(order) - 1) for name, order in orders])

    def _at(self, places: Sequence[int]) -> int:
        """Return the combination with these places, counted by value, on the axes."""
        orders = self._ordered.items()
        found = {name: order[at] for (name, order), at in zip(orders, places, strict=True)}
        return self._grid.number(found)

    def _beside(self, number: int) -> int:
        """Return the nearest combination that may run and is new; where none is near, any."""
        many = [len(order) for order in self._ordered.values()]
        start = tuple(place for _, place in self._places(number))
        seen, waiting = {start}, deque([start])
        while waiting and len(seen) < NEAR:
            places = waiting.popleft()
            found = self._at(places)
            if self._useless(found) is None:
                return found
            for axis, step in product(range(len(many)), (-1, 1)):
                place = places[axis] + step
                next_to = (*places[:axis], place, *places[axis + 1 :])
                if 0 <= place < many[axis] and next_to not in seen:
                    seen.add(next_to)
                    waiting.append(next_to)
        return next(each for each in self._chance if self._useless(each) is None)

    def _made(self, number: int, worth: float | None) -> Any:
        optuna = self._optuna
        state = optuna.trial.TrialState
        spread = {
            name: optuna.distributions.IntDistribution(0, len(order) - 1)
            for name, order in self._ordered.items()
        }
        return optuna.trial.create_trial(
            params=dict(self._places(number)), distributions=spread, value=worth,
            state=state.PRUNED if worth is None else state.COMPLETE,
        )  # fmt: skip

    def _places(self, number: int) -> Iterator[tuple[str, int]]:
        arguments: Mapping[str, Any] = self._grid.arguments(number)
        for name, order in self._ordered.items():
            values = self._grid.axes[name]
            yield name, next(k for k, at in enumerate(order) if values[at] == arguments[name])
