"""A run as one HTML page that needs nothing else: figures, curves, trades, costs, refusals.

Everything comes from the run's own tables, so the page can be made again from its folder alone.
Curves are thinned to what a screen can show without losing a high or a low; `curves.py` and
`trades.py` say how they are computed, assets/ holds the page's own script and style.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from alphapanda.model.calendar import DAY, IST, MINUTE
from alphapanda.model.limits import RejectionCode
from alphapanda.model.money import SCALE, to_scaled
from alphapanda.research import curves, lines
from alphapanda.research.curves import Curve
from alphapanda.research.definitions import DEFINITIONS
from alphapanda.research.details import details_of, groups
from alphapanda.research.lines import rupees
from alphapanda.research.orders import first_rejections, stops
from alphapanda.research.pack import Pack
from alphapanda.research.price_section import add_indicators, add_prices, milliseconds
from alphapanda.research.rolling import WINDOW, add_rolling, beside_benchmark
from alphapanda.research.stats import Fills, Trips, round_trips
from alphapanda.research.table import count, duration, money, number, percent
from alphapanda.research.tables import integers, nanoseconds, scaled
from alphapanda.research.trades import (
    Path,
    excursions,
    extras_of,
    fills_of,
    mean_price,
    path_of,
    tags_in,
)
from alphapanda.rules import modules

Section = Callable[[Pack], dict[str, Any]]

ASSETS = FilePath(__file__).parent / "assets"

EQUITY_POINTS = 40_000
MARKED = 150_000
"""Fills, and the trades made of them, that a page holds; fills.parquet has all."""
STOPS = 20_000
SCRIPTS = {
    "run": ("charts.js", "indicators.js", "run.js"), "compare": ("charts.js", "compare.js"),
}  # fmt: skip
"""What each kind of page runs, one behind the other."""
OPENS, CLOSES = 555 * MINUTE, 930 * MINUTE
"""The hours that stand for a day without rows."""
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
        "script": "".join(map(asset, SCRIPTS[kind])),
        "content": told.replace("<", "\\u003c"), "pack": pack.text(),
    }  # fmt: skip
    page = asset("page.html")
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text, 1)
    return page


def escaped(text: str) -> str:
    """Return text as HTML holds it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def run_page(result: Any, again: str, *, section: Section | None = None) -> str:
    """Return a run's page; `again` is the command or run file that makes it once more.

    `section` adds its columns, and returns what the page says of a live run's fills.
    """
    summary, names, pack = result.summary, result.names, Pack()
    fills = fills_of(result.exact["fills"], names)
    path = path_of(result.exact["prices"], names)
    curve = Curve(
        nanoseconds(result.exact["equity"]["ts"]), scaled(result.exact["equity"]["equity"])
    )
    trips = round_trips(fills, extras_of(result.exact["charges"], names))
    cash = to_scaled(summary["cash"])
    days = integers(result.exact["days"]["day"].cast("int32"))
    closes = np.append(cash, scaled(result.exact["days"]["equity"]))
    add_days(pack, days, path, curve, fills)
    add_equity(pack, curve, closes, days, path, fills, cash)
    shown = add_prices(pack, path, fills, result.exact["prices"])
    drawn = add_indicators(pack, result.exact.get("indicators"), shown, names)
    tags = add_trades(pack, fills, trips, path, tags_in(result.exact["fills"]))
    add_stops(pack, result.source, names.instruments)
    bad, quiet = lines.loud_and_quiet(summary)
    more = groups(details_of(days, closes, trips))
    add_rolling(pack, days, closes, unit=PARTS)
    content = {
        "kind": "run", **heading(summary), "tiles": tiles(summary),
        "figures": [*figures(summary), beside_benchmark(path, days, closes), *more],
        "definitions": DEFINITIONS, "rolling": WINDOW,
        "cash": cash / SCALE, "shown": shown, "indicators": drawn, "tags": tags,
        "months": curves.monthly(days, closes),
        "costs": costs(summary), "rejected": rejected(result), "loud": bad, "notes": quiet,
        "pnl_line": lines.pnl_line(summary),
        "splits": splits(summary, names, trips), "origin": origin(result), "again": again,
        "names": {"strategies": list(names.strategies), "instruments": list(names.instruments)},
        "fills": len(fills.ts), "trips": len(trips.pnl),
        "fill_errors": None if section is None else section(pack),
    }  # fmt: skip
    return page_of("run", f"{content['title']} – Alpha Panda", content, pack)


# Columns


def add_days(pack: Pack, days: Any, path: Path, curve: Curve, fills: Fills) -> None:
    """Add the trading days, and first and last moment of each day of the time axis.

    The axis has the trading days without a row too: there its curves have holes.
    """
    numbers, first, last = curves.days_of(path.ts, path.last_ts, curve.ts, fills.ts)
    empty = np.setdiff1d(days, numbers)
    start = empty * DAY - IST
    order = np.argsort(np.concatenate((numbers, empty)))
    pack.add("days", days)
    pack.add("day_number", np.concatenate((numbers, empty))[order])
    pack.add("day_first", milliseconds(np.concatenate((first, start + OPENS))[order]))
    pack.add("day_last", milliseconds(np.concatenate((last, start + CLOSES))[order]))


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


def add_trades(
    pack: Pack, fills: Fills, trips: Trips, path: Path, words: Sequence[str | None]
) -> list[str]:  # fmt: skip
    """Add fills and trips; of more than a page can hold, some at even distances.

    `words` are the fills' tags; what comes back are those there are, by their numbers.
    """
    known = evenly(len(fills.ts))
    pack.add("fill_ts", milliseconds(fills.ts[known]))
    for name in ("strategy", "row", "qty", "price"):
        pack.add(f"fill_{name}", getattr(fills, name)[known])
    listed = sorted({word for word in words if word})
    place = {word: number for number, word in enumerate(listed)}
    tags = np.array([place.get(word or "", -1) for word in words], np.int64)
    pack.add("fill_tag", tags[known])
    pack.add("fill_inward", inward(fills)[known].astype(np.int64))
    adverse, favourable = excursions(trips, fills, path)
    chosen = evenly(len(trips.pnl))
    columns = {
        "entry_ts": milliseconds(trips.entry_ts), "exit_ts": milliseconds(trips.exit_ts),
        "strategy": trips.strategy, "row": trips.row, "side": trips.side, "qty": trips.qty,
        "entry": mean_price(trips.entry_value, trips.opened),
        "exit": mean_price(trips.exit_value, trips.opened),
        "pnl": trips.pnl, "charges": trips.charges,
        "entry_tag": tags[trips.first], "exit_tag": tags[trips.last],
        "adverse": np.nan_to_num(adverse) / PARTS, "favourable": np.nan_to_num(favourable) / PARTS,
    }  # fmt: skip
    for name, column in columns.items():
        pack.add(f"trip_{name}", column[chosen].astype(float))
    return listed


def evenly(n: int) -> Any:
    """Return the places of at most `MARKED` of n things, at even distances."""
    if n <= MARKED:
        return np.arange(n)
    return np.linspace(0, n - 1, MARKED).astype(np.int64)


def inward(fills: Fills) -> Any:
    """Say of each fill if it makes a position greater; all fills count, not only those shown."""
    pair = fills.strategy * (int(fills.row.max(initial=0)) + 1) + fills.row
    order = np.argsort(pair, kind="stable")
    qty = fills.qty[order]
    total, begins = np.cumsum(qty), np.flatnonzero(np.diff(pair[order], prepend=-1))
    sizes = np.diff(np.append(begins, len(qty)))
    after = total - np.repeat((total - qty)[begins], sizes)
    made = np.zeros(len(qty), bool)
    made[order] = np.abs(after) > np.abs(after - qty)
    return made


def add_stops(pack: Pack, events: Any, instruments: Sequence[str]) -> None:
    """Add where stop orders stood."""
    place = {name: row for row, name in enumerate(instruments)}
    stood = [stop for stop in stops(events, STOPS) if stop.instrument in place]
    pack.add("stop_row", [place[stop.instrument] for stop in stood])
    pack.add("stop_price", [stop.trigger for stop in stood])
    pack.add("stop_from", milliseconds([stop.start for stop in stood]))
    pack.add("stop_to", milliseconds([stop.end for stop in stood]))


# Words and figures


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
        ["Max drawdown, every P&L row", percent(stats["max_drawdown"]), ""],
        ["Sharpe, daily returns", number(stats["sharpe"]), ""],
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
                    ["CAGR", percent(stats["cagr"])], ["Trading days", count(stats["days"])]]],
        ["Risk", [*map(list, lines.drawdown_rows(stats)),
                  ["Max drawdown, money", rupees(stats["max_drawdown_money"])],
                  *map(list, lines.ratio_rows(stats)), *map(list, lines.time_rows(stats))]],
        ["Trades", [["Fills", count(s["fills"])],
                    ["Round trips", count(stats["trips"])],
                    ["Hit rate", percent(stats["hit_rate"])],
                    ["Profit factor", number(stats["profit_factor"])],
                    ["Average win", rupees(stats["average_win"])],
                    ["Average loss", rupees(stats["average_loss"])]]],
        ["Orders", [*map(list, lines.request_rows(s))]],
        ["Activity", [["Traded value", rupees(stats["traded_value"])],
                      ["Turnover", number(stats["turnover"])],
                      ["Charges", rupees(s["charges"])],
                      *([k, f"{v:+,}"] for k, v in list(s["open_positions"].items())[:5]),
                      *lines.more_open(s["open_positions"])]],
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
        RejectionCode.UNKNOWN_ORDER.name: "A cancel or a change names an order that is not open.",
        RejectionCode.ORDER_CAPACITY.name: "The order table is full.",
        RejectionCode.AUTH_LOST.name: "The broker's session is gone.",
        RejectionCode.READ_ONLY.name: "The run may look, but not send.",
        RejectionCode.BLOCKED_UNKNOWN.name: "Nobody knows whether an order there works.",
        RejectionCode.NOT_TODAYS_MASTER.name: "The list of instruments is not today's.",
        RejectionCode.DAILY_LIMIT_RESERVE.name: "The day's last messages are kept for exits.",
        RejectionCode.PRODUCT_CUTOFF.name: "The broker takes no new orders of the product today.",
        RejectionCode.CHANGE_UNDER_WAY.name: "A change of the order is not answered yet.",
        RejectionCode.BROKER.name: "The broker refused a change or a cancellation.",
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
        "of": {"strategies": len(names.strategies), "instruments": len(names.instruments)},
    }


def split(
    pnl: Mapping[str, str], names: Sequence[str], of: Any, trips: Trips
) -> Iterator[list[Any]]:
    """Yield what traded: name, P&L, trips, hit rate, average of a trip, best, worst."""
    order = np.argsort(of, kind="stable")
    ends = np.searchsorted(of[order], np.arange(len(names) + 1))
    for place, name in enumerate(names):
        each = trips.pnl[order[ends[place] : ends[place + 1]]].astype(float) / SCALE
        some = [each > 0, each, each.max(initial=-np.inf), each.min(initial=np.inf)]
        rest = [float(np.mean(one)) for one in some] if len(each) else [None] * 4
        if len(each) or to_scaled(pnl[name]):
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
