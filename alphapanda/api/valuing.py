"""Positions by the newest tick: the one formula, exact, and nothing where a price is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from alphapanda.model.money import text, to_scaled
from alphapanda.store.trading import Position


class Valued(NamedTuple):
    """A position and the tick that values it."""

    quantity: int
    cost: int
    last: int | None
    """The newest tick's price; the last fill's is no price of the market."""
    ts: int | None

    @property
    def value(self) -> int | None:
        """What it is worth: None without a price, 0 where nothing is held."""
        if not self.quantity:
            return 0
        return None if self.last is None else self.quantity * self.last

    @property
    def unrealised(self) -> int | None:
        """What it has earned since it was opened, before charges."""
        value = self.value
        return None if value is None else value - self.cost

    def shown(self, now_ns: int) -> dict[str, Any]:
        """Return it as the API shows it."""
        unrealised = self.unrealised
        return {
            "tick_last": None if self.last is None else text(self.last), "tick_ts": self.ts,
            "tick_age_ms": None if self.ts is None else max(now_ns - self.ts, 0) // 1_000_000,
            "unrealised": None if unrealised is None else text(unrealised),
        }  # fmt: skip


def valued(row: Position, tick: Mapping[str, Any] | None) -> Valued:
    """Return a position with its tick; a bar's price is its close."""
    if tick is None:
        return Valued(row.quantity, row.cost, None, None)
    price = tick.get("last", tick.get("close"))
    last = None if price is None else to_scaled(str(price))
    return Valued(row.quantity, row.cost, last, tick.get("ts"))
