"""How a run is made again: the command, or the run file, that its manifest stands for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alphapanda.model.instruments import Product
from alphapanda.model.money import text
from alphapanda.model.rows import Fill

SPELT = {"first": "from", "last": "to"}
PLAIN: dict[str, Any] = {
    "instrument": [], "map": {}, "kind": None, "interval": None, "repair": False, "qty_scale": 1,
    "exchange": "NSE", "first": None, "last": None, "costs": "zerodha", "limits": "default",
    "calendar": "nse", "product": None, "latency": 0, "slippage": 0,
    "limit_fill": int(Fill.THROUGH), "volume_share": 10_000_000, "seed": 7,
}  # fmt: skip
"""What goes without saying; files are named apart, and what changes no result is left out."""


def again(manifest: Mapping[str, Any]) -> str:
    """Return what to run, folders of files left out: a page may travel, and they are private."""
    values = options_of(manifest)
    if len(manifest["strategies"]) == 1:
        only = manifest["strategies"][0]
        verb = "paper" if "feed" in values else "backtest"
        words = ["alphapanda", verb, Path(only["file"]).name]
        words += [f"--param {shlex.quote(f'{k}={v}')}" for k, v in only["params"].items()]
        return " \\\n  ".join([" ".join(words[:3]), *words[3:], *(flags(values))])
    values.pop("feed", None)  # no word of a run file
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    for each in manifest["strategies"]:
        params = ", ".join(f"{k} = {json.dumps(v)}" for k, v in each["params"].items())
        lines += ["", "[[strategies]]", f"strategy = {json.dumps(Path(each['file']).name)}",
                  f"params = {{ {params} }}"]  # fmt: skip
    return "\n".join(lines)


def options_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as they are written."""
    given = manifest["options"]
    data = given["data"]
    bus = any(path.startswith("bus:") for path in data)
    values: dict[str, Any] = {"feed": data} if bus else {"data": [Path(p).name for p in data]}
    if given.get("instruments"):
        values["instruments"] = [Path(path).name for path in given["instruments"]]
    if given["cash"] != 10_000_000_000:
        values["cash"] = text(given["cash"]).removesuffix(".0000")
    for name, usual in PLAIN.items():
        if given.get(name, usual) != usual:
            values[SPELT.get(name, name)] = written(name, given[name])
    return values


def written(name: str, value: Any) -> Any:
    """Return an option's value as a user writes it."""
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
