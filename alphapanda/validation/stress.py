"""Fill honesty: the same strategy under worse fills, dearer charges and a thinner feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alphapanda import config
from alphapanda.engine.setup import Paper
from alphapanda.model.columns import Columns
from alphapanda.model.money import text
from alphapanda.model.notes import Note, Rank, in_order
from alphapanda.model.rows import Kind, LimitFill, Out
from alphapanda.research.cards import stress_card
from alphapanda.research.survival import share, verdict
from alphapanda.research.table import duration
from alphapanda.runs.notebook_bar import kernel_bar
from alphapanda.runs.options import Options, from_python
from alphapanda.validation.lab import Lab, open_lab, placed

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

MS = 1_000_000
BASIS_POINT = 1_000
"""In 1e-7, as all rates."""
TENTH = 1_000_000
LATENCIES = (("50 ms", 50 * MS), ("250 ms", 250 * MS), ("1 s", 1_000 * MS), ("5 s", 5_000 * MS))
SLIPPAGES = (1, 2, 5)
DROPS = (0.01, 0.05)
DEARER = (
    "brokerage", "brokerage_cap", "brokerage_flat", "stt_buy", "stt_sell", "exchange", "sebi",
    "stamp_buy", "dp", "square_off_fee", "exercise_stt",
)  # fmt: skip
"""Rates that double; GST is a share of some of them and doubles with them."""

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Case:
    """What is worse than in the run as it was asked for."""

    name: str
    kind: str = ""
    paper: dict[str, Any] = field(default_factory=dict)
    double: bool = False
    drop: float = 0.0


@dataclass(frozen=True)
class Stress:
    """What each case left of the P&L; `summary` is what `--json` prints."""

    summary: dict[str, Any]

    @property
    def cases(self) -> list[dict[str, Any]]:
        """The cases, the run as it was asked for first."""
        return list(self.summary["cases"])

    def _repr_html_(self) -> str:
        return stress_card(self.summary)


def stress(
    strategy: Any = None, data: Any = (), *, progress: Progress | None = None, **options: Any
) -> Stress:
    """Run a strategy under worse conditions and say how much of its P&L survives each.

    Arguments are those of `backtest`.

    Raises:
        UsageError: for anything wrong in the options, the strategy or the data.
    """
    settings = config.load()
    made = from_python(strategy, data, options, cache_dir=settings.cache_dir)
    with kernel_bar() if progress is None else nullcontext(progress) as shown:
        return run(made, settings, progress=shown)


def run(options: Options, settings: Settings, *, progress: Progress | None = None) -> Stress:
    """Run every case on one reading of the data and one compilation."""
    lab = open_lab(options, settings, warm=False)
    todo = list(cases(options))
    total, taken = lab.rows * len(todo), 0
    results: list[dict[str, Any]] = []

    def done(rows: int) -> None:
        nonlocal taken
        taken += rows
        if progress is not None:
            progress(taken, total, sum(result["fills"] for result in results))

    lab.done = done
    for case in todo:
        if lab.plain:
            lab.reload()  # what a run leaves in a module must not reach the next
        results.append(outcome(lab, case))
    base = results[0]
    idle = [idle_because(lab, case, base) for case in todo]
    return Stress({
        "strategies": lab.names, "rows": lab.rows, "kind": lab.plan.feed.kind,
        "from": str(lab.plan.feed.days[0]), "to": str(lab.plan.feed.days[-1]),
        "pnl": text(base["pnl"]),
        "cases": [case_as_json(*pair, base) for pair in zip(results, idle, strict=True)],
        "notes": in_order([*lab.plan.notes, *cold_notes(options)]),
    })  # fmt: skip


def cold_notes(options: Options) -> Iterator[str]:
    """Yield that indicators begin cold, where a backtest with the same options warms them up."""
    if options.first is not None and not options.no_warm:
        yield Note(
            "no rows before --from warm up indicators here, in any of the cases: the run as it was "
            "asked for is the backtest with --no-warm", Rank.ASSUMED,
        )  # fmt: skip


def idle_because(lab: Lab, case: Case, base: Mapping[str, Any]) -> str:
    """Return why a case can't change anything on these data; empty if it can.

    It holds where the case did change nothing, which is seen from its result.
    """
    if case.kind in ("", "rows", "all"):
        return ""
    if not base["orders"]:
        return "no order was sent"
    apart = nearest(lab.columns.ts)
    reasons = {
        "latency": (
            case.paper.get("latency_ns", 0) <= apart,
            f"rows are {duration(apart / 1e9)} apart at the least: every order waits as long",
        ),
        "limit_fill": (not base["limits"], "no limit order was sent"),
        "slippage": (
            base["limits"] == base["orders"], "slippage is of market orders, and none was sent"
        ),
        "charges": (not base["charges"], "the run has no charges"),
        "volume_share": (
            True, "every order is within a tenth of what its row traded"
            if sized(lab.columns) else "the data have no volumes",
        ),
    }  # fmt: skip
    holds, why = reasons.get(case.kind, (False, ""))
    return why if holds else ""


def nearest(ts: NDArray[np.int64]) -> int:
    """Return the least time between two different stamps, in ns."""
    steps = np.diff(ts)
    steps = steps[steps > 0]
    return int(steps.min()) if len(steps) else 0


def sized(columns: Columns) -> bool:
    """Say if any row tells how much was traded or offered."""
    sizes = (columns.volume, columns.qty, columns.bid_qty, columns.ask_qty)
    return any(bool(np.any(size > 0)) for size in sizes)


def cases(options: Options) -> Iterator[Case]:
    """Yield the run as it is, then what is worse than that, then all of it together."""
    yield Case("as asked")
    for name, latency in LATENCIES:
        if latency > options.latency:
            yield Case(f"latency {name}", "latency", {"latency_ns": latency})
    for points in SLIPPAGES:
        if points * BASIS_POINT > options.slippage:
            yield Case(f"slippage {points} bp", "slippage", {"slippage": points * BASIS_POINT})
    for fill in (LimitFill.TOUCH, LimitFill.THROUGH, LimitFill.QUEUE):
        if fill != options.limit_fill:
            yield Case(f"limit fills: {fill.name.lower()}", "limit_fill", {"limit_fill": fill})
    yield Case("charges doubled", "charges", double=True)
    for part in DROPS:
        yield Case(f"{part:.0%} of rows lost", "rows", drop=part)
    if thinner(options.volume_share):
        yield Case("volume share 10 %", "volume_share", {"volume_share": TENTH})
    yield together(options)


def thinner(volume_share: int) -> bool:
    """Say if a tenth of the volume is less than what the run takes; 0 takes any."""
    return volume_share == 0 or volume_share > TENTH


def together(options: Options) -> Case:
    """Return the case in which everything is worse at once."""
    paper = {
        "latency_ns": max(options.latency, 1_000 * MS),
        "slippage": max(options.slippage, 5 * BASIS_POINT),
        "limit_fill": LimitFill.QUEUE,
        "volume_share": TENTH if thinner(options.volume_share) else options.volume_share,
    }
    return Case("all worse", "all", paper, double=True, drop=0.05)


def outcome(lab: Lab, case: Case) -> dict[str, Any]:
    """Run one case and return its figures, money still scaled."""
    if case.drop:
        lab = thinned(lab, case.drop)
    setup = lab.setup()
    paper = Paper(**{**{name: getattr(setup.paper, name) for name in PAPER}, **case.paper})
    engine = lab.engine(replace(setup, paper=paper))
    if case.double:
        for name in DEARER:
            engine.tables["fees"][name] *= 2
    out = lab.whole(engine)
    types = out["type"]
    limits = (types == Out.ORDER) & np.isin(out["b"], (Kind.LIMIT, Kind.STOP_LIMIT))
    ledgers = engine.tables["ledgers"][:-1]
    return {
        "case": case.name, "kind": case.kind, "rows": lab.rows,
        "pnl": int((ledgers["cash"] + ledgers["mark"]).sum()),
        "charges": int(ledgers["charges"].sum()),
        "orders": int((types == Out.ORDER).sum()), "fills": int((types == Out.FILL).sum()),
        "rejected": int((types == Out.REJECTED).sum()), "limits": int(limits.sum()),
    }  # fmt: skip


PAPER = tuple(Paper.__dataclass_fields__)


def thinned(lab: Lab, part: float) -> Lab:
    """Return the recording without a part of its rows, the same ones each time."""
    chance = np.random.default_rng(lab.plan.options.seed).random(lab.rows)
    kept = chance >= part
    kept[0] = True
    columns = Columns._make(column[kept] if len(column) else column for column in lab.columns)
    controls = placed(lab.controls.copy(), columns, bars=lab.plan.bars)
    return replace(lab, columns=columns, controls=controls)


def case_as_json(result: Mapping[str, Any], idle: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case as JSON holds it, with what is left of the P&L, or why it can't change."""
    pnl, before = result["pnl"], base["pnl"]
    same = all(result[name] == base[name] for name in ("pnl", "orders", "fills"))
    applies = not (idle and same)
    left = share(pnl, before) if applies else None
    return {
        **result, "pnl": text(pnl), "charges": text(result["charges"]),
        "change": text(pnl - before), "applicable": applies, "why": "" if applies else idle,
        "survives": left, "verdict": verdict(pnl, before) if applies else "not applicable",
    }  # fmt: skip
