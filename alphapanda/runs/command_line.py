"""How a run is made again: the command, run file or call that its manifest stands for.

It names files by their whole paths, so that it runs in any folder.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from alphapanda.model.instruments import Product
from alphapanda.model.money import text
from alphapanda.model.rows import Fill
from alphapanda.runs.discovery import shipped_dir
from alphapanda.runs.options import Options

SPELT = {"first": "from", "last": "to"}
APART = ("strategies", "data", "out", "batch", "jit", "journal")
"""Options that are written otherwise, and those that change no result."""
FILES = ("data", "instruments", "costs", "limits")
"""Options that may name files."""


def again(manifest: Mapping[str, Any]) -> str:
    """Return what to run: a command, a run file, or the call of a notebook's own class."""
    values = options_of(manifest)
    if any(in_notebook(each) for each in manifest["strategies"]):
        return call(manifest, values)
    if len(manifest["strategies"]) == 1:
        only = manifest["strategies"][0]
        verb = "paper" if "feed" in values else "backtest"
        words = ["alphapanda", verb, shlex.quote(strategy_word(only))]
        words += [f"--param {shlex.quote(f'{k}={v}')}" for k, v in only["params"].items()]
        values.setdefault("instrument", []).extend(only.get("instruments", ()))
        return " \\\n  ".join([" ".join(words[:3]), *words[3:], *(flags(values))])
    values.pop("feed", None)  # no word of a run file
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if value != []]
    for each in manifest["strategies"]:
        params = ", ".join(f"{k} = {json.dumps(v)}" for k, v in each["params"].items())
        lines += ["", "[[strategies]]", f"strategy = {json.dumps(strategy_word(each))}",
                  f"params = {{ {params} }}"]  # fmt: skip
        if each.get("instruments"):
            lines.append(f"instruments = {json.dumps(each['instruments'])}")
    return "\n".join(lines)


def in_notebook(strategy: Mapping[str, Any]) -> bool:
    """Say if a strategy was written in a cell or a session, which no command can name."""
    return Path(strategy["file"]).suffix != ".py" or "ipykernel_" in strategy["file"]


def strategy_word(strategy: Mapping[str, Any]) -> str:
    """Return how a command names a strategy: an example by its name, others by file and class."""
    file = Path(strategy["file"])
    if file.parent == shipped_dir():
        return file.stem
    return f"{file}:{strategy['class']}" if "class" in strategy else str(file)


def call(manifest: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Return the call in Python, where the classes of the notebook are at hand."""
    given = dict(values)
    data = given.pop("data", given.pop("feed", []))
    parts = [
        each.get("class", each["name"]) if in_notebook(each) else repr(strategy_word(each))
        for each in manifest["strategies"]
    ]
    if len(parts) == 1:
        given["params"] = manifest["strategies"][0]["params"]
    spelt = {"from": "from_"}
    words = [f"{spelt.get(k, k)}={v!r}" for k, v in given.items() if v not in ([], {})]
    first = parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    return f"alphapanda.backtest({', '.join([first, repr(data), *words])})"


def options_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as they are written."""
    given = manifest["options"]
    folder = Path(manifest.get("folder", "."))
    data = given["data"]
    bus = any(path.startswith("bus:") for path in data)
    values: dict[str, Any] = {"feed": data} if bus else {"data": placed(data, folder)}
    for field in fields(Options):
        name, value = field.name, given.get(field.name)
        if name in APART or value is None or value in ([], {}) or value == field.default:
            continue
        if name in FILES and (name == "instruments" or str(value).endswith(".toml")):
            value = placed(value, folder)
        values[SPELT.get(name, name)] = written(name, value)
    return values


def placed(paths: Any, folder: Path) -> Any:
    """Return paths as they are found from anywhere."""
    if isinstance(paths, str):
        return str((folder / Path(paths).expanduser()).absolute())
    return [placed(path, folder) for path in paths]


def written(name: str, value: Any) -> Any:
    """Return an option's value as a user writes it."""
    if name == "cash":
        return text(value).removesuffix(".0000").removesuffix(".00")
    if name == "product":
        return Product(value).name
    if name == "limit_fill":
        return Fill(value).name.lower()
    if name == "latency":
        return f"{value / 1e6:g}ms"
    if name in ("slippage", "volume_share"):
        return f"{value / 1e5:g}%"
    return value


def flags(values: Mapping[str, Any]) -> list[str]:
    """Return options as words of the command line, one line each."""
    lines = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, Mapping):
            lines += [f"{flag} {shlex.quote(f'{k}={v}')}" for k, v in value.items()]
        elif isinstance(value, list):
            lines += [f"{flag} {shlex.quote(str(each))}" for each in value]
        else:
            lines.append(flag if value is True else f"{flag} {shlex.quote(str(value))}")
    return lines
