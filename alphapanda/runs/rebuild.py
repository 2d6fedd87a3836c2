"""What a journal keeps of a run, so that its core can be made again from nothing else."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.setup import Enrolment
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.events.feeds import kept_in
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Product
from alphapanda.model.limits import load_limits, own_limits
from alphapanda.runs import discovery, plan
from alphapanda.runs.identity import other_modules
from alphapanda.runs.imported import hashes, imported_by, written_out
from alphapanda.runs.manifest import FILES
from alphapanda.runs.options import restored

KEPT_FOLDERS: list[Any] = []
"""Folders of code that a journal kept, there until the process ends."""


def rebuilt(document: Mapping[str, Any], *, recorded_code: bool = False) -> plan.RunPlan:
    """Return the plan that a journal's manifest describes; see `plan_of`.

    Raises:
        UsageError: if a strategy no longer loads, is not as it was, or the recipe makes no sense.
    """
    try:
        return plan_of(document, recorded_code=recorded_code)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise UsageError(f"the manifest of the journal makes no run ({what:.200})") from error


def plan_of(document: Mapping[str, Any], *, recorded_code: bool) -> plan.RunPlan:
    """Return the plan that a journal's manifest describes.

    Code of a strategy that is not in its files as it was runs only if `recorded_code` allows it:
    somebody else may have written the journal.

    Raises:
        UsageError: if a strategy no longer loads, or is not as it was.
    """
    specs = tuple(
        spec_of(facts, source, recorded_code=recorded_code)
        for facts, source in zip(document["strategies"], document["sources"], strict=True)
    )
    options = restored(document["options"], [spec.cls for spec in specs])
    enrolments = tuple(
        Enrolment(spec, spec.arguments(facts["params"]), tuple(bound["rows"]),
                  tuple(Product[name] for name in bound["products"]), str(facts["name"]),
                  own_limits("", facts.get("limits", {})), str(facts.get("broker", "")))
        for spec, facts, bound in zip(
            specs, document["strategies"], document["enrolments"], strict=True)
    )  # fmt: skip
    return plan.RunPlan(options, kept_in(document), (), specs, enrolments, rules(document),
                        sent=bool(document.get("sent", False)),
                        deployment=str(document.get("deployment", "")))  # fmt: skip


def rules(document: Mapping[str, Any]) -> plan.Rules:
    """Return the rules of a run, from the text of its files where they were files."""
    given = document["options"]
    for name in FILES:
        if str(given[name]).endswith(".toml") and name not in document["files"]:
            raise UsageError(f"the journal does not hold the file of --{name}")
    with files_of(document["files"]) as paths:
        return plan.Rules(
            plan.read_calendar(given["calendar"]),
            Schedule.parse(paths.get("costs", given["costs"])),
            load_limits(paths.get("limits", given["limits"])),
        )


@contextmanager
def files_of(texts: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the paths of files that hold these texts."""
    other = sorted({*texts} - {*FILES})
    if other:
        raise UsageError(f"the journal has a file for an option that takes none: {other[0]!r}")
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
            spec = discovery.in_file(f"{facts['file']}:{source['class']}")
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
    KEPT_FOLDERS.append(folder)  # whoever compiles looks up the texts
    stem = Path(facts["file"]).stem
    copy = Path(folder.name, f"{stem if stem.isidentifier() else 'cell'}.py")
    written_out(source.get("modules", []), copy.parent)
    copy.write_text(source["text"], encoding="utf-8")
    return discovery.in_file(f"{copy}:{source['class']}")
