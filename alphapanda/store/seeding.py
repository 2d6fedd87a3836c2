"""Strategies of files as rows: what is missing is added, what somebody has set up stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.events import Broker
from alphapanda.store.active import set_up
from alphapanda.store.trading import Strategy

CASH = 1_000_000 * 10_000
"""What a backtest has, unless said."""


async def seed(
    session: AsyncSession,
    settings: Settings,
    wanted: Mapping[str, Mapping[str, Any]],
    *,
    now_ns: int,
) -> dict[str, list[str]]:
    """Add a row for each name with its parameters: on paper, not active, no instruments yet.

    A row that is there keeps its values; a parameter that its class has gained gets its default,
    one that it has lost goes. The caller commits.
    """
    there: dict[str, list[Strategy]] = {}
    for row in await session.scalars(set_up(settings)):
        there.setdefault(row.type, []).append(row)
    told: dict[str, list[str]] = {"added": [], "changed": [], "kept": []}
    for name, defaults in wanted.items():
        if name not in there:
            session.add(fresh(settings, name, defaults, now_ns))
            told["added"].append(name)
        for row in there.get(name, []):
            parameters = {**defaults, **{k: v for k, v in row.parameters.items() if k in defaults}}
            same = parameters == row.parameters
            told["kept" if same else "changed"].append(row.name)
            if not same:
                row.parameters, row.updated_ns = parameters, now_ns
    return told


async def switch(
    session: AsyncSession, settings: Settings, wanted: Mapping[str, bool], *, now_ns: int
) -> list[str]:  # fmt: skip
    """Make rows active, or inactive, by name; return the names of all that are. The caller commits.

    Raises:
        UsageError: for a name that there is no row of.
    """
    rows = list(await session.scalars(set_up(settings).order_by(Strategy.name)))
    names = {row.name for row in rows}
    for name in wanted:
        if name not in names:
            raise UsageError(f"no strategy '{name}' is set up.{did_you_mean(name, names)}")
    for row in rows:
        active = wanted.get(row.name, row.active)
        if active != row.active:
            row.active, row.updated_ns = active, now_ns
    return [row.name for row in rows if row.active]


def fresh(settings: Settings, name: str, defaults: Mapping[str, Any], now_ns: int) -> Strategy:
    """Return the row of a strategy that nobody has set up yet."""
    return Strategy(
        owner_id=settings.owner_id, account_id=settings.account_id, name=name, type=name,
        deployment="", parameters=dict(defaults), limits={}, instruments=[], broker=Broker.PAPER,
        product=None, cash=CASH, active=False, created_ns=now_ns, updated_ns=now_ns,
    )  # fmt: skip
