"""`alphapanda runs list`: the runs that keep a journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.journals import facts_of_all
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.journal.gaps import STATUS
from alphapanda.research.table import count


def runs_list(json: Json = False) -> None:
    """List them: how they stand, what they hold."""
    runs_dir = config.load().runs_dir
    found = list(facts_of_all(runs_dir))
    if json:
        print_json({"runs": found})
        return
    if not found:
        print_table(Text(f"no journals in {runs_dir}: backtest --journal keeps one"))
        return
    table = whole_table(
        columns=("run", "status", "mode", "strategies"), numbers=("rows", "envelopes", "MB")
    )
    for facts in found:
        table.add_row(
            Text(facts["run"]), standing_of(facts), facts.get("mode", ""),
            Text(", ".join(facts.get("strategies", ()))), count(facts.get("rows")),
            count(facts.get("envelopes")), f"{facts['bytes'] / 1e6:.1f}",
        )  # fmt: skip
    troubles = (Text(f["trouble"], style="red") for f in found if "trouble" in f)
    print_table(Group(table, *troubles), whole=True)


def standing_of(facts: Mapping[str, Any]) -> str:
    """Return how a run stands, with the rows of its feed that never came."""
    missed = facts.get("missed", 0)
    if not missed:
        return str(facts["status"])
    total = count(facts["rows"] + missed)
    return f"{facts['status']}, {STATUS}: {count(missed)} rows of {total}"
