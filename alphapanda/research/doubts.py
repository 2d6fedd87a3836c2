"""Notes on what did not happen in a run: the rule or reason, when, and what settles it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from alphapanda.model.limits import RejectionCode
from alphapanda.model.money import text
from alphapanda.model.notes import Note, Rank
from alphapanda.model.rows import Scope
from alphapanda.research.curves import india
from alphapanda.research.table import count, percent
from alphapanda.rules import modules

MUCH = 0.01
"""From this share of all order requests on, what did not happen stands above the figures."""
MOST = 5
"""Stops that are told one by one."""
LIMIT = "--limits FILE with another {}, or --limits wide, lifts it"
OF_THE_GATE = {
    RejectionCode.UNKNOWN_ORDER: "the order had ended: ask for it in on_order",
    RejectionCode.ORDER_CAPACITY: "--open-orders N makes room for more at a time; or cancel "
    "what is not wanted",
    RejectionCode.AUTH_LOST: "`alphapanda login` brings the broker's session back",
    RejectionCode.READ_ONLY: "what the run found in doubt is told in its log; mend that first",
    RejectionCode.BLOCKED_UNKNOWN: "it passes once the broker says what became of the order",
    RejectionCode.NOT_TODAYS_MASTER: "`alphapanda instruments fetch` gets today's list",
    RejectionCode.DAILY_LIMIT_RESERVE: "fewer orders and changes in a day",
    RejectionCode.PRODUCT_CUTOFF: "enter intraday positions earlier in the day",
    RejectionCode.CHANGE_UNDER_WAY: "wait for on_order before the next change",
    RejectionCode.BROKER: "the refused change's own words are in the journal",
}
"""What settles refusals that are of no rule: the gate's own, and the broker's."""


@cache
def settles() -> Mapping[RejectionCode, str]:
    """Return what settles each refusal; of a rule's, its file says it."""
    return {
        **{r.CODE: getattr(r, "SETTLES", "") or LIMIT.format(r.LIMITED_BY) for r in modules()},
        **OF_THE_GATE,
    }


def stopped(rows: Any, names: Any) -> Iterator[Note]:
    """Yield what stopped trading: the rule, when, what it covers, and how to lift it."""
    if len(rows) > MOST:
        yield Note(f"trading was stopped {count(len(rows))} times, at first so:", Rank.BROKEN)
    for row in rows[:MOST]:
        code = RejectionCode(int(row["a"]))
        if code == RejectionCode.KILLED:
            rule, way = "a command", "it trades again after it is armed"
        else:
            rule, way = code.name, settles()[code]
        yield Note(
            f"{rule} stopped {_covered(row, names)} at {india(int(row['ts']))}: every later order "
            f"was refused; {way}", Rank.BROKEN,
        )  # fmt: skip


def ruined(ts: Any, equity: Any) -> Iterator[Note]:
    """Yield since when an account had less than nothing, as no broker lets it."""
    below = (equity < 0).nonzero()[0]
    if len(below):
        yield Note(
            f"equity was below 0 from {india(int(ts[below[0]]))} on (at the least "
            f"{text(int(equity.min()))}): a broker closes the positions before; nothing later can "
            "be believed, and ratios of daily returns are left out", Rank.BROKEN,
        )  # fmt: skip


def _covered(row: Any, names: Any) -> str:
    if row["b"] == Scope.STRATEGY and row["strategy"] >= 0:
        return str(names.strategies[int(row["strategy"])])
    if row["b"] == Scope.INSTRUMENT and row["row"] >= 0:
        return str(names.instruments[int(row["row"])])
    return "the account"


def refused(
    by_code: Sequence[int], first: Mapping[int, Any], requests: Mapping[str, Any], names: Any
) -> Iterator[Note]:
    """Yield which rules refused how much, first when, and what lifts each; the greatest first."""
    found = sorted((-int(n), code) for code, n in enumerate(by_code) if n)
    for n, code in found:
        row = first[code]
        what = f"{int(row['qty']):+,} {names.instruments[int(row['row'])]}"
        yield Note(
            f"{RejectionCode(code).name}: {count(-n)} refused (of {count(requests['total'])} order "
            f"requests), first at {india(int(row['ts']))} {what}: "
            f"{settles()[RejectionCode(code)]}", rank(-n, requests),
        )  # fmt: skip


WHY_UNFILLED = {
    "expired": "they met no row, or no volume, that could fill them before trading ended: see "
    "result.orders for each; --volume-share and --limit-fill say how orders are filled",
    "failed": "there was no place for them at the venue: see result.orders",
    "cancelled": "",
    "open": "the data end before they do: --to a later day",
}


def unfilled(requests: Mapping[str, Any]) -> Iterator[Note]:
    """Yield what was sent and not filled; what a strategy cancelled itself is no doubt."""
    if requests["total"] == 0:
        yield Note(
            "the strategy asked for no order: see its parameters, and whether the data are longer "
            "than its warm-up", Rank.LEFT_OUT,
        )  # fmt: skip
    for name, why in WHY_UNFILLED.items():
        n, partly = requests[name], requests["partly_filled"].get(name, 0)
        if not n or not why:
            continue
        some = f", {count(partly)} of them filled in part" if partly else ""
        state = "are still open" if name == "open" else name
        yield Note(
            f"{count(n)} of {count(requests['total'])} order requests {state} "
            f"({percent(n / requests['total'], digits=1)}){some}: {why}",
            Rank.LEFT_OUT if name == "open" else rank(n, requests),
        )


def rank(n: int, requests: Mapping[str, Any]) -> Rank:
    """Return how bad it is that so many requests came to nothing."""
    return Rank.MISSED if n >= MUCH * requests["total"] else Rank.LEFT_OUT
