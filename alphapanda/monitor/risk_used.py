"""What of a run's limits is used, as far as the tables say it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.limits import KINDS, LIFTED, LimitSet, Unit, load_limits
from alphapanda.model.money import text
from alphapanda.store.trading import Order, PnlSnapshot, Run
from alphapanda.store.words import OrderStatus

WORKING = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.OPEN, OrderStatus.TRIGGERED)
SHARE = Decimal("0.0001")


class Used(NamedTuple):
    """A limit and what is used of it; None where that is not known here."""

    scope: str
    name: str
    rule: str
    limit: int
    used: int | None

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        share = None
        if self.used is not None and self.limit > 0:
            share = str((Decimal(max(self.used, 0)) / self.limit).quantize(SHARE))
        money = self.rule in KINDS and KINDS[self.rule].unit == Unit.MONEY
        say = text if money else str
        return {
            "scope": self.scope, "name": self.name, "rule": self.rule, "limit": say(self.limit),
            "used": None if self.used is None else say(self.used), "share": share,
        }  # fmt: skip


def limits_of(manifest: Mapping[str, Any]) -> LimitSet | None:
    """Return a run's limits by its manifest; None where it names a file that it does not keep."""
    named = str(manifest.get("options", {}).get("limits", "default"))
    if named in ("default", "wide"):
        return load_limits(named)
    kept = manifest.get("files", {}).get("limits")
    if kept is None:
        return None
    return of_text(kept)


def of_text(kept: str) -> LimitSet | None:
    """Return the limits that a file's text sets, over the shipped ones."""
    from tempfile import NamedTemporaryFile  # noqa: PLC0415 (the reader takes a path)

    with NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(kept)
        file.flush()
        try:
            return load_limits(file.name)
        except (UsageError, tomllib.TOMLDecodeError):
            return None


async def used_of(session: AsyncSession, run: Run, limits: LimitSet | None) -> list[Used]:
    """Return the limits of a run's strategies and of its account, with what is used of each."""
    if limits is None:
        return []
    losses = await lost(session, run.run_id)
    found = []
    for name in (*run.strategies, ""):
        of = limits.strategy if name else limits.account
        known = {"loss": losses.get(name), "open_value": await working(session, run.run_id, name)}
        scope = "strategy" if name else "account"
        found += [
            Used(scope, name, rule, limit, known.get(rule))
            for rule, limit in of.items() if limit != LIFTED
        ]  # fmt: skip
    return found


async def lost(session: AsyncSession, run: str) -> dict[str, int]:
    """Return what each strategy, and the account (''), has lost in the last day that was booked.

    As R7 counts it: from the P&L that was booked last before that day, in India.
    """
    mine = PnlSnapshot.run_id == run
    newest = await session.scalar(select(func.max(PnlSnapshot.ts)).where(mine))
    if newest is None:
        return {}
    midnight = (newest + IST) // DAY * DAY - IST
    now = await booked(session, mine)
    before = await booked(session, mine, PnlSnapshot.ts < midnight)
    found = {name: before.get(name, 0) - pnl for name, pnl in now.items()}
    return {**found, "": sum(found.values())}


async def booked(session: AsyncSession, *which: ColumnElement[bool]) -> dict[str, int]:
    """Return each strategy's P&L, as the last of these snapshots has it."""
    last = select(func.max(PnlSnapshot.seq)).where(*which).group_by(PnlSnapshot.strategy)
    rows = await session.execute(
        select(PnlSnapshot.strategy, PnlSnapshot.pnl).where(*which, PnlSnapshot.seq.in_(last))
    )
    return {row.strategy: row.pnl for row in rows}


async def working(session: AsyncSession, run: str, strategy: str) -> int | None:
    """Return the value of the working orders that have a price; None if one has none."""
    query = select(Order.quantity, Order.filled, Order.price, Order.trigger_price).where(
        Order.run_id == run, Order.status.in_(WORKING)
    )
    query = query.where(Order.strategy == strategy) if strategy else query
    total = 0
    for quantity, filled, price, trigger in await session.execute(query):
        if not price and not trigger:
            return None
        total += (quantity - filled) * (price or trigger)
    return total
