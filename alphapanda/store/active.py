"""The strategies that are set up to trade, as a run takes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.model.money import text
from alphapanda.store.database import Database, answering
from alphapanda.store.trading import Strategy


def set_up(settings: Settings) -> Select[Strategy]:
    """Return the query for all strategies of this owner and account that no deployment binds."""
    return all_of(settings).where(Strategy.deployment == "")


def all_of(settings: Settings) -> Select[Strategy]:
    """Return the query for all strategies of this owner and account, deployments' too."""
    return select(Strategy).where(
        Strategy.owner_id == settings.owner_id, Strategy.account_id == settings.account_id
    )


async def active(database: Database, broker: Broker = Broker.PAPER) -> dict[str, Any]:
    """Return the active strategies of this owner and account as options of a run.

    Cash is the sum of theirs.

    Raises:
        UsageError: if there is none, or their products differ: a run has one.
        OutsideError: if the database does not answer.
    """
    settings = database.settings
    wanted = set_up(settings).where(Strategy.broker == broker, Strategy.active.is_(True))
    with answering(settings):
        async with database.session() as session:
            rows = list(await session.scalars(wanted.order_by(Strategy.name)))
    if not rows:
        raise UsageError(
            f"no strategy is named, and none is active for {broker}: "
            "alphapanda seed --activate NAME"
        )
    products = sorted({row.product or "" for row in rows})
    if len(products) > 1:
        raise UsageError("active strategies differ in their product: run them apart, by name")
    entries = [
        {"strategy": row.type, "params": dict(row.parameters), "instruments": row.instruments}
        for row in rows
    ]
    cash = text(sum(row.cash for row in rows))
    return {"strategies": entries, "cash": cash, "product": products[0] or None}
