"""What the site's pages take from the code when it is built: nothing of it is copied by hand."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import alphapanda
from alphapanda import rules
from alphapanda.cli.lazy import LazyCommand, all_commands
from alphapanda.config import show
from alphapanda.config.settings import PREFIX, Settings
from alphapanda.model.dated import TABLES
from alphapanda.runs.discovery import in_file

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = "alphapanda.core.context"
WORDS = {
    "Orders": ("order", "buy", "sell", "buy_limit", "sell_limit", "buy_stop", "sell_stop",
               "bracket", "target", "close", "cancel", "cancel_all", "modify"),
    "Looking": ("at", "working", "is_open", "filled", "average_price", "pnl", "tick_down",
                "tick_up", "rupees", "date_of", "weekday_of"),
    "Sizes": ("size_by_equity", "size_by_risk", "size_by_margin"),
    "Option chains": ("nearest_expiry", "forward_of", "at_the_money", "strike_beside", "option_at",
                      "future_at", "option_by_delta", "middle_price", "years_left",
                      "volatility_of", "delta_of", "black_price", "black_delta", "black_gamma",
                      "black_theta", "black_vega", "implied_volatility"),
    "Futures": ("expiry_after", "nearest_future", "roll"),
    "Declarations": ("param", "state", "every", "daily", "legs", "universe"),
}  # fmt: skip
"""What strategies import, by what it is for; a test says that none is left out."""


def cell(text: Any) -> str:
    """Return a text that may stand in a table; what is no code may not look like HTML."""
    parts = " ".join(str(text).split()).replace("|", "\\|").split("`")
    return "`".join(p if at % 2 else p.replace("<", "&lt;") for at, p in enumerate(parts))


def table(*head: str, rows: Iterator[tuple[Any, ...]]) -> str:
    """Return a table, or nothing where it has no rows."""
    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *lines, ""])


def members(module: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the fields or members of a class, each with the text below it."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    body = next(
        node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name
    )
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            found = node.targets[0] if isinstance(node, ast.Assign) else node.target
            text = after.value if isinstance(after, ast.Expr) else None
            yield ast.unparse(found), text.value if isinstance(text, ast.Constant) else ""


def commands() -> str:
    """Return every command with its options."""
    return "\n".join(
        part for words, one in sorted(flat(all_commands())) for part in command(words, one)
    )


def flat(found: dict[str, Any], above: str = "") -> Iterator[tuple[str, LazyCommand]]:
    """Yield the commands of groups too, by all their words."""
    for name, one in found.items():
        if isinstance(one, LazyCommand):
            yield above + name, one
            continue
        if hasattr(one, "default"):
            yield name, one.default
        yield from flat(one.commands, f"{name} ")


def command(words: str, lazy: LazyCommand) -> Iterator[str]:
    """Yield the section of a command: what it does, then its options under their headings."""
    real = lazy.load()
    arguments = [p for p in real.params if p.param_type_name == "argument"]
    options = [p for p in real.params if p.param_type_name == "option" and not p.hidden]
    yield f"## {words}\n\n{inspect.cleandoc(real.help or '')}\n"
    shown = " ".join([f"alphapanda {words}", *(p.metavar or p.name.upper() for p in arguments)])
    yield f"```console\n{shown}\n```\n"
    if arguments:
        yield table("argument", "is", rows=((f"`{p.metavar}`", p.help or "") for p in arguments))
    for panel in dict.fromkeys(p.rich_help_panel or "" for p in options):
        rows = (option(p) for p in options if (p.rich_help_panel or "") == panel)
        yield table(panel or "Options", "means", rows=rows)


def option(one: Any) -> tuple[str, str]:
    """Return how an option is written, and what it means."""
    metavar = "" if one.is_flag else f" {one.metavar or 'VALUE'}"
    names = ", ".join((*one.opts, *one.secondary_opts))
    return f"`{names}{metavar}`", one.help or ""


def settings() -> str:
    """Return every setting with its variable, default and meaning, by section."""
    parts: list[str] = []
    by_section: dict[str, list[tuple[str, ...]]] = {}
    for name, value, meaning in show.lines(Settings.model_construct()):
        variable = PREFIX + name.replace(".", "__").upper()
        default = "" if name == "cache_dir" or value == "null" else value
        row = (f"`{variable}`", f"`{default}`" if default else "", meaning)
        by_section.setdefault(name.rpartition(".")[0], []).append(row)
    for section, rows in by_section.items():
        parts += [f"## {section or 'General'}\n", table("variable", "default", "means",
                                                        rows=iter(rows))]  # fmt: skip
    return "\n".join(parts)


def context() -> str:
    """Return the fields of `ctx`, with what the class says of each."""
    fields = ((name, text or MEANINGS[name]) for name, text in members(CONTEXT, "Context"))
    return table(
        "field", "is", rows=((f"`ctx.{name}`", text[0].upper() + text[1:]) for name, text in fields)
    )


MEANINGS = {
    "now": "The time, ns since 1970 in UTC: that of the row, bar, timer or fill.",
    "last": "Last price.",
    "bid": "Best bid, 0 without one.",
    "ask": "Best ask, 0 without one.",
    "open": "Open of the bar, in `on_bar`.",
    "high": "High of the bar, in `on_bar`.",
    "low": "Low of the bar, in `on_bar`.",
    "close": "Close of the bar, in `on_bar`.",
    "strategy": "The strategy's number in the run.",
    "core": "The core's tables. Use the words below: these may change.",
}
"""Of fields whose name is all that the class says."""


def words() -> str:
    """Return the functions that strategies import, with what their docstrings say first."""
    parts = []
    for heading, names in WORDS.items():
        parts += [f"### {heading}\n", table("word", "does", rows=map(word, names))]
    return "\n".join(parts)


def word(name: str) -> tuple[str, str]:
    """Return a function's call as it is written, and its docstring."""
    function: Any = getattr(alphapanda, name)
    text = inspect.getdoc(function) or ""
    call = ", ".join(map(argument, inspect.signature(function).parameters.values()))
    return f"`{name}({call})`", text


def argument(one: inspect.Parameter) -> str:
    """Return a parameter as it is written in a call."""
    if isinstance(one.default, Enum):
        return f"{one.name}={type(one.default).__name__}.{one.default.name}"
    return str(one.replace(annotation=one.empty))


def enumeration(module: str, name: str) -> Callable[[], str]:
    """Return what makes a table of an enumeration's members."""

    def members_of() -> str:
        values: Any = getattr(importlib.import_module(module), name)
        rows = ((f"`{name}.{m}`", values[m].value, text) for m, text in members(module, name))
        return table("name", "number", "means", rows=rows)

    return members_of


def ladder() -> str:
    """Return the rules of the gate in their order."""
    rows = (
        (f"`{rule.CODE.name}`", inspect.getdoc(rule.check) or "", rule.PER)
        for rule in rules.modules()
    )
    return table("code", "refuses", "limits of", rows=rows)


def limits() -> str:
    """Return the shipped limits as their file has them."""
    return f"```toml\n{(TABLES / 'limits.toml').read_text()}```\n"


def examples() -> str:
    """Return the strategies of the folder, with what each says of itself."""
    rows = []
    for file in sorted((ROOT / "strategies").glob("*.py")):
        spec = in_file(str(file))
        params = ", ".join(f"{name}={param.default}" for name, param in spec.params.items())
        rows.append((f"`{spec.name}`", spec.doc, f"`{params}`" if params else ""))
    return table("strategy", "does", "parameters", rows=iter(rows))


def decisions() -> str:
    """Return a link to every decision."""
    files = sorted((ROOT / "docs" / "adr").glob("*.md"))
    titles = [(file, file.read_text().partition("\n")[0].removeprefix("# ")) for file in files]
    return "\n".join(f"- [{title}]({file.name})" for file, title in titles if file.stem != "index")


PARTS: dict[str, Callable[[], str]] = {
    "command line": commands,
    "settings": settings,
    "context": context,
    "words": words,
    "order kinds": enumeration("alphapanda.model.rows", "Kind"),
    "times in force": enumeration("alphapanda.model.rows", "Tif"),
    "phases": enumeration("alphapanda.model.calendar", "Phase"),
    "reasons": enumeration("alphapanda.model.rows", "Reason"),
    "codes": enumeration("alphapanda.model.limits", "RejectionCode"),
    "rules": ladder,
    "limits": limits,
    "example strategies": examples,
    "decisions": decisions,
}
"""What stands in a page for each mark, `<!-- from the code: NAME -->`."""
