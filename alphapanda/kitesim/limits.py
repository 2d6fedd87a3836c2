"""Kite's limits of requests, in real time: callers hand in the seconds."""

from __future__ import annotations

from collections import deque

from alphapanda.kitesim.orders import Refusal

SLACK_S = 0.05
"""A client that keeps to a limit by its own clock is not refused for the network's jitter."""
SPANS = {
    "quote": ((1, 1.0),),
    "historical": ((3, 1.0),),
    "place": ((10, 1.0), (400, 60.0)),
    "other": ((10, 1.0),),
}
"""By kind of request: so many in so many seconds."""
ORDERS_A_DAY = 5000
TOO_MANY = Refusal("Too many requests", "NetworkException", 429)
TOO_MANY_ORDERS = Refusal("Maximum allowed order requests exceeded", "OrderException")


class Limits:
    """Counts requests by kind; a refused one counts too."""

    def __init__(self, *, on: bool = True) -> None:
        self.on = on
        self.orders = 0
        """Placed today, the refused ones too."""
        self._times = {
            kind: [deque[float](maxlen=most) for most, _ in spans] for kind, spans in SPANS.items()
        }

    def take(self, kind: str, real_s: float) -> Refusal | None:
        """Count a request and return why it is refused; None: it is not."""
        late = False
        for times, (most, span_s) in zip(self._times[kind], SPANS[kind], strict=True):
            late |= len(times) == most and real_s - times[0] < span_s - SLACK_S
            times.append(real_s)
        if kind == "place":
            self.orders += 1
            if self.on and self.orders > ORDERS_A_DAY:
                return TOO_MANY_ORDERS
        return TOO_MANY if late and self.on else None
