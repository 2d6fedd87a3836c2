"""A run as one HTML page that needs nothing else: figures, curves, trades, costs, refusals.

Everything comes from the run's own tables, so the page can be made again from its folder alone.
Curves are thinned to what a screen can show without losing a high or a low; `curves.py` and
`trades.py` say how they are computed, assets/ holds the page's own script and style.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from alphapanda.model.money import SCALE, to_scaled
from alphapanda.model.rows import Code
from alphapanda.research import curves
from alphapanda.research.curves import Curve
from alphapanda.research.orders import first_rejections, stops
from alphapanda.research.pack import Pack
from alphapanda.research.stats import Fills, Trips, round_trips
from alphapanda.research.table import count, duration, money, number, percent
from alphapanda.research.tables import nanoseconds, scaled
from alphapanda.research.trades import Path, excursions, fills_of, mean_price, path_of
from alphapanda.rules import modules

ASSETS = FilePath(__file__).parent / "assets"

EQUITY_POINTS = 40_000
PRICE_POINTS = 120_000
PRICE_POINTS_EACH = 12_000
MARKED = 150_000
"""Fills, and the trades made of them, that a page holds; fills.parquet has all."""
STOPS = 20_000
PARTS = 1e-6
"""Unit of the fractions in a page."""


@cache
def asset(name: str) -> str:
    """Return the text of a file of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def page_of(kind: str, title: str, content: Mapping[str, Any], pack: Pack) -> str:
    """Return a page of assets with its content and its columns inside."""
    told = json.dumps({**content, "columns": pack.directory}, ensure_ascii=False, allow_nan=False)
    parts = {
        "title": escaped(title), "style": asset("page.css"),
        "script": asset("charts.js") + asset(f"{kind}.js"),
        "content": told.replace("<", "\\u003c"), "pack": pack.text(),
    }  # fmt: skip
    page = asset("page.html")
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text, 1)
    return page


def escaped(text: str) -> str:
    """Return text as HTML holds it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def run_page(result: Any, again: str) -> str:
    """Return a run's page; `again` is the command or run file that makes it once more."""
    summary, names, pack = result.summary, result.names, Pack()
    fills = fills_of(result.exact["fills"], names)
    path = path_of(result.exact["prices"], names)
    curve = Curve(
        nanoseconds(result.exact["equity"]["ts"]), scaled(result.exact["equity"]["equity"])
    )
    trips = round_trips(fills)
    cash = to_scaled(summary["cash"])
    days = add_days(pack, path, curve, fills)
    closes = curves.day_closes(curve, days, cash)
    add_equity(pack, curve, closes, days, path, fills, cash)
    shown = add_prices(pack, path, fills, len(names.instruments))
    add_trades(pack, fills, trips, path)
    add_stops(pack, result.source, names.instruments)
    content = {
        "kind": "run", **heading(summary), "figures": figures(summary), "tiles": tiles(summary),
        "cash": cash / SCALE, "shown": shown, "months": curves.monthly(days, closes),
        "costs": costs(summary), "rejected": rejected(result), "notes": summary["notes"],
        "splits": splits(summary, names, trips), "origin": origin(result), "again": again,
        "names": {"strategies": list(names.strategies), "instruments": list(names.instruments)},
        "left_out": max(0, len(fills.ts) - MARKED),
    }  # fmt: skip
    return page_of("run", f"{content['title']} – Alpha Panda", content, pack)


# Columns


def milliseconds(ns: Any) -> Any:
    """Return ns as whole ms."""
    return np.asarray(ns) // 1_000_000


def add_days(pack: Pack, path: Path, curve: Curve, fills: Fills) -> Any:
    """Add each day's first and last moment, of which the time axis is made; return the days."""
    days, first, last = curves.days_of(path.ts, path.last_ts, curve.ts, fills.ts)
    pack.add("day_first", milliseconds(first))
    pack.add("day_last", milliseconds(last))
    return days


def add_equity(
    pack: Pack, curve: Curve, closes: Any, days: Any, path: Path, fills: Fills, cash: int
) -> None:
    """Add equity, day closes, benchmark and exposure."""
    thin = curves.thinned(curve, EQUITY_POINTS)
    add_curve(pack, "equity", thin)
    pack.add("closes", closes)
    at = curves.grid(path)
    if len(at):
        add_curve(pack, "benchmark", curves.benchmark(path, at, cash))
    else:
        at = np.unique(fills.ts)
    gross, net = curves.exposure(path, fills, at)
    equity = np.append(cash, curve.value)[np.searchsorted(curve.ts, at, side="right")]
    safe = np.where(equity > 0, equity, np.nan)
    for name, each in (("gross", gross), ("net", net)):
        add_curve(pack, name, Curve(at, np.nan_to_num(each.value / safe) / PARTS))


def add_curve(pack: Pack, name: str, curve: Curve) -> None:
    """Add a curve's times and values."""
    pack.add(f"{name}_ts", milliseconds(curve.ts))
    pack.add(name, curve.value)


def add_prices(pack: Pack, path: Path, fills: Fills, instruments: int) -> list[int]:
    """Add the price path of the instruments that traded, of the others too where they are few."""
    traded = set(np.unique(fills.row).tolist())
    shown = [row for row, _ in curves.by_instrument(path) if instruments <= 60 or row in traded]
    room = min(PRICE_POINTS_EACH, max(200, PRICE_POINTS // max(len(shown), 1)))
    places = dict(curves.by_instrument(path))
    for row in shown:
        where = places[row]
        starts = np.arange(where.start, where.stop, -(-(where.stop - where.start) // room))
        ends = np.append(starts[1:], where.stop) - 1
        last = path.last[ends]
        high = np.maximum.reduceat(path.high[: where.stop], starts)
        low = np.minimum.reduceat(path.low[: where.stop], starts)
        pack.add(f"price_ts_{row}", milliseconds(path.last_ts[ends]))
        pack.add(f"price_{row}", last)
        pack.add(f"price_up_{row}", high - last)
        pack.add(f"price_down_{row}", last - low)
    return shown


def add_trades(pack: Pack, fills: Fills, trips: Trips, path: Path) -> None:
    """Add fills, and trips by the numbers of their fills."""
    known = slice(0, MARKED)
    pack.add("fill_ts", milliseconds(fills.ts[known]))
    for name in ("strategy", "row", "qty", "price"):
        pack.add(f"fill_{name}", getattr(fills, name)[known])
    adverse, favourable = excursions(trips, fills, path)
    chosen = trips.last < MARKED
    columns = {
        "first": trips.first, "last": trips.last, "side": trips.side, "qty": trips.qty,
        "entry": mean_price(trips.entry_value, trips.opened),
        "exit": mean_price(trips.exit_value, trips.opened),
        "pnl": trips.pnl, "charges": trips.charges,
        "adverse": np.nan_to_num(adverse) / PARTS, "favourable": np.nan_to_num(favourable) / PARTS,
    }  # fmt: skip
    for name, column in columns.items():
        pack.add(f"trip_{name}", column[chosen].astype(float))


def add_stops(pack: Pack, events: Any, instruments: Sequence[str]) -> None:
    """Add where stop orders stood."""
    place = {name: row for row, name in enumerate(instruments)}
    stood = [stop for stop in stops(events, STOPS) if stop.instrument in place]
    pack.add("stop_row", [place[stop.instrument] for stop in stood])
    pack.add("stop_price", [stop.trigger for stop in stood])
    pack.add("stop_from", milliseconds([stop.start for stop in stood]))
    pack.add("stop_to", milliseconds([stop.end for stop in stood]))


# Words and figures


def rupees(text: str | None) -> str:
    """Return a decimal string of rupees as India writes it."""
    return money(None if text is None else to_scaled(text))


def heading(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the run was of."""
    instruments = list(summary["instruments"])
    some = ", ".join(instruments[:3]) + (
        f" and {len(instruments) - 3} more" if len(instruments) > 3 else ""
    )
    return {
        "title": ", ".join(summary["strategies"]),
        "partial": "" if summary["status"] == "complete" else f"{summary['status']}: partial",
        "subtitle": f"{summary['from']} to {summary['to']} · {count(summary['days'])} days · "
                    f"{count(summary['ticks'])} {summary['kind']}s · {some}",
        "params": [
            f"{name}: {', '.join(f'{k} = {v}' for k, v in facts['params'].items()) or 'as it is'}"
            for name, facts in summary["strategies"].items()
        ],
    }  # fmt: skip


def tiles(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return the first figures a reader looks for: label, value, how it went."""
    stats, pnl = summary["stats"], to_scaled(summary["pnl"])
    tone = "up" if pnl > 0 else "down" if pnl < 0 else ""
    return [
        ["P&L after charges", money(pnl), tone],
        ["Return", percent(stats["return"]), tone],
        ["Max drawdown", percent(stats["max_drawdown"]), ""],
        ["Sharpe", number(stats["sharpe"]), ""],
        ["Round trips", count(stats["trips"]), ""],
        ["Hit rate", percent(stats["hit_rate"], digits=1), ""],
        ["Charges", rupees(summary["charges"]), ""],
        ["Time in market", percent(stats["exposure"], digits=1), ""],
    ]


def figures(summary: Mapping[str, Any]) -> list[Any]:
    """Return all figures in groups: heading, rows of label and value."""
    s, stats = summary, summary["stats"]
    return [
        ["Result", [["Cash at the start", rupees(s["cash"])],
                    ["Equity at the end", rupees(s["equity"])],
                    ["P&L after charges", rupees(s["pnl"])], ["Return", percent(stats["return"])],
                    ["CAGR", percent(stats["cagr"])]]],
        ["Risk", [["Max drawdown", percent(stats["max_drawdown"])],
                  ["Max drawdown, money", rupees(stats["max_drawdown_money"])],
                  ["Volatility, a year", percent(stats["volatility"])],
                  ["Sharpe", number(stats["sharpe"])], ["Sortino", number(stats["sortino"])],
                  ["Calmar", number(stats["calmar"])]]],
        ["Trades", [["Orders", count(s["orders"])], ["Fills", count(s["fills"])],
                    ["Round trips", count(stats["trips"])],
                    ["Hit rate", percent(stats["hit_rate"])],
                    ["Profit factor", number(stats["profit_factor"])],
                    ["Average win", rupees(stats["average_win"])],
                    ["Average loss", rupees(stats["average_loss"])]]],
        ["Activity", [["Traded value", rupees(stats["traded_value"])],
                      ["Turnover", number(stats["turnover"])],
                      ["Charges", rupees(s["charges"])],
                      ["Time in market", percent(stats["exposure"])],
                      ["Refused", count(s["rejected"])],
                      *([k, f"{v:+,}"] for k, v in list(s["open_positions"].items())[:5])]],
    ]  # fmt: skip


def costs(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return charges by kind, and what they are of."""
    traded, total = to_scaled(summary["stats"]["traded_value"]), to_scaled(summary["charges"])
    before = to_scaled(summary["pnl"]) + total
    return {
        "kinds": [
            [kind.replace("_", " "), to_scaled(value) / SCALE, rupees(value)]
            for kind, value in summary["charges_by"].items()
        ],
        "total": money(total),
        "of_traded": percent(total / traded, digits=4) if traded else "",
        "before": money(before),
    }  # fmt: skip


@cache
def rule_words() -> dict[str, str]:
    """Return what each rule is about: the first sentence of its file, without its number."""
    words = {rule.CODE.name: (rule.__doc__ or "").split("\n")[0] for rule in modules()}
    words |= {
        Code.UNKNOWN_ORDER.name: "A cancel or a change names an order that is not open.",
        Code.ORDER_CAPACITY.name: "The order table is full.",
    }
    return {name: text.partition(": ")[2] or text for name, text in words.items()}


def rejected(result: Any) -> list[Any]:
    """Return refusals by rule: rule, number, share of signals, what it is about, the first."""
    if not result.summary["rejected_by"]:
        return []
    first = {row["rule"]: row for row in first_rejections(result.source).to_pylist()}
    return [
        [rule, count(n), percent(n / max(result.summary["signals"], 1), digits=1),
         rule_words().get(rule, ""), first_words(first.get(rule))]
        for rule, n in sorted(result.summary["rejected_by"].items(), key=lambda pair: -pair[1])
    ]  # fmt: skip


def first_words(row: Mapping[str, Any] | None) -> str:
    """Return when and what was refused first."""
    if row is None:
        return ""
    what = f"{row['qty']:+,} {row['instrument'] or ''}".strip()
    return f"{row['ts']:%Y-%m-%d %H:%M:%S} {what}"


def splits(summary: Mapping[str, Any], names: Any, trips: Trips) -> dict[str, Any]:
    """Return P&L, trips and charges by strategy and by instrument."""
    by_strategy = {name: facts["pnl"] for name, facts in summary["strategies"].items()}
    return {
        "strategies": list(split(by_strategy, names.strategies, trips.strategy, trips)),
        "instruments": list(split(summary["instruments"], names.instruments, trips.row, trips)),
    }


def split(
    pnl: Mapping[str, str], names: Sequence[str], of: Any, trips: Trips
) -> Iterator[list[Any]]:
    """Yield rows: name, P&L, trips, hit rate, average of a trip, best, worst, as numbers."""
    order = np.argsort(of, kind="stable")
    ends = np.searchsorted(of[order], np.arange(len(names) + 1))
    for place, name in enumerate(names):
        each = trips.pnl[order[ends[place] : ends[place + 1]]].astype(float) / SCALE
        some = [each > 0, each, each.max(initial=-np.inf), each.min(initial=np.inf)]
        rest = [float(np.mean(one)) for one in some] if len(each) else [None] * 4
        yield [name, to_scaled(pnl[name]) / SCALE, len(each), *rest]


def origin(result: Any) -> list[list[str]]:
    """Return where the run comes from: label and value."""
    m, s = result.manifest, result.summary
    data = [
        f"{FilePath(file['path']).name}  {count(file['rows'])} rows, sha256 {file['sha256'][:16]}"
        for file in m["data"]
    ]
    more = [f"and {len(data) - 8} more files: see manifest.json"] if len(data) > 8 else []
    return [
        ["Digest of every event", s["digest"]],
        ["Made", m["made"].replace("T", " ")],
        ["Data", "\n".join([*data[:8], *more])],
        ["Strategies", "\n".join(
            f"{each['name']}  {FilePath(each['file']).name}, sha256 {each['sha256'][:16]}"
            for each in m["strategies"])],
        ["Rules", f"costs {s['costs']}, limits {s['limits']}, calendar {s['calendar']}"],
        ["Platform code", m["code"][:16]],
        ["Versions", ", ".join([f"Python {m['python']}", *(
            f"{name} {version}" for name, version in m["packages"].items())])],
        ["Core", f"{duration(s['engine_s'])}, {count(s['ticks_per_s'])} rows/s"],
    ]  # fmt: skip
