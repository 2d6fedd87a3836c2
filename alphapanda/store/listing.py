"""A day's list of instruments in the table: a row that changed ends, and another begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.model.instruments import Instrument as Listed
from alphapanda.store.market import Instrument

FACTS = (
    "exchange", "token", "segment", "tick_size", "lot_size", "freeze_quantity", "expiry", "strike",
    "option_type", "underlying",
)  # fmt: skip
"""Columns that a list says; another value of one makes another row."""
BLOCK = 2_000


class Loaded(NamedTuple):
    """What a list changed in the table."""

    added: int
    changed: int
    ended: int
    kept: int


async def load(session: AsyncSession, instruments: Iterable[Listed], day: date) -> Loaded:
    """Bring the table to a day's list; the caller commits.

    Rows that began on that day, or later, are made again: a list may be loaded twice.
    """
    await session.execute(delete(Instrument).where(Instrument.valid_from >= day))
    await session.execute(
        update(Instrument).where(Instrument.valid_to >= day).values(valid_to=None)
    )
    columns = [getattr(Instrument, name) for name in ("id", "name", *FACTS)]
    current = await session.execute(select(*columns).where(Instrument.valid_to.is_(None)))
    known = {name: (number, tuple(facts)) for number, name, *facts in current}
    listed = {each.name: row_of(each) for each in instruments}
    changed = [name for name, row in listed.items() if name in known and known[name][1] != row]
    ended = [name for name in known if name not in listed]
    added = [name for name in listed if name not in known]
    for some in blocks([known[name][0] for name in (*changed, *ended)]):
        await session.execute(
            update(Instrument).where(Instrument.id.in_(some)).values(valid_to=day)
        )
    for names in blocks([*added, *changed]):
        rows: list[dict[str, Any]] = [
            {"name": name, **dict(zip(FACTS, listed[name], strict=True)), "valid_from": day}
            for name in names
        ]
        await session.execute(insert(Instrument), rows)
    kept = len(listed) - len(added) - len(changed)
    return Loaded(len(added), len(changed), len(ended), kept)


def row_of(listed: Listed) -> tuple[Any, ...]:
    """Return the facts of an instrument as the table has them."""
    words = {"exchange": listed.exchange.name}
    words |= {name: getattr(listed, name).name.lower() for name in ("segment", "option_type")}
    return tuple(words.get(name, getattr(listed, name)) for name in FACTS)


def blocks(items: list[Any]) -> Iterator[list[Any]]:
    """Yield items in blocks that a statement can take."""
    for at in range(0, len(items), BLOCK):
        yield items[at : at + BLOCK]
