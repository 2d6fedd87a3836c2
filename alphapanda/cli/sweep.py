"""`alphapanda sweep`: progress on stderr, the best combinations and what to think of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json, Strategy, option, run_options
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.progress import progress_bar
from alphapanda.model.money import to_scaled
from alphapanda.research.rundir import numbered
from alphapanda.research.sweep_result import SweepResult, column_of
from alphapanda.research.sweep_store import is_free
from alphapanda.research.table import DASH, count, duration, money, number, percent
from alphapanda.runs import run_files
from alphapanda.runs.folders import default_out
from alphapanda.runs.options import RUN
from alphapanda.sweeps import address, plan
from alphapanda.sweeps import sweep as sweeps

SWEEP = "Sweep"
COLUMNS = {
    "sharpe": "Sharpe", "sortino": "Sortino", "return": "Return", "pnl": "P&L",
    "max_drawdown": "Drawdown", "trips": "Trips", "hit_rate": "Hit rate", "charges": "Charges",
}  # fmt: skip
PASSED_OVER = {
    "skipped": "refused by the strategy's check",
    "left_out": "left out by --where",
    "repeats": "proposed again and not run again",
    "beside": "of them beside a proposal of no use",
}


@run_options
def sweep(
    strategy: Strategy,
    given: dict[str, Any],
    grid: Annotated[
        list[str] | None,
        option(metavar="NAME=VALUES", panel=SWEEP, text="5:25 or 30:130:5, as Python's range, or "
               "5,10,20; again for each parameter."),
    ] = None,
    where: Annotated[
        list[str] | None,
        option(metavar="CONDITION", panel=SWEEP, text="Only combinations of which it is true, such "
               "as 'fast < slow'; again for each condition."),
    ] = None,
    random: Annotated[
        int | None, option(metavar="N", panel=SWEEP, text="Only N combinations, drawn by --seed.")
    ] = None,
    search: Annotated[
        str | None, option(metavar="NAME", panel=SWEEP, text="optuna: it tries --trials "
                           "combinations, chosen by what others gave and by --seed.")
    ] = None,
    trials: Annotated[
        int | None, option(metavar="N", panel=SWEEP, text="Combinations that --search may try.")
    ] = None,
    each_instrument: Annotated[
        bool, option(panel=SWEEP, text="A sweep of each instrument by itself, judged together.")
    ] = False,
    workers: Annotated[
        int | None, option(metavar="N", panel=SWEEP, text="Threads, or workers of a cluster. "
                           "(default: one a core)")
    ] = None,
    cluster: Annotated[
        str, option(metavar="PLACE", panel=SWEEP, text="local; ray, begun here; or "
                    "ray://HOST:PORT, one that runs. (default: local)")
    ] = address.LOCAL,
    walk_forward: Annotated[
        str | None,
        option(metavar="DAYS", panel=SWEEP, text="60d/20d: train on 60 trading days, test the best "
               "on the next 20, move on by 20."),
    ] = None,
    metric: Annotated[
        str, option(metavar="NAME", panel=SWEEP, text="What the best is chosen by: sharpe, "
                    "sortino, return, pnl, hit_rate, max_drawdown ... (default: sharpe)")
    ] = "sharpe",
    json: Json = False,
    out: Annotated[
        Path | None,
        option(metavar="FOLDER", panel=RUN, text="For the results; a sweep that was killed goes on "
               "where it was. (default: runs/TIME-sweep-STRATEGY)"),
    ] = None,
) -> None:  # fmt: skip
    """Run every combination of a grid of parameters, and judge the best."""
    asked = plan.Search(
        grid=grid or [], random=random, workers=workers, walk_forward=walk_forward, metric=metric,
        where=where or None, search=search, trials=trials, cluster=cluster,
        each_instrument=each_instrument,
    )  # fmt: skip
    made, settings = run_files.of_command(strategy, given), config.load()
    folder = out or made.out or free(default_out(made, settings.runs_dir, what="sweep-"))
    try:
        with progress_bar(quiet=json, what="sweep", unit="combinations") as bar:
            progress = None if bar is None else lambda done, total: bar(done, total, 0)
            result = sweeps.run(made, asked, settings, progress=progress, out=folder)
    except KeyboardInterrupt:
        sys.stderr.write(f"alphapanda: to go on, run it again with --out {folder}\n")
        raise
    if json:
        print_json({**result.summary, "run": str(result.path)})
    else:
        print_table(result_tables(result))


def free(folder: Path) -> Path:
    """Return the first name of a folder, or of those numbered behind it, that nothing has."""
    return next(filter(is_free, numbered(folder)))


def result_tables(result: SweepResult) -> RenderableType:
    """Return the best ten, the windows of a walk-forward, and what to know."""
    s = result.summary
    parts: list[RenderableType] = []
    if s.get("instruments_table"):
        parts.append(instruments_table(result))
    elif s.get("windows_table"):
        parts += [windows_table(result), out_of_sample(s["out_of_sample"])]
    else:
        parts.append(best_table(result))
    skipped = "".join(
        f", {count(s[name])} {text}" for name, text in PASSED_OVER.items() if s.get(name)
    )
    resumed = f", {count(s['resumed'])} of them done before" if s["resumed"] else ""
    hands = s["threads"], "workers" if s.get("cluster") else "threads"
    rate = f"{number(s['combos_per_s'], digits=1)} a second on {hands[0]} {hands[1]}"
    took = f"{rate}, {duration(s['run_s'])}"
    parts.append(Text(f"{count(s['combos'])} combinations{skipped}{resumed}; {took}"))
    if s["warning"]:
        parts.append(Text(f"warning: {s['warning']}", style="bold yellow"))
    elif s["chance"]:
        parts.append(Text(f"deflated Sharpe ratio {s['deflated_sharpe']:.2f}: more than chance"))
    parts += [Text(f"note: {note}", style="yellow") for note in s["notes"]]
    if result.path is not None:
        parts.append(Text(f"sweep: {result.path} (heatmap.html, results.parquet)"))
    return Group(*parts)


def best_table(result: SweepResult) -> Table:
    """Return the best ten combinations."""
    s = result.summary
    metric = s["metric"]
    title = f"{s['strategy']}  {s['from']} to {s['to']}  best by {metric}"
    table = Table(box=box.ROUNDED, title=title, title_style="bold", border_style="dim")
    for name in result.axes:
        table.add_column(name, justify="right", style="bold")
    shown = list(dict.fromkeys((metric, "pnl", "return", "sharpe", "max_drawdown", "trips")))
    for name in shown:
        table.add_column(COLUMNS[name], justify="right", no_wrap=True)
    for row in result.top(10):
        table.add_row(*(f"{row[column_of(name)]:g}" for name in result.axes),
                      *(figure(name, row[name]) for name in shown))  # fmt: skip
    return table


def instruments_table(result: SweepResult) -> Table:
    """Return each instrument: what was best, and what it gave; of a walk-forward, in the test."""
    s = result.summary
    metric, walked = s["metric"], bool(s.get("walk_forward"))
    title = f"{s['strategy']}  {s['from']} to {s['to']}  each best by {metric}"
    table = Table(box=box.ROUNDED, title=title, title_style="bold", border_style="dim")
    table.add_column("instrument", no_wrap=True)
    for name in (*result.axes, COLUMNS[metric], "P&L, test" if walked else "P&L"):
        table.add_column(name, justify="right")
    for row in s["instruments_table"]:
        best = row["best"] or {}
        params = best.get("params") or {}
        chosen = (f"{params[name]:g}" if params else DASH for name in result.axes)
        gave = (row["out_of_sample"] or {}) if walked else best
        table.add_row(row["instrument"], *chosen, figure(metric, gave.get(metric)),
                      figure("pnl", gave.get("pnl")))  # fmt: skip
    return table


def windows_table(result: SweepResult) -> Table:
    """Return each window: what was best in training, and what it gave in the test."""
    s = result.summary
    metric = s["metric"]
    title = f"{s['strategy']}  walk-forward {s['walk_forward']}  best by {metric}"
    table = Table(box=box.ROUNDED, title=title, title_style="bold", border_style="dim")
    table.add_column("tested on", no_wrap=True)
    for name in (*result.axes, f"{COLUMNS[metric]}, train", f"{COLUMNS[metric]}, test",
                 "P&L, test"):  # fmt: skip
        table.add_column(name, justify="right")
    for window in s["windows_table"]:
        params, tested = window["params"] or {}, window["out_of_sample"] or {}
        chosen = (f"{params[name]:g}" if params else DASH for name in result.axes)
        table.add_row(
            " to ".join(window["test"]), *chosen,
            figure(metric, (window["in_sample"] or {}).get(metric)),
            figure(metric, tested.get(metric)), figure("pnl", tested.get("pnl")),
        )  # fmt: skip
    return table


def out_of_sample(facts: Mapping[str, Any]) -> Text:
    """Return the test days as one result, in a line."""
    return Text(
        f"out of sample: P&L {figure('pnl', facts['pnl'])}, return {percent(facts['return'])}, "
        f"Sharpe {number(facts['sharpe'])} of {count(facts['days'])} days, drawdown "
        f"{percent(facts['max_drawdown'])} (every P&L row), "
        f"{facts['windows_with_profit']} of {facts['windows']} windows with a profit"
    )


def figure(name: str, value: Any) -> str:
    """Return a figure as the tables show it."""
    if name in ("pnl", "charges"):
        return money(None if value is None else to_scaled(str(value)))
    if name in ("return", "max_drawdown", "hit_rate"):
        return percent(value)
    return count(value) if name == "trips" else number(value)
