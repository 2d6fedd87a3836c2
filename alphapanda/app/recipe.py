"""What a journal keeps of a run, so that its core can be made again from nothing else."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda import config
from alphapanda.app import backtest as runs
from alphapanda.app import strategies
from alphapanda.app.imported import hashes, imported_by, written_out
from alphapanda.app.options import Entry, Options
from alphapanda.core.engine import Enrolment
from alphapanda.core.program import package_sources
from alphapanda.core.strategy import Spec, text_of
from alphapanda.data.replay import Replay
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.limits import load_limits
from alphapanda.model.state import Fill

KEPT_FOLDERS: list[Any] = []
FILES = ("costs", "limits")
"""Options that may name a file, whose text the journal keeps."""


@dataclass(frozen=True)
class Recorded:
    """What a core has to know of the market data that it was fed; stands for the replay."""

    interval_ns: int
    columns: frozenset[str]
    days: tuple[date, ...]


def document(made: runs.Run, *, name: str, mode: str, broker: str) -> dict[str, Any]:
    """Return a run as a JSON document, with an id that no other run has."""
    replay, options, settings = made.replay, made.options, config.load()
    return {
        "run_id": f"{name}-{secrets.token_hex(4)}",
        "begun_ns": time.time_ns(),
        "mode": mode,
        "broker": broker,
        "owner_id": settings.owner_id,
        "account_id": settings.account_id,
        **runs.manifest(made, ""),
        "feed": feed_id(options, replay),
        "market": {
            "kind": replay.kind, "interval_ns": replay.interval_ns,
            "columns": sorted(replay.columns), "names": list(replay.names),
            "days": [str(day) for day in replay.days],
        },
        "instruments": [instrument.facts() for instrument in made.instruments],
        "enrolments": [
            {"rows": list(e.rows), "products": [p.name for p in e.products]}
            for e in made.enrolments
        ],
        "sources": [
            {"class": spec.cls.__name__, "text": text_of(spec.file),
             "modules": [module._asdict() for module in imported_by(spec)]}
            for spec in made.specs
        ],
        "files": {
            name: Path(value).read_text(encoding="utf-8")
            for name in FILES if (value := getattr(options, name)).endswith(".toml")
        },
    }  # fmt: skip


def feed_id(options: Options, source: Any) -> str:
    """Return what names the rows of a feed: the same files, chosen the same way, in any mode."""
    if not isinstance(source, Replay):
        return str(source.id)  # of a feed that another process publishes
    chosen = (
        sorted(info.sha256 for info in source.files), source.names, source.kind,
        source.interval_ns, str(options.first), str(options.last), options.repair,
        sorted(options.map.items()), options.qty_scale,
    )  # fmt: skip
    return "replay:" + hashlib.sha256(repr(chosen).encode()).hexdigest()[:16]


def rebuilt(document: Mapping[str, Any], *, recorded_code: bool = False) -> runs.Run:
    """Return the run that a recipe describes, with `Recorded` in place of its replay.

    Code of a strategy that is not in its files as it was runs only if `recorded_code` allows it:
    somebody else may have written the journal.

    Raises:
        UsageError: if a strategy no longer loads, or is not as it was.
    """
    market = document["market"]
    specs = tuple(
        spec_of(facts, source, recorded_code=recorded_code)
        for facts, source in zip(document["strategies"], document["sources"], strict=True)
    )
    options = options_of(document, specs)
    recorded: Any = Recorded(
        market["interval_ns"], frozenset(market["columns"]),
        tuple(map(date.fromisoformat, market["days"])),
    )  # fmt: skip
    enrolments = tuple(
        Enrolment(spec, spec.arguments(facts["params"]), tuple(bound["rows"]),
                  tuple(Product[name] for name in bound["products"]))
        for spec, facts, bound in zip(
            specs, document["strategies"], document["enrolments"], strict=True)
    )  # fmt: skip
    instruments = tuple(map(Instrument.of, document["instruments"]))
    return runs.Run(options, recorded, specs, instruments, enrolments, rules(document), [])


def options_of(document: Mapping[str, Any], specs: tuple[Spec, ...]) -> Options:
    """Return the options of a recipe; they were checked when it was made."""
    given = dict(document["options"])
    for name in ("data", "instrument", "instruments"):
        given[name] = tuple(given[name])
    for name in ("first", "last"):
        given[name] = given[name] and date.fromisoformat(given[name])
    product = given["product"]
    given["product"] = None if product is None else Product(product)
    given["limit_fill"] = Fill(given["limit_fill"])
    given["out"] = given["out"] and Path(given["out"])
    return Options(strategies=tuple(Entry(spec.cls) for spec in specs), **given)


def rules(document: Mapping[str, Any]) -> runs.Rules:
    """Return the rules of a run, from the text of its files where they were files."""
    given = document["options"]
    with files_of(document["files"]) as paths:
        return runs.Rules(
            runs.read_calendar(given["calendar"]),
            Schedule.parse(paths.get("costs", given["costs"])),
            load_limits(paths.get("limits", given["limits"])),
        )


@contextmanager
def files_of(texts: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the paths of files that hold these texts."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, text in texts.items():
            path = Path(folder, f"{name}.toml")
            path.write_text(text, encoding="utf-8")
            paths[name] = str(path)
        yield paths


def spec_of(
    facts: Mapping[str, Any], source: Mapping[str, Any], *, recorded_code: bool
) -> Spec:  # fmt: skip
    """Return a strategy: from its file if that is as it was, else from the text that was kept."""
    why = ""
    try:
        if hashlib.sha256(Path(facts["file"]).read_bytes()).hexdigest() == facts["sha256"]:
            spec = strategies.find(f"{facts['file']}:{source['class']}")
            why = other_modules(hashes(imported_by(spec)), facts.get("modules", {}))
            if not why:
                return spec
        why = why or f"{facts['file']} is not as it was"
    except (OSError, ValueError):
        why = f"{facts['file']} is not there"
    except AlphaPandaError as error:
        why = f"{facts['file']} no longer loads ({error})"
    if not recorded_code:
        raise UsageError(
            f"{why}: the journal holds the code of then, which is somebody else's if the journal "
            "is; --recorded-code runs it"
        )
    return kept_spec(facts, source)


def kept_spec(facts: Mapping[str, Any], source: Mapping[str, Any]) -> Spec:
    """Return a strategy from the texts that were kept, its own modules beside it."""
    folder = tempfile.TemporaryDirectory(prefix="alphapanda-recorded-")
    KEPT_FOLDERS.append(folder)  # until the process ends: whoever compiles looks up the texts
    stem = Path(facts["file"]).stem
    copy = Path(folder.name, f"{stem if stem.isidentifier() else 'cell'}.py")
    written_out(source.get("modules", []), copy.parent)
    copy.write_text(source["text"], encoding="utf-8")
    return strategies.find(f"{copy}:{source['class']}")


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


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return a hash of what a run is, whenever it is made: to tell if one can go on as another."""
    left_out = ("made", "digest", "machine", "packages", "python", "run_id", "format", "code",
                "begun_ns")  # fmt: skip
    kept = {name: value for name, value in document.items() if name not in left_out}
    kept["made_with"] = made_with(document)
    kept["options"] = {
        k: v for k, v in kept["options"].items() if k not in ("out", "batch", "journal")
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what of two recipes is not the same, as a message names it."""
    names = ("strategies", "options", "data", "market", "instruments", "files", "owner_id",
             "account_id")  # fmt: skip
    other = [name for name in names if before.get(name) != now.get(name)]
    for old, new in zip(before["strategies"], now["strategies"], strict=False):
        why = other_modules(new.get("modules", {}), old.get("modules", {}))
        other += [why.removesuffix(" is not as it was")] if why else []
    then, today = made_with(before), made_with(now)
    return other + [f"{name} {then[name]} and {today[name]}" for name in then
                    if then[name] != today[name]]  # fmt: skip
