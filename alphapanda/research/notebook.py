"""A result as notebooks show it: a card in its place, and a figure of plotly where there is one."""

from __future__ import annotations

import importlib
from html import escape
from typing import Any

import numpy as np

from alphapanda.errors import UsageError
from alphapanda.model.calendar import IST
from alphapanda.model.money import SCALE, to_scaled
from alphapanda.research import curves, lines
from alphapanda.research.report import figures, heading
from alphapanda.research.tables import nanoseconds, scaled
from alphapanda.research.trades import path_of

POINTS = 4_000
WIDTH, HEIGHT = 720, 120


def equity_of(result: Any, most: int) -> curves.Curve:
    """Return a result's equity, thinned."""
    table = result.exact["equity"]
    return curves.thinned(curves.Curve(nanoseconds(table["ts"]), scaled(table["equity"])), most)


def card(result: Any) -> str:
    """Return a result as a piece of HTML that takes the notebook's own colours."""
    told = heading(result.summary)
    groups = "".join(
        f"<table style='display:inline-table;vertical-align:top;margin:0 16px 8px 0'>"
        f"<tr><th colspan=2 style='text-align:left'>{escape(name)}</th></tr>"
        + "".join(
            f"<tr><td style='text-align:left'>{escape(label)}</td>"
            f"<td style='text-align:right'>{escape(value)}</td></tr>"
            for label, value in rows
        )
        + "</table>"
        for name, rows in figures(result.summary)
    )
    bad, quiet = lines.loud_and_quiet(result.summary)
    warnings = "".join(
        f"<div role='alert' style='border-left:4px solid #c0392b;padding:2px 8px;margin:4px 0'>"
        f"<b>warning</b> {escape(note)}</div>"
        for note in bad
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in quiet)
    sums = f"<div><small>{escape(lines.pnl_line(result.summary))}</small></div>"
    where = f"<div>report: {escape(str(result.path / 'report.html'))}</div>" if result.path else ""
    partial = " (PARTIAL RESULT)" if told["partial"] else ""
    return (
        f"<div><b>{escape(told['title'])}</b>{partial} <small>{escape(told['subtitle'])}</small>"
        f"{warnings}<div>{line(result)}</div>{groups}{sums}"
        f"<details><summary>{len(quiet)} notes</summary><ul>{notes}</ul></details>{where}</div>"
    )


def line(result: Any) -> str:
    """Return the equity as a small drawing."""
    curve = equity_of(result, WIDTH)
    values = np.append(to_scaled(result.summary["cash"]), curve.value) / SCALE
    if len(values) < 2:
        return "<small>no position was ever held</small>"
    low, high = float(values.min()), float(values.max())
    x = np.linspace(2, WIDTH - 2, len(values))
    y = HEIGHT - 4 - (values - low) / ((high - low) or 1) * (HEIGHT - 8)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='equity' "
        f"style='width:100%;max-width:{WIDTH}px;height:{HEIGHT}px' preserveAspectRatio='none'>"
        f"<polyline points='{points}' fill='none' stroke='#3b7ddd' stroke-width='1.5' "
        f"vector-effect='non-scaling-stroke'/></svg>"
    )


def figure(result: Any) -> Any:
    """Return equity with the benchmark above drawdown, as a figure of plotly.

    Raises:
        UsageError: plotly is not installed.
    """
    try:
        graphs = importlib.import_module("plotly.graph_objects")
        subplots = importlib.import_module("plotly.subplots")
    except ImportError:
        raise UsageError('plotly is not installed: pip install "alphapanda[research]"') from None
    curve = equity_of(result, POINTS)
    cash = to_scaled(result.summary["cash"])
    path = curves.Curve(curve.ts, np.asarray(curve.value, float) / SCALE)
    peak = np.maximum.accumulate(np.append(cash / SCALE, path.value))[1:]
    made = subplots.make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.04
    )
    add = graphs.Scattergl
    made.add_trace(add(x=clock(path.ts), y=path.value, name="equity"), row=1, col=1)
    prices = benchmark_of(result, cash)
    made.add_trace(
        add(x=clock(prices.ts), y=prices.value / SCALE, name="buy and hold", opacity=0.6,
            visible="legendonly"),
        row=1, col=1,
    )  # fmt: skip
    fall = add(
        x=clock(path.ts), y=100 * (path.value / peak - 1), name="drawdown, %", fill="tozeroy"
    )
    made.add_trace(fall, row=2, col=1)
    title = heading(result.summary)
    made.update_layout(title=f"{title['title']}  {title['subtitle']}", hovermode="x unified")
    return made


def benchmark_of(result: Any, cash: int) -> curves.Curve:
    """Return buy and hold of the run's instruments."""
    path = path_of(result.exact["prices"], result.names)
    return curves.thinned(curves.benchmark(path, curves.grid(path), cash), POINTS)


def clock(ns: Any) -> Any:
    """Return ns UTC as times of India without a zone, as charts draw them."""
    return (np.asarray(ns) + IST).astype("datetime64[ns]")
