"""A sweep of each instrument by itself, and what the best of all of them is worth.

Each is a sweep as if there were no other instrument, in a folder of its own; one that was finished
is not run again. The best was chosen among the runs of all, so all of them count as trials.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.model.money import text, to_scaled
from alphapanda.research import deflated
from alphapanda.research.sweep_result import METRICS, SweepResult
from alphapanda.research.sweep_store import Store
from alphapanda.runs import discovery, plan
from alphapanda.runs.options import Options
from alphapanda.sweeps.plan import Search

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

SUMMED = ("combos", "skipped", "left_out", "repeats", "beside", "fills", "ticks", "resumed")
COLUMN = "instrument"

One = Callable[..., SweepResult]
"""Runs the sweep of one market."""
Progress = Callable[[int, int], None]


def run_each(
    options: Options, search: Search, settings: Settings, one: One, *,
    progress: Progress | None, out: Path | None,
) -> SweepResult:  # fmt: skip
    """Run a sweep of each instrument of the data.

    Raises:
        UsageError: if the strategy is of several instruments at once, or one's sweep is refused.
    """
    names = instruments_of(options, settings.strategies_dir)
    alone = replace(search, each_instrument=False)
    with Store(out or options.out, 0) as store:
        folder: Path | None = None
        if store.final is not None:
            finished = store.open({"each_instrument": names})
            folder = store.final if finished else store.partial
        places = folders_of(names)
        done = []
        for number, name in enumerate(names):
            entry = replace(options.strategies[0], instruments=())
            own = replace(options, instrument=(name,), strategies=(entry,), out=None)
            place = None if folder is None else folder / places[name]
            shown = None if progress is None else part_of(progress, number, len(names))
            try:
                done.append(one(own, alone, settings, progress=shown, out=place))
            except AlphaPandaError as error:
                raise type(error)(f"{name}: {error}") from error
        result = together(search, dict(zip(names, done, strict=True)), store.final)
        if folder is not None and folder != store.final:
            keep(store, result, [folder / place for place in places.values()])
        return result


def instruments_of(options: Options, strategies_dir: Path) -> list[str]:
    """Return the names of the data's instruments, those that options choose."""
    spec = discovery.find(options.strategies[0].strategy, strategies_dir)
    if spec.binding.legs or spec.binding.kind == "universe":
        raise UsageError(
            f"--each-instrument: {spec.name} trades several instruments at once; leave it out"
        )
    with plan.open_recording(options, (spec,), begin=lambda *_: None) as source:
        return [*source.feed.names]


def folders_of(names: Sequence[str]) -> dict[str, str]:
    """Return a folder's name for each instrument."""
    safe = [re.sub(r"[^\w.-]", "_", name).lstrip(".") or "_" for name in names]
    return {
        name: safe[k] if safe.count(safe[k]) == 1 else f"{safe[k]}-{k}"
        for k, name in enumerate(names)
    }


def part_of(progress: Progress, number: int, many: int) -> Progress:
    """Return a progress of one of many sweeps, as all have about as many runs."""
    return lambda done, total: progress(number * total + done, many * total)


def together(
    search: Search, done: Mapping[str, SweepResult], final: Path | None
) -> SweepResult:  # fmt: skip
    """Return the sweeps of all instruments as one result."""
    results = [*done.values()]
    tables = [
        each.table.add_column(0, COLUMN, pa.array([name] * each.table.num_rows, pa.string()))
        for name, each in done.items()
    ]
    first = results[0].summary
    run_s = sum(each.summary["run_s"] for each in results)
    ran = sum(each.summary["combos_per_s"] * each.summary["run_s"] for each in results)
    facts = {
        **first,
        **{name: sum(each.summary[name] for each in results) for name in SUMMED},
        "pnl": text(sum(to_scaled(each.summary["pnl"]) for each in results)),
        "from": min(each.summary["from"] for each in results),
        "to": max(each.summary["to"] for each in results),
        "days": max(each.summary["days"] for each in results),
        "run_s": round(run_s, 3),
        "combos_per_s": round(ran / run_s, 3) if run_s else 0.0,
        "engine_s": round(sum(each.summary["engine_s"] for each in results), 6),
        "wall_s": round(sum(each.summary["wall_s"] for each in results), 3),
        "notes": [*notes_of(done)],
        "instruments_table": [rows_of(name, each.summary) for name, each in done.items()],
        **judged(search, done),
    }
    for name in (
        "windows_table",
        "out_of_sample",
    ):  # of one instrument, they would be taken for all
        facts.pop(name, None)
    return SweepResult(facts, pa.concat_tables(tables), results[0].axes, final)


def notes_of(done: Mapping[str, SweepResult]) -> Iterator[str]:
    """Yield each note once, with the instruments that it is about unless it is about all."""
    about: dict[str, list[str]] = {}
    for name, each in done.items():
        for note in each.summary["notes"]:
            about.setdefault(note, []).append(name)
    for note, names in about.items():
        yield note if len(names) == len(done) else f"{plan.few(names)}: {note}"


def rows_of(name: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one instrument's sweep gave, in a line."""
    shown = ("best", "out_of_sample", "deflated_sharpe", "combos")
    return {COLUMN: name, **{key: summary.get(key) for key in shown}}


def judged(search: Search, done: Mapping[str, SweepResult]) -> dict[str, Any]:
    """Return the best of all instruments, and what it is worth as the best of all their runs."""
    walked = search.walk_forward is not None
    found = {
        name: facts
        for name, each in done.items()
        if (facts := each.summary["out_of_sample" if walked else "best"]) is not None
    }
    metric = search.metric
    if walked and found and metric not in next(iter(found.values())):
        metric = "pnl"
    worths = {
        name: Decimal(str(facts[metric])) * METRICS[metric]
        for name, facts in found.items()
        if facts[metric] is not None
    }
    if not worths:
        return {
            "best": None, "deflated_sharpe": None, "chance": None,
            "warning": f"{metric} is undefined in every combination: try --metric pnl",
        }  # fmt: skip
    name = max(worths, key=worths.__getitem__)
    if walked:
        ratios = [facts["sharpe"] for facts in found.values()]
        sharpes, trials = np.array([np.nan if r is None else r for r in ratios]), len(done)
    else:
        columns = [each.table["sharpe"].to_numpy() for each in done.values()]
        sharpes = np.concatenate(columns).astype(np.float64)
        trials = len(sharpes)
    chance = deflated.among(done[name].summary, sharpes, trials)
    best = done[name].summary["best"]
    return {"best": None if best is None else {COLUMN: name, **best}, **deflated.verdict(chance)}


def keep(store: Store, result: SweepResult, folders: Sequence[Path]) -> None:
    """Write the whole into the sweep's folder, with those of the instruments in it."""

    def beside(made: Path) -> None:
        for folder in folders:
            shutil.copytree(folder, made / folder.name)

    documents = {
        "summary.json": json.dumps(result.summary, indent=2, ensure_ascii=False) + "\n",
        "heatmap.html": result.html(),
    }
    store.finish(result.table, documents, beside=beside)
