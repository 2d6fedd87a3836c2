"""What has changed over night for a run that goes on: listings, and the day's circuit limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.model.calendar import ist_date
from alphapanda.model.instruments import Instrument

FACTS = {"lot_size": "lot", "tick_size": "tick"}
"""What the core knows of an instrument from its run's first day on."""


def listed_otherwise(
    begun: Sequence[Instrument], now: Sequence[Instrument], today: date
) -> dict[int, str]:
    """Return the instruments, by row, that are not listed as when their run began, and how not.

    A contract that has expired is settled, and no surprise.
    """
    found = {}
    for row, (before, after) in enumerate(zip(begun, now, strict=True)):
        expired = before.expiry is not None and before.expiry < today
        if not after.token and not expired:
            found[row] = f"{before.name} is not in today's list: decide at Kite"
            continue
        changes = [
            f"{word} {getattr(before, name)} is {getattr(after, name)}"
            for name, word in FACTS.items() if getattr(before, name) != getattr(after, name)
        ]  # fmt: skip
        if changes and not expired:
            found[row] = (
                f"{before.name}: {', '.join(changes)}; this run only closes it, begin another run "
                "to trade it"
            )
    return found


def new_limits(
    begun: Sequence[Instrument], now: Sequence[Instrument],
    history: Iterable[OrderRequest | Report], today: date,
) -> list[Report]:  # fmt: skip
    """Return today's circuit limits where the core does not know them yet."""
    known = [(each.lower_circuit, each.upper_circuit) for each in begun]
    of_today: set[int] = set()
    for entry in history:
        if isinstance(entry, Report) and entry.kind == ReportKind.CIRCUIT:
            known[entry.row] = entry.price, entry.trigger
            if ist_date(entry.exchange_ns) == today:
                of_today.add(entry.row)
    return [
        Report(ReportKind.CIRCUIT, row=row, price=each.lower_circuit, trigger=each.upper_circuit)
        for row, each in enumerate(now)
        if each.upper_circuit and row not in of_today
        and known[row] != (each.lower_circuit, each.upper_circuit)
    ]  # fmt: skip
