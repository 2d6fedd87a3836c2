"""What a check found, in words: what, where, why it matters, what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from alphapanda.model.calendar import INDIA
from alphapanda.model.notes import Note, Rank
from alphapanda.research.decisions import decisions, in_words
from alphapanda.research.events import Names
from alphapanda.validation.foresight import Foresight
from alphapanda.validation.hearing import personal
from alphapanda.validation.lab import Lab
from alphapanda.validation.lookahead import Changed, Trial, row_of
from alphapanda.validation.warmup import Key, Parting, Warmth, starts

STARTS = 3
FORGET = 10
"""A rule may take this many times its warm-up to forget where it started."""

MOST_VALUES = 3
MOST_LETTERS = 60


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
    "hash": (
        "nondeterminism", "the decision depends on hash(), which differs from process to process",
        "Started again, it trades otherwise on the same rows.",
        "Use hashlib or a table of your own in place of hash() of texts.",
    ),
    "batches": (
        "batches", "fed in other portions, the same rows gave another decision",
        "How many rows come at once is chance: live it is one, in a backtest thousands.",
        "Use only what ctx offers, not the core's own tables.",
    ),
    "order": (
        "order", "with the rows of a moment in another order it decides otherwise",
        "Which instrument's row of a moment comes first is chance, or the order of their names.",
        "Decide when the rows of all instruments of a moment are in: compare their times.",
    ),
    "learnt": (
        "look-ahead", "it looks at values that were made from later rows",
        "They were computed beforehand with prices that lay in the future: live there are none.",
        "Make each value from rows up to its own time; keep what is to be learnt out of the input.",
    ),
    "nothing": (
        "nothing compared", "the strategy decides nothing on these data",
        "No rerun could differ, so this check says nothing about the strategy.",
        "Take more days, other parameters, or data on which it trades.",
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
    finding = describe_finding(
        lab, found.kind, row=row, ts=difference.ts, strategy=difference.strategy,
        instrument=difference.row, one=difference.one, other=difference.other, held=found.memory,
    )  # fmt: skip
    if found.cut >= 0:
        finding["cut_row"] = found.cut + 1
        finding["cut_time"] = at_time(int(lab.columns.ts[found.cut]))
        finding["reads"] = [*trial.shadow.tables]
    if found.error:
        finding["with"], finding["without"] = "it runs", f"it fails: {found.error}"
    return finding


def describe_finding(
    lab: Lab, kind: str, *, row: int, ts: int, strategy: int, instrument: int, one: Any, other: Any,
    held: tuple[tuple[str, Any, Any], ...],
) -> dict[str, Any]:  # fmt: skip
    """Return a finding: what, where, why it matters, what to do. Rows count from 1, by time."""
    family, what, why, todo = WORDS[kind]
    spec = lab.plan.specs[strategy]
    known = [(n, a, b) for n, a, b in held if n in spec.indicators] or list(held)
    values = [
        {"name": name, "with": brief(value), "without": brief(elsewhere)}
        for name, value, elsewhere in known[:MOST_VALUES]
    ]
    first: Mapping[str, Any] = values[0] if values else {}
    name = first.get("name")
    return {
        "kind": family, "how": kind, "what": what, "strategy": lab.names[strategy], "row": row + 1,
        "time": at_time(ts), "row_time": at_time(int(lab.columns.ts[row])),
        "instrument": names(lab).instruments[instrument],
        "with": in_words(one, names(lab)), "without": in_words(other, names(lab)),
        "indicator": name if name in spec.indicators else None,
        "value": name, "value_with": first.get("with"), "value_without": first.get("without"),
        "values": values, "why": why, "todo": todo,
    }  # fmt: skip


def brief(value: Any) -> Any:
    """Return a number as it is, and the beginning of what is longer."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."


def learnt(lab: Lab, foreseen: Mapping[str, Foresight]) -> Iterator[dict[str, Any]]:
    """Yield a finding for each series that knows later rows, the strongest first."""
    grave = [(name, one) for name, one in foreseen.items() if one.grave]
    for name, one in sorted(grave, key=lambda each: -each[1].strength)[:MOST_VALUES]:
        row = max(int(np.searchsorted(lab.columns.ts, one.ts, side="right")) - 1, 0)
        finding = describe_finding(
            lab, "learnt", row=row, ts=one.ts, strategy=0, instrument=int(lab.columns.row[row]),
            one=None, other=None, held=((name, one.value, None),),
        )  # fmt: skip
        yield {
            **finding, "with": f"{name}: {one}", "without": "made from earlier rows it could not",
            "correlation": None if one.equal else one.strength, "rows_ahead": one.ahead,
        }  # fmt: skip


def nothing_compared(lab: Lab) -> dict[str, Any]:
    """Return the finding that there was nothing to compare."""
    last = lab.rows - 1
    finding = describe_finding(
        lab, "nothing", row=last, ts=int(lab.columns.ts[last]), strategy=0,
        instrument=int(lab.columns.row[last]), one=None, other=None, held=(),
    )  # fmt: skip
    return finding | {"with": "no decision", "without": "no decision"}


def weaker(
    trial: Trial, foreseen: Mapping[str, Foresight], mixed: Changed | None
) -> Iterator[str]:  # fmt: skip
    """Yield what looks like a leak and is no finding."""
    for name, one in foreseen.items():
        if not one.grave:
            yield Note(f"{name}: {one}; make sure it is made from earlier rows", Rank.MISSED)
    ahead = trial.decided_ahead()
    if ahead is not None and ahead.grave and not foreseen:
        yield Note(
            f"its decisions go with the returns of the next {ahead.ahead} rows (rank correlation "
            f"{ahead.strength:.2f}), far beyond chance: make sure nothing it uses was learnt from "
            "these days",
            Rank.MISSED,
        )
    if mixed is not None and mixed.hindered:
        yield (
            "with the rows of a moment in another order other orders are refused, and it decides "
            "otherwise afterwards: instruments share limits and cash, wider ones (--limits, "
            "--cash) settle it"
        )


def parted(lab: Lab, warm: dict[Key, Warmth], allowed: float) -> Iterator[dict[str, Any]]:
    """Yield a finding for each strategy that trades before it has forgotten its start."""
    worst: dict[int, tuple[Parting, Warmth]] = {}
    for key, one in warm.items():
        late = [p for p in one.partings if p.updates > FORGET * one.own or p.gap > allowed]
        if late and key[0] not in worst:
            worst[key[0]] = one.partings[0] if late[0].gap <= allowed else late[0], one
    for parting, one in worst.values():
        finding = describe_finding(
            lab, "warm-up", row=parting.row, ts=parting.ts, strategy=parting.key[0],
            instrument=parting.instrument, one=parting.long, other=parting.short,
            held=parting.memory,
        )  # fmt: skip
        yield {
            **finding, "start_row": parting.start + 1,
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
    lab = trial.lab
    if found is not None and found.kind in ("chance", "clock", "hash", "batches"):
        yield "look-ahead and warm-up not checked: they cannot be told from chance, fix that first"
    elif found is not None:
        yield "warm-up not checked: fix the finding first"
    yield from reached_for(trial)
    for name in sorted(trial.fixed):
        yield f"it looks into {name}, whose rows the check cannot match to the data's"
    if trial.broken:
        yield (
            f"{len(trial.broken)} of the reruns could not be compared, the strategy fails before "
            f"it decides anything: {brief_line(trial.broken[0])}"
        )
    if found is None and len(decisions(trial.base)) and not trial.compared:
        yield Note("no decision lies before a cut: look-ahead was not tried", Rank.MISSED)
    if found is None and not starts(lab, STARTS):
        yield "warm-up not checked: a strategy that begins with each session needs two days"
    for entry in warm_up(lab, warm, allowed):
        yield from warm_notes(entry, allowed)


def reached_for(trial: Trial) -> Iterator[str]:
    """Yield what the strategy looks at beside its rows, and the check cannot show otherwise."""
    shadow, ear = trial.shadow, trial.ear
    heard = [os.path.abspath(path) for path in ear.files if personal(path, shadow)]  # noqa: PTH100
    for path in dict.fromkeys([*shadow.opaque, *heard]):
        yield Note(
            f"it reads {path}, which the check cannot cut at a time: "
            "make sure nothing in it was learnt from these days",
            Rank.LEFT_OUT,
        )
    for path, why in shadow.uncut.items():
        yield f"it reads {path}, {why}: not cut"
    for program in ear.programs:
        yield Note(
            f"it starts {program}, whose answers the check cannot cut at a time", Rank.LEFT_OUT
        )
    for server in ear.servers:
        yield Note(f"it asks {server}, whose answers the check cannot cut", Rank.LEFT_OUT)
    for name in ear.settings:
        yield f"it reads the environment's {name}: with another value it may decide otherwise"


def brief_line(text: str) -> str:
    """Return the beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:160]}..."


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
