"""`alphapanda instruments diff`: what changed between two days' lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from rich.text import Text

from alphapanda import config
from alphapanda.brokers.zerodha import dumps
from alphapanda.cli.flags import Json, option
from alphapanda.cli.instruments_show import parse_day
from alphapanda.cli.output import print_json, print_table, whole_table
from alphapanda.data.instruments import read_master
from alphapanda.errors import UsageError
from alphapanda.model.money import text
from alphapanda.research.table import count

FINDING = 1
From = Annotated[
    str | None, option("--from", metavar="YYYY-MM-DD", text="(default: the newest list but one)")
]
To = Annotated[str | None, option("--to", metavar="YYYY-MM-DD", text="(default: the newest list)")]
Names = Annotated[
    list[str] | None,
    option("--instrument", metavar="NAME", text="Only these, as NSE:INFY; again for more."),
]


def instruments_diff(
    from_: From = None, to: To = None, instrument: Names = None, json: Json = False
) -> int:
    """Show changed tokens, lots, ticks and expiries between two lists; status 1 if any."""
    folder = config.load().instruments_dir
    last, new = dumps.newest(folder, until=parse_day("--to", to))
    first = parse_day("--from", from_)
    earlier = [day for day in dumps.kept(folder) if day < last and (first is None or day <= first)]
    if not earlier:
        raise UsageError(f"no list before {last} in {folder}: nothing to compare with")
    old = dumps.kept(folder)[earlier[-1]]
    found = dumps.difference(read_master(old), read_master(new))
    changed = {
        name: facts for name, facts in found.changed.items()
        if instrument is None or name in instrument
    }  # fmt: skip
    gone = [name for name in instrument or [] if name in found.vanished]
    facts = {
        name: {fact: [show_fact(fact, value) for value in pair] for fact, pair in pairs.items()}
        for name, pairs in changed.items()
    }
    if json:
        print_json({
            "from": str(found.first), "to": str(found.last), "changed": facts, "gone": gone,
            "appeared": by_exchange(found.appeared), "vanished": by_exchange(found.vanished),
        })  # fmt: skip
        return FINDING if changed or gone else 0
    table = whole_table(columns=("instrument", "fact", str(found.first), str(found.last)))
    for name, pairs in facts.items():
        for fact, (before, after) in pairs.items():
            table.add_row(*map(Text, (name, fact, before, after)))
    for name in gone:
        table.add_row(*map(Text, (name, "listed", "yes", "no")))
    print_table(table, whole=True)
    more = {"appeared": by_exchange(found.appeared), "vanished": by_exchange(found.vanished)}
    for what, counts in more.items():
        said = ", ".join(f"{name} {count(n)}" for name, n in counts.items())
        print_table(Text(f"{what}: {said or 'none'}"))
    return FINDING if changed or gone else 0


def by_exchange(names: Sequence[str]) -> dict[str, int]:
    """Return how many names there are of each exchange."""
    return dict(sorted(Counter(name.partition(":")[0] for name in names).items()))


def show_fact(fact: str, value: object) -> str:
    """Return a fact as a person reads it."""
    if fact in ("tick_size", "strike") and isinstance(value, int):
        return text(value)
    return getattr(value, "name", None) or str(value)
