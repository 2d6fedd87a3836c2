"""The manifest of a run: code, options and data, enough to run it again."""

from __future__ import annotations

import hashlib
import json
import platform
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.program import package_sources
from alphapanda.engine.compiler.sources import text_of
from alphapanda.events.feeds import facts_of
from alphapanda.runs.identity import PLACES, bytes_of, made_with, versions
from alphapanda.runs.imported import hashes, imported_by
from alphapanda.runs.options import Entry, Options, stored
from alphapanda.runs.plan import RunPlan

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings


def manifest(plan: RunPlan, digest: str) -> dict[str, Any]:
    """Return what it takes to run the same again: hashes of code, strategies and data, options."""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "digest": digest,
        "code": package_sources().hex(),
        "strategies": [
            {"name": e.name or spec.name, "class": spec.cls.__name__, "file": spec.file,
             "sha256": source_sha(spec), "modules": hashes(imported_by(spec)),
             "params": dict(e.arguments), "instruments": list(entry.instruments),
             **terms_of(entry)}
            for spec, e, entry in zip(
                plan.specs, plan.enrolments, plan.options.strategies, strict=True)
        ],
        "folder": str(Path.cwd()),
        "options": stored(plan.options),
        **fills_of(plan.options),
        "data": [
            {"path": str(f.path), "sha256": f.sha256, "rows": f.rows} for f in plan.files
        ],
        "machine": platform.machine(),
        **versions(),
    }  # fmt: skip


def terms_of(entry: Entry) -> dict[str, Any]:
    """Return what a strategy has of its own beside the run's options, as it was written."""
    product = None if entry.product is None else entry.product.name
    own = {"limits": dict(entry.limits), "product": product, "broker": entry.broker}
    return {name: value for name, value in own.items() if value}


def fills_of(options: Options) -> dict[str, Any]:
    """Return the profile of paper fills that a run was given, if it was given one."""
    if options.fills is None:
        return {}
    return {"fills": {"path": options.fills, "sha256": options.fills_sha256}}


def source_sha(spec: Spec) -> str:
    """Return a hash of the file or cell in which a strategy was written."""
    return hashlib.sha256(text_of(spec.file).encode()).hexdigest()


LONGEST = 55
"""Characters of a folder's name in a run's id, which no table has over 64 of."""
FILES = ("costs", "limits")
"""Options that may name a file, whose text the journal keeps."""


def document(
    plan: RunPlan, settings: Settings, *, name: str, mode: str, broker: str
) -> dict[str, Any]:
    """Return a run as a JSON document, with an id that no other run has."""
    options = plan.options
    return {
        "run_id": f"{name[:LONGEST]}-{secrets.token_hex(4)}",
        "begun_ns": time.time_ns(),
        "mode": mode,
        "broker": broker,
        **({"sent": True} if plan.sent else {}),
        **({} if plan.simulator is None else {"simulator": {"speed": plan.simulator}}),
        **({"deployment": plan.deployment} if plan.deployment else {}),
        "owner_id": settings.owner_id,
        "account_id": settings.account_id,
        **manifest(plan, ""),
        **facts_of(plan.feed),
        "enrolments": [
            {"rows": list(e.rows), "products": [p.name for p in e.products]}
            for e in plan.enrolments
        ],
        "sources": [
            {"class": spec.cls.__name__, "text": text_of(spec.file),
             "modules": [module._asdict() for module in imported_by(spec)]}
            for spec in plan.specs
        ],
        "files": {
            name: Path(value).read_text(encoding="utf-8")
            for name in FILES if (value := getattr(options, name)).endswith(".toml")
        },
    }  # fmt: skip


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return a hash of what a run is, whenever it is made: to tell if one can go on as another.

    Its data are their bytes, wherever they lie by now.
    """
    left_out = ("made", "digest", "python", "machine", "packages", "run_id", "format", "code",
                "begun_ns", "folder", "simulator")  # fmt: skip
    kept = {name: value for name, value in document.items() if name not in left_out}
    kept["made_with"] = made_with(document)
    kept["options"] = {k: v for k, v in kept["options"].items() if k not in PLACES}
    kept["data"] = bytes_of(kept["data"])
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
