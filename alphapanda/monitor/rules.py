"""The rules of alerts: what the monitor has found, judged; what a person should know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alphapanda.model.calendar import Phase
from alphapanda.monitor.beats import GONE_S, Found
from alphapanda.monitor.health import Health, State
from alphapanda.monitor.local_probes import phase_at
from alphapanda.monitor.pipeline import Counts
from alphapanda.monitor.watching import RunFacts
from alphapanda.store.words import Severity

REFUSALS_A_MINUTE = 10
UNKNOWN_S = 30.0
LOSS_SHARE, BEGINS_S = 0.8, 5.0
WRONG_OF_ONE, WRONG_OF_ALL = 5, 20
"""Wrong logins in ten minutes: as many lock one account's name, or one address."""


@dataclass(frozen=True)
class Refused:
    """How many requests of a run one rule refused within the last minute of its own time."""

    run_id: str
    code: str
    count: int


@dataclass(frozen=True)
class Trouble:
    """An order that failed, or whose fate nobody knows; `age_s` by the clock of the wall."""

    run_id: str
    order_id: int
    strategy: str
    instrument: str
    status: str
    reason: str
    age_s: float


@dataclass(frozen=True)
class Entry:
    """An entry of the audit trail about a login; `reused`: of a refresh token, used twice."""

    seq: int
    actor: str
    reused: bool


@dataclass(frozen=True)
class View:
    """Everything the rules look at, of one moment."""

    health: Sequence[Health] = ()
    runs: Sequence[RunFacts] = ()
    beats: Found = field(default_factory=lambda: Found([], []))
    pipeline: Sequence[Counts] = ()
    refused: Sequence[Refused] = ()
    orders: Sequence[Trouble] = ()
    risk: Mapping[str, float] = field(default_factory=dict)
    """By run, the share of its day's loss limit that is used."""
    entries: Sequence[Entry] = ()
    """Of the last ten minutes."""
    letters: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By topic, how many dead letters there were, and how many have come since."""


@dataclass(frozen=True)
class Finding:
    """What a person should know; the same `subject` again is the same trouble."""

    kind: str
    subject: str
    severity: Severity
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    for_s: float = 0.0
    """How long it must have been so before anybody is told."""
    passing: bool = False
    """A thing that happened, not a state that lasts: nothing resolves it but a person."""


CRITICAL_PARTS = {"journal disk": "journal_disk", "feed": "feed_down", "zerodha": "token_dead"}


def parts(view: View) -> Iterator[Finding]:
    """A part is down, or not well."""
    for part in view.health:
        if part.state not in (State.DOWN, State.DEGRADED):
            continue
        down = part.state == State.DOWN
        critical = down and (part.must or part.part in CRITICAL_PARTS)
        kind = CRITICAL_PARTS.get(part.part, "part_down") if down else "part_degraded"
        yield Finding(
            kind, f"part {part.part}", Severity.CRITICAL if critical else Severity.WARNING,
            f"{part.part} is {part.state}: {part.text or 'it said nothing'}",
            for_s=0.0 if down else 15.0,
        )  # fmt: skip


def gone(view: View) -> Iterator[Finding]:
    """A process has gone while its run has not ended."""
    living = {run.run_id for run in view.runs if run.trades}
    for seen in view.beats.seen:
        if seen.age_s <= GONE_S:
            continue
        beat = seen.beat
        trades = "trade" in beat.role.split("+") or beat.run_id in living
        yield Finding(
            "process_gone", f"process {beat.role} {beat.pid}",
            Severity.CRITICAL if trades else Severity.WARNING,
            f"{beat.role} (pid {beat.pid}) has not beaten for {seen.age_s:.0f} s"
            + (f"; its run {beat.run_id} goes on with the same command" if beat.run_id else ""),
            run_id=beat.run_id or None,
        )  # fmt: skip


def impossible(view: View) -> Iterator[Finding]:
    """The counts of a run's pipeline can't be."""
    for counts in view.pipeline:
        if counts.impossible:
            yield Finding(
                "pipeline", f"pipeline {counts.run_id}", Severity.CRITICAL,
                f"{counts.run_id}: {'; '.join(counts.impossible)[:400]}", run_id=counts.run_id,
                for_s=2.0,
            )  # fmt: skip


def stopped(view: View) -> Iterator[Finding]:
    """Trading was stopped in a run that trades."""
    trading = {run.run_id for run in view.runs if run.trades}
    for counts in view.pipeline:
        times = counts.counts.get("trading_stopped", 0)
        if times and counts.run_id in trading:
            yield Finding(
                "trading_stopped", f"stopped {counts.run_id} {times}", Severity.CRITICAL,
                f"{counts.run_id}: trading was stopped ({times} time{'s' * (times > 1)} so far)",
                run_id=counts.run_id, passing=True,
            )  # fmt: skip


def refusals(view: View) -> Iterator[Finding]:
    """One rule refuses more than ten requests a minute."""
    for each in view.refused:
        if each.count > REFUSALS_A_MINUTE:
            yield Finding(
                "refusals", f"refusals {each.run_id} {each.code}", Severity.WARNING,
                f"{each.run_id}: {each.code.upper()} refused {each.count} requests in a minute",
                run_id=each.run_id,
            )  # fmt: skip


def orders(view: View) -> Iterator[Finding]:
    """An order failed at the venue, or nobody knows whether it works."""
    for each in view.orders:
        what = f"order {each.order_id} of {each.strategy} in {each.instrument}"
        unknown = each.status == "unknown"
        if unknown and each.age_s <= UNKNOWN_S:
            continue
        text = (f"{what} may be working: the answer is lost for {each.age_s:.0f} s" if unknown
                else f"{what} failed: {each.reason[:200] or 'no reason was given'}")  # fmt: skip
        yield Finding(
            "order_unknown" if unknown else "order_failed",
            f"order {each.run_id} {each.order_id} {each.status}",
            Severity.CRITICAL if unknown else Severity.WARNING, text, run_id=each.run_id,
            passing=not unknown,
        )  # fmt: skip


def gaps(view: View) -> Iterator[Finding]:
    """Rows of a feed never came."""
    for run in view.runs:
        if run.trades and run.missed:
            yield Finding(
                "feed_gap", f"gap {run.run_id}", Severity.WARNING,
                f"{run.run}: {run.missed:,} rows of its feed never came", run_id=run.run_id,
                passing=True,
            )  # fmt: skip


def loss(view: View) -> Iterator[Finding]:
    """Most of a day's loss limit is used."""
    for run_id, share in view.risk.items():
        if share > LOSS_SHARE:
            yield Finding(
                "loss", f"loss {run_id}", Severity.WARNING,
                f"{run_id}: {share:.0%} of the day's loss limit is used", run_id=run_id,
            )  # fmt: skip


def logins(view: View) -> Iterator[Finding]:
    """Somebody tries passwords, or has the copy of a token."""
    for each in view.entries:
        if each.reused:
            yield Finding(
                "token_reuse", f"token {each.seq}", Severity.CRITICAL,
                f"a refresh token of {each.actor} was used twice: somebody may have a copy; all of "
                "its family is revoked", passing=True,
            )  # fmt: skip
    wrong = Counter(each.actor for each in view.entries if not each.reused)
    (name, most), *_ = [*wrong.most_common(1), ("", 0)]
    if most >= WRONG_OF_ONE or wrong.total() >= WRONG_OF_ALL:
        yield Finding(
            "logins", "logins", Severity.WARNING,
            f"{wrong.total()} wrong logins within ten minutes, {most} of them as {name[:40]!r}",
        )  # fmt: skip


def letters(view: View) -> Iterator[Finding]:
    """Messages could not be taken in, and were put aside."""
    for topic, (before, count) in view.letters.items():
        yield Finding(
            "dead_letters", f"letters {topic} {before}", Severity.WARNING,
            f"{count:,} message{'s' * (count > 1)} of {topic} can't be taken in: see the dead "
            "letters of the page, or alphapanda dlq list", {"messages": count}, passing=True,
        )  # fmt: skip


def unprojected(view: View) -> Iterator[Finding]:
    """A run's journal can't be read."""
    for run in view.runs:
        if run.trouble:
            # A run that begins has a journal before its first record is in it.
            yield Finding("journal", f"journal {run.run_id}", Severity.CRITICAL, run.trouble[:400],
                          run_id=run.run_id, for_s=BEGINS_S)  # fmt: skip


RULES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    parts, gone, impossible, stopped, refusals, orders, gaps, loss, unprojected, logins, letters,
)  # fmt: skip


def judge(view: View) -> list[Finding]:
    """Return what all rules find, each subject once, the worst of it."""
    rank = list(Severity)
    found: dict[str, Finding] = {}
    for rule in RULES:
        for each in rule(view):
            before = found.get(each.subject)
            if before is None or rank.index(each.severity) > rank.index(before.severity):
                found[each.subject] = each
    return list(found.values())


def in_session(runs: Sequence[RunFacts]) -> bool:
    """Say if trading is open for a run that trades, by its own time."""
    return any(run.trades and run.row_ns and phase_at(run.row_ns) == Phase.OPEN for run in runs)
