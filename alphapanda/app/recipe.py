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
from alphapanda.app.options import Entry, Options
from alphapanda.core.engine import Enrolment
from alphapanda.core.strategy import Spec, text_of
from alphapanda.data.replay import Replay
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.limits import load_limits
from alphapanda.model.state import Fill

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
            {"class": spec.cls.__name__, "text": text_of(spec.file)} for spec in made.specs
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
        *([options.calendar] if source.kind == "bar" else []),
    )  # fmt: skip
    return "replay:" + hashlib.sha256(repr(chosen).encode()).hexdigest()[:16]


def rebuilt(document: Mapping[str, Any]) -> runs.Run:
    """Return the run that a recipe describes, with `Recorded` in place of its replay.

    Raises:
        UsageError: if a strategy no longer loads.
    """
    market = document["market"]
    specs = tuple(
        spec_of(facts, source)
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


def spec_of(facts: Mapping[str, Any], source: Mapping[str, str]) -> Spec:
    """Return a strategy: from its file if that is as it was, else from the text that was kept."""
    file = Path(facts["file"])
    try:
        same = hashlib.sha256(file.read_bytes()).hexdigest() == facts["sha256"]
    except OSError:
        same = False
    if same:
        return strategies.find(f"{file}:{source['class']}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, f"{file.stem if file.suffix == '.py' else 'cell'}.py")
        copy.write_text(source["text"], encoding="utf-8")
        spec = strategies.find(f"{copy}:{source['class']}")
        assert spec.source, "the text is read while it is there"
        return spec


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return a hash of what a run is, whenever it is made: to tell if one can go on as another."""
    left_out = (
        "made", "digest", "python", "machine", "packages", "run_id", "format", "code", "owner_id",
        "account_id", "begun_ns",
    )  # fmt: skip
    kept = {name: value for name, value in document.items() if name not in left_out}
    kept["options"] = {
        k: v for k, v in kept["options"].items() if k not in ("out", "batch", "journal")
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
