"""How a run is made again: the command, or the run file, that its manifest stands for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alphapanda.runs.options import ROWS, plain


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
    lines = [f"{name} = {toml(value)}" for name, value in values.items()]
    for each in manifest["strategies"]:
        lines += ["", "[[strategies]]", f"strategy = {json.dumps(Path(each['file']).name)}",
                  f"params = {toml(each['params'])}"]  # fmt: skip
    return "\n".join(lines)


def options_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as they are written; what changes no result is left out.

    Files are named without their folders.
    """
    given = manifest["options"]
    values = {
        name: row.text(given[row.field])
        for name, row in ROWS.items()
        if row.opt.shapes and row.field in given and given[row.field] != plain(row.default)
    }
    if any(path.startswith("bus:") for path in given["data"]):
        values = {"feed": given["data"], **values}
        del values["data"]
    return values


def toml(value: Any) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{json.dumps(k)} = {toml(v)}' for k, v in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


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
