"""How a run is made again: the command, run file or call that its manifest stands for.

It names files by their whole paths, so that it runs in any folder.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alphapanda.runs.discovery import shipped_dir
from alphapanda.runs.fills import FITTED
from alphapanda.runs.options import ROWS, as_json
from alphapanda.runs.readings import FILE, FILES


def again(manifest: Mapping[str, Any]) -> str:
    """Return what to run: a command, a run file, or the call of a notebook's own class."""
    values = options_of(manifest)
    if any(in_notebook(each) for each in manifest["strategies"]):
        return call(manifest, values)
    only = manifest["strategies"][0]
    if len(manifest["strategies"]) == 1 and not only.keys() & {"limits", "product"}:
        verb = "paper" if "feed" in values else "backtest"
        words = ["alphapanda", verb, shlex.quote(strategy_word(only))]
        words += [f"--param {shlex.quote(f'{k}={v}')}" for k, v in only["params"].items()]
        values.setdefault("instrument", []).extend(only.get("instruments", ()))
        return " \\\n  ".join([" ".join(words[:3]), *words[3:], *(flags(values))])
    values.pop("feed", None)  # no word of a run file
    lines = [f"{name} = {toml(value)}" for name, value in values.items() if value != []]
    for each in manifest["strategies"]:
        lines += ["", "[[strategies]]", f"strategy = {json.dumps(strategy_word(each))}",
                  f"params = {toml(each['params'])}"]  # fmt: skip
        if each.get("instruments"):
            lines.append(f"instruments = {toml(each['instruments'])}")
        own = (name for name in ("limits", "product") if name in each)
        lines += [f"{name} = {toml(each[name])}" for name in own]
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
    """Return the options that were given, as they are written; what changes no result is left out.

    Files are named by their whole paths.
    """
    given = manifest["options"]
    folder = Path(manifest.get("folder", "."))
    bus = any(path.startswith("bus:") for path in given["data"])
    values: dict[str, Any] = {"feed": given["data"]} if bus else {}
    for name, row in ROWS.items():
        value = given.get(row.field)
        if not row.opt.shapes or value in (None, [], {}) or value == as_json(row.default):
            continue
        if (name == "data" and bus) or (name in FITTED and given.get("fills")):
            continue
        if row.opt.reading is FILES or (row.opt.reading is FILE and str(value).endswith(".toml")):
            value = placed(value, folder)
        values[name] = row.text(value)
    return values


def placed(paths: Any, folder: Path) -> Any:
    """Return paths as they are found from anywhere."""
    if isinstance(paths, str):
        return str((folder / Path(paths).expanduser()).absolute())
    return [placed(path, folder) for path in paths]


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
