"""Several runs side by side: their figures in rows, their curves in one page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alphapanda.model.instruments import Product
from alphapanda.model.money import SCALE, to_scaled
from alphapanda.model.rows import LimitFill
from alphapanda.research import curves
from alphapanda.research.pack import Pack
from alphapanda.research.price_section import milliseconds
from alphapanda.research.report import add_curve, figures, page_of
from alphapanda.research.table import DASH, count, duration, money
from alphapanda.research.tables import nanoseconds, scaled

POINTS = 20_000


def comparison(results: Sequence[Any]) -> list[tuple[str, list[str]]]:
    """Return rows of a label and one cell a run; positions that are open are left out."""
    first = [
        ("Strategy", [", ".join(r.summary["strategies"]) for r in results]),
        ("From", [r.summary["from"] for r in results]),
        ("To", [r.summary["to"] for r in results]),
        ("Rows", [count(r.summary["ticks"]) for r in results]),
        ("Status", [r.summary["status"] for r in results]),
    ]
    told = [
        dict(row for _, rows in figures({**r.summary, "open_positions": {}}) for row in rows)
        for r in results
    ]
    known = [label for label in told[0] if all(label in each for each in told)]
    return [
        *first,
        *((label, [each[label] for each in told]) for label in known),
        ("Digest", [r.digest[:16] for r in results]),
    ]


def differing(results: Sequence[Any]) -> list[tuple[str, list[str]]]:
    """Return the options and parameters in which the runs differ."""
    told = [_settings(result) for result in results]
    names = list(dict.fromkeys(name for each in told for name in each))
    rows = [(name, [each.get(name, "–") for each in told]) for name in names]
    return [(name, cells) for name, cells in rows if len(set(cells)) > 1]


DATA = "data (sha256)"


def _settings(result: Any) -> dict[str, str]:
    made = {
        f"{each['name']} {name}": str(value)
        for each in result.manifest["strategies"]
        for name, value in each["params"].items()
    }
    data = ", ".join(each["sha256"][:8] for each in result.manifest["data"])
    options = {
        name: spelt(name, value)
        for name, value in result.manifest["options"].items()
        if name not in ("data", "out", "batch", "jit", "tier", "journal")
    }
    return {**made, DATA: data, **options, "code": result.manifest["code"][:16]}


def within(times: Sequence[Any]) -> list[int] | None:
    """Return a run's first and last time, in ms since 1970; None of a run without any."""
    found = [each for each in times if len(each)]
    if not found:
        return None
    return [int(min(each.min() for each in found) // 10**6),
            int(max(each.max() for each in found) // 10**6)]  # fmt: skip


SPELT: dict[str, Callable[[Any], str]] = {
    "product": lambda value: Product(int(value)).name,
    "limit_fill": lambda value: LimitFill(int(value)).name.lower(),
    "latency": lambda value: duration(value / 1e9) if value else "0",
    "slippage": lambda value: f"{value / 1e5:g}%",
    "volume_share": lambda value: f"{value / 1e5:g}%",
    "cash": money,
    "repair": lambda value: "yes" if value else "no",
}
"""How a user writes the options that a manifest holds as numbers."""


def spelt(name: str, value: Any) -> str:
    """Return an option as a user writes it."""
    if value in (None, [], {}):
        return DASH
    if name in SPELT:
        return SPELT[name](value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def compare_page(results: Sequence[Any], names: Sequence[str]) -> str:
    """Return one page with the curves and the figures of several runs."""
    pack = Pack()
    shown = [
        curves.Curve(nanoseconds(r.exact["equity"]["ts"]), scaled(r.exact["equity"]["equity"]))
        for r in results
    ]
    times = [
        [*(nanoseconds(r.exact["prices"][name]) for name in ("ts", "last_ts")), curve.ts]
        for r, curve in zip(results, shown, strict=True)
    ]
    _, first, last = curves.days_of(*(each for one in times for each in one))
    pack.add("day_first", milliseconds(first))
    pack.add("day_last", milliseconds(last))
    for place, (result, curve) in enumerate(zip(results, shown, strict=True)):
        # As a growth of one rupee: runs may have started with different cash.
        cash = to_scaled(result.summary["cash"])
        thin = curves.thinned(curve, POINTS)
        add_curve(pack, f"equity_{place}", curves.Curve(thin.ts, np.round(thin.value / cash * 1e7)))
    content = {
        "kind": "compare", "names": list(names), "rows": comparison(results),
        "differing": differing(results), "within": [within(one) for one in times],
        "pnl": [to_scaled(r.summary["pnl"]) / SCALE for r in results],
    }  # fmt: skip
    return page_of("compare", f"{len(results)} runs – Alpha Panda", content, pack)
