"""A run's events in sequence: early ones are held until those before them have come."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.events.events import Envelope, decode, encode
from alphapanda.projection.rows import add
from alphapanda.store.trading import Held, Run


async def in_order(
    session: AsyncSession, run: Run, fresh: dict[int, Envelope], most: int
) -> list[Envelope]:
    """Take the events that follow the run's last without a gap, held ones too, out of `fresh`."""
    found: list[Envelope] = []
    held: dict[int, str] = {}
    place = run.seq + 1
    while len(found) < most:
        if place in fresh:
            found.append(fresh.pop(place))
        else:
            if place not in held:
                held = await held_from(session, run.run_id, place, most - len(found))
            if place not in held:
                break
            found.append(decode(held.pop(place).encode()))
        place += 1
    return found


async def held_from(
    session: AsyncSession, run_id: str, place: int, most: int
) -> dict[int, str]:  # fmt: skip
    """Return up to `most` events that are held, if the one at a place is among them."""
    mine = Held.run_id == run_id
    if await session.scalar(select(func.min(Held.seq)).where(mine, Held.seq >= place)) != place:
        return {}
    rows = await session.execute(
        select(Held.seq, Held.envelope).where(mine, Held.seq >= place, Held.seq < place + most)
    )
    return {row.seq: row.envelope for row in rows}


async def hold(session: AsyncSession, run: Run, early: dict[int, Envelope]) -> int | None:
    """Keep events that came too early, drop those taken in; return the first that is held."""
    rows = [
        {"run_id": run.run_id, "seq": seq, "envelope": encode(event).decode()}
        for seq, event in early.items()
    ]
    await add(session, Held, rows)
    mine = Held.run_id == run.run_id
    first = await session.scalar(select(func.min(Held.seq)).where(mine))
    if first is not None and first <= run.seq:
        await session.execute(delete(Held).where(mine, Held.seq <= run.seq))
        first = await session.scalar(select(func.min(Held.seq)).where(mine))
    return first
