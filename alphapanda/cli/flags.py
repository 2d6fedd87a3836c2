"""The options of every command that runs a strategy, in one table: the same word means the same."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

DATA, RULES, PAPER, RUN = "Data", "Money and rules", "Orders on paper", "Run"

Texts = list[str] | None
Text = str | None
Flag = bool | None


def option(*names: str, metavar: str = "", panel: str = "", text: str) -> Any:
    """Return an option whose help shows what to write, under one of the headings."""
    return typer.Option(
        *names, metavar=metavar or None, rich_help_panel=panel or None, help=text,
        show_default=False,
    )  # fmt: skip


def data(kind: Any, name: str, metavar: str, text: str, *names: str) -> tuple[str, Any]:
    """Return an option about the data."""
    return name, Annotated[kind, option(*names, metavar=metavar, panel=DATA, text=text)]


def rule(name: str, metavar: str, text: str) -> tuple[str, Any]:
    """Return an option about money and rules."""
    return name, Annotated[Text, option(metavar=metavar, panel=RULES, text=text)]


def paper(name: str, metavar: str, text: str) -> tuple[str, Any]:
    """Return an option about the filling of orders on paper."""
    return name, Annotated[Text, option(metavar=metavar, panel=PAPER, text=text)]


def run(kind: Any, name: str, metavar: str, text: str, *names: str) -> tuple[str, Any]:
    """Return an option about the run itself."""
    return name, Annotated[kind, option(*names, metavar=metavar, panel=RUN, text=text)]


OPTIONS: dict[str, Any] = dict([
    data(Texts, "data", "PATH", "Parquet file, folder or pattern; may be given again. Paths are "
         "relative to the current folder, those in a run file too."),
    data(Texts, "instrument", "NAME", "Only these; for legs in their order."),
    data(Texts, "instruments", "CSV", "Kite's instrument file, for lots and ticks."),
    data(Texts, "map", "NAME=COLUMN", "Where a column has another name.", "--map"),
    data(Text, "kind", "KIND", "tick, bar or quote; else told from it."),
    data(Text, "interval", "TIME", "Of bars, 1m or 1d; else told from it."),
    data(Text, "from", "DATE", "First day in India.", "--from"),
    data(Text, "to", "DATE", "Last day, inclusive.", "--to"),
    data(Flag, "repair", "", "Drop defective rows and count them.", "--repair"),
    data(Text, "qty_scale", "N", "Units to a share, of fractional data."),
    data(Text, "price_scale", "N", "Prices are taken N times, if finer than 0.0001."),
    data(Flag, "keep_repeats", "", "Ticks that repeat another exactly stay.", "--keep-repeats"),
    data(Text, "exchange", "NAME", "Of names without one. (default: NFO for contracts, else NSE)"),
    run(Texts, "params", "NAME=VALUE", "Parameter of the strategy.", "--param"),
    rule("cash", "RUPEES", "At the start. (default: 1000000)"),
    rule("costs", "COSTS", "zerodha, none, 0.03%, or a file of rates. (default: zerodha)"),
    rule("limits", "LIMITS", "default, wide, or a TOML file. (default: default)"),
    rule("calendar", "NAME", "nse or always. (default: nse)"),
    rule("product", "PRODUCT", "CNC, MIS or NRML. (default: shares CNC, derivatives NRML)"),
    paper("latency", "TIME", "From order to exchange, 50ms. (default: 0)"),
    paper("slippage", "RATE", "Of market orders, 2bp or 0.02%. (default: 0)"),
    paper("limit_fill", "WHEN", "A resting limit fills when the price goes through it, touches it, "
          "or has taken the queue: through, touch or queue. (default: through)"),
    paper("volume_share", "SHARE", "Of traded volume an order takes. (default: 100%)"),
    paper("seed", "N", "Of random slippage. (default: 7)"),
    run(Text, "batch", "N", "Rows given to the core at once."),
    run(Flag, "no_jit", "", "Run as plain Python: slow, for print and breakpoints.", "--no-jit"),
])  # fmt: skip
"""By name, as `app/options.py` knows them."""
FED = {"data": Annotated[Texts, typer.Option(hidden=True)]}
"""Beside `--feed`, which says where rows come from: refused, with a word on what to write."""


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of the table; it finds those that were said in `given`."""

    @functools.wraps(command)
    def with_options(**arguments: Any) -> Any:
        said = {name: arguments.pop(argument(name)) for name in OPTIONS}
        given = {name: value for name, value in said.items() if value not in (None, [])}
        return command(given=given, **arguments)

    mine = inspect.signature(command, eval_str=True).parameters.values()
    offered = {**OPTIONS, **(FED if any(p.name == "feed" for p in mine) else {})}
    shared = [keyword(argument(name), annotation) for name, annotation in offered.items()]
    own = [keyword(p.name, p.annotation, p.default) for p in mine if p.name != "given"]
    signature = inspect.Signature(sorted([*shared, *own], key=lambda p: p.default is not p.empty))
    with_options.__signature__ = signature  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return with_options


def keyword(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    """Return a parameter that is given by name."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def argument(name: str) -> str:
    """Return an option's name as a Python argument: `from` is a word of the language."""
    return f"{name}_" if name == "from" else name
