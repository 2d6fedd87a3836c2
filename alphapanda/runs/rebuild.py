"""What a journal keeps of a run, so that its core can be made again from nothing else."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.setup import Enrolment
from alphapanda.events.feeds import Feed
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.limits import load_limits
from alphapanda.model.rows import Fill
from alphapanda.runs import discovery, plan
from alphapanda.runs.options import Entry, Options


def rebuilt(document: Mapping[str, Any]) -> plan.RunPlan:
    """Return the plan that a journal's manifest describes.

    Raises:
        UsageError: if a strategy no longer loads.
    """
    market = document["market"]
    specs = tuple(
        spec_of(facts, source)
        for facts, source in zip(document["strategies"], document["sources"], strict=True)
    )
    options = options_of(document, specs)
    enrolments = tuple(
        Enrolment(spec, spec.arguments(facts["params"]), tuple(bound["rows"]),
                  tuple(Product[name] for name in bound["products"]))
        for spec, facts, bound in zip(
            specs, document["strategies"], document["enrolments"], strict=True)
    )  # fmt: skip
    feed = Feed(
        document["feed"], market["kind"], market["interval_ns"], frozenset(market["columns"]),
        tuple(market["names"]), tuple(map(Instrument.of, document["instruments"])),
        tuple(map(date.fromisoformat, market["days"])), None,
    )  # fmt: skip
    return plan.RunPlan(options, feed, (), specs, enrolments, rules(document))


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


def rules(document: Mapping[str, Any]) -> plan.Rules:
    """Return the rules of a run, from the text of its files where they were files."""
    given = document["options"]
    with files_of(document["files"]) as paths:
        return plan.Rules(
            plan.read_calendar(given["calendar"]),
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
        return discovery.find(f"{file}:{source['class']}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, f"{file.stem if file.suffix == '.py' else 'cell'}.py")
        copy.write_text(source["text"], encoding="utf-8")
        spec = discovery.find(f"{copy}:{source['class']}")
        assert spec.source, "the text is read while it is there"
        return spec
