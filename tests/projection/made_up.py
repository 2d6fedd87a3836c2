"""A made-up day of one run: signals, orders and fills that add up, as long as the test likes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from alphapanda.events.events import (
    VERSION,
    Envelope,
    EventType,
    Fill,
    Order,
    Payload,
    Pnl,
    RunState,
    Signal,
    event_id,
)

START_NS = 1_764_042_300 * 10**9
STRATEGY, INSTRUMENTS = "ema_cross", ("NSE:INFY", "NSE:TCS", "NSE:SBIN")


def fresh() -> str:
    """Return the id of a run that no other test uses."""
    return f"run-{uuid.uuid4().hex[:10]}"


def event(run_id: str, seq: int, kind: EventType, data: Payload, key: str = "k") -> Envelope:
    """Return an event of a run."""
    ts = START_NS + seq * 1_000_000
    own = event_id(ts, run_id, seq, kind)
    return Envelope(
        id=own, type=kind, ts=ts, key=key, source="core", version=VERSION, broker="replay",
        run_id=run_id, seq=seq, correlation_id=own, causation_id="", trace_id=own.replace("-", ""),
        data=data,
    )  # fmt: skip


def word(run_id: str, status: str, ts: int, digest: str = "") -> Envelope:
    """Return what says how a run stands."""
    made = event(run_id, -1, EventType.RUN_STATE, RunState(status=status, digest=digest), run_id)
    own = event_id(ts, run_id, status)
    return type(made)(**{
        **{name: getattr(made, name) for name in made.__struct_fields__}, "ts": ts, "id": own,
        "correlation_id": own,
    })  # fmt: skip


def trades(run_id: str, count: int) -> list[Envelope]:
    """Return a whole run of `count` buys of one share, each by six events, and its two words."""
    first, last = word(run_id, "running", START_NS), word(run_id, "ended", START_NS + 2**40, "d")
    return [first, *inner(run_id, count), last]


def inner(run_id: str, count: int) -> Iterator[Envelope]:
    """Yield the run's own events."""
    held = dict.fromkeys(INSTRUMENTS, 0)
    for number in range(count):
        seq, order, name = number * 6, number + 1, INSTRUMENTS[number % len(INSTRUMENTS)]
        held[name] += 1
        common: dict[str, Any] = {
            "cause": seq, "strategy": STRATEGY, "instrument": name, "order": order, "qty": 1,
        }  # fmt: skip
        terms: dict[str, Any] = {
            "price": "0.00", "trigger": "0.00", "kind": "MARKET", "tif": "DAY", "product": "CNC",
        }  # fmt: skip
        key, pair = f"{run_id}:{order}", f"{STRATEGY}:{name}"
        fill = Fill(**common, group=0, price="1500.05", charges="1.20", realised="0.00",
                    position=held[name], filled=1)  # fmt: skip
        paid = f"{(number + 1) * 1.2:.2f}"
        pnl = Pnl(cause=seq, strategy=STRATEGY, realised="0.00", unrealised="0.00", charges=paid,
                  pnl=f"-{paid}")  # fmt: skip
        yield event(run_id, seq, EventType.TRADING_SIGNAL, Signal(**common, **terms), pair)
        yield event(run_id, seq + 1, EventType.VALIDATED_SIGNAL, Signal(**common, **terms), pair)
        placed = Order(**common, **terms, group=0)
        yield event(run_id, seq + 2, EventType.ORDER_PLACED, placed, key)
        yield event(run_id, seq + 3, EventType.ORDER_ACKNOWLEDGED, placed, key)
        yield event(run_id, seq + 4, EventType.ORDER_FILLED, fill, key)
        yield event(run_id, seq + 5, EventType.PNL_SNAPSHOT, pnl, STRATEGY)
