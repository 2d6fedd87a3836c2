"""The options of a run as flags of the command line; those that commands share, once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from alphapanda.cli.words import STRATEGY, Json, RunFolder, Strategy, option
from alphapanda.runs.options import ROWS, RUN, Row, python_name

__all__ = ["STRATEGY", "Json", "RunFolder", "Strategy", "option", "run_options"]


def annotation(row: Row) -> Any:
    """Return an option of the table as typer declares one."""
    kind: Any = bool if row.kind is bool else list[str] if row.several else str
    default = ""
    if row.kind is not bool and row.default is not None and not row.several:
        default = f" (default: {row.text(row.default)})"
    flag = f"--{row.name.replace('_', '-')}"
    return Annotated[
        kind | None,
        option(flag, metavar=row.opt.metavar, panel=row.opt.panel, text=row.opt.help + default),
    ]


PARAMS = Annotated[
    list[str] | None,
    option("--param", metavar="NAME=VALUE", panel=RUN, text="Parameter of the strategy."),
]
SHARED = {name: annotation(row) for name, row in ROWS.items() if row.opt.panel}
SHARED["params"] = PARAMS
"""What every command that runs a strategy has."""
FED = {"data": Annotated[list[str] | None, typer.Option(hidden=True)]}
"""Beside `--feed`, which says where rows come from: refused, with a word on what to write."""


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of the table; it finds those that were said in `given`."""

    @functools.wraps(command)
    def with_options(**arguments: Any) -> Any:
        said = {name: arguments.pop(python_name(name)) for name in SHARED}
        given = {name: value for name, value in said.items() if value not in (None, [])}
        return command(given=given, **arguments)

    mine = inspect.signature(command, eval_str=True).parameters.values()
    offered = {**SHARED, **(FED if any(p.name == "feed" for p in mine) else {})}
    shared = [keyword(python_name(name), annotation) for name, annotation in offered.items()]
    own = [keyword(p.name, p.annotation, p.default) for p in mine if p.name != "given"]
    signature = inspect.Signature(sorted([*shared, *own], key=lambda p: p.default is not p.empty))
    with_options.__signature__ = signature  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return with_options


def keyword(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    """Return a parameter that is given by name."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
