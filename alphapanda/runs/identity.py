"""What a run was made with, and whether that is what is here now: code, modules, versions."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alphapanda.engine.compiler.program import package_sources

PLACES = ("out", "batch", "journal", "data")
"""Options that do not say what a run is; of its data the bytes do."""


def versions() -> dict[str, Any]:
    """Return the versions of Python and of the packages that a run is made with."""
    packages = ("alphapanda", "numpy", "numba", "duckdb", "pyarrow")
    return {
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in packages},
    }


def other_modules(now: Mapping[str, str], then: Mapping[str, str]) -> str:
    """Say which imported module is not as it was; empty if all are."""
    other = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    return f"the module {', '.join(other)} is not as it was" if other else ""


def made_by(document: Mapping[str, Any], path: Path) -> str:
    """Say which code made a journal, if it is not this; empty if it is."""
    code = str(document["code"])
    if code == package_sources().hex():
        return ""
    release = document.get("packages", {}).get("alphapanda", "?")
    return (
        f"{path}: made by code {code[:12]} (release {release}), and this is code "
        f"{package_sources().hex()[:12]}, which may decide otherwise: use that release to verify "
        "it or to go on; runs show, runs list, relay and project read it as it is"
    )


def made_with(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what else decides how numbers come out: Python, NumPy and numba."""
    packages = document.get("packages", {})
    found = {name: str(packages.get(name, "?")) for name in ("numpy", "numba")}
    return {"python": str(document.get("python", "?")), **found}


def bytes_of(data: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return what a run's files hold, without where they lie; those over a network have nothing."""
    return sorted([file["sha256"], file["rows"]] for file in data)


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what of two recipes is not the same, as a message names it."""
    names = ("strategies", "market", "instruments", "files", "fills", "owner_id", "account_id")
    other = [name for name in names if before.get(name) != now.get(name)]
    options, other_options = before["options"], now["options"]
    changed = sorted(name for name in {*options, *other_options} - {*PLACES}
                     if options.get(name) != other_options.get(name))  # fmt: skip
    other += [f"--{name.replace('_', '-')}" for name in changed]
    if bytes_of(before["data"]) != bytes_of(now["data"]):
        other.append("the bytes of the data")
    for old, new in zip(before["strategies"], now["strategies"], strict=False):
        why = other_modules(new.get("modules", {}), old.get("modules", {}))
        other += [why.removesuffix(" is not as it was")] if why else []
    then, today = made_with(before), made_with(now)
    return other + [f"{name} {then[name]} and {today[name]}" for name in then
                    if then[name] != today[name]]  # fmt: skip
