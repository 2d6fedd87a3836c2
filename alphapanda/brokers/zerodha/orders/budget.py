"""How many order messages may leave: 8 in any second, 300 a minute, 3,000 a day, counted as sent.

Kite's own limits are 10, 400 and 5,000; refused messages count there too, and at the day's limit an
exit is refused like any other. So the last of the day are kept for orders that only reduce.
"""

from __future__ import annotations

from collections import deque

SPANS = ((8, 1.05), (300, 60.0))
"""So many in so many seconds; a second, and what two clocks may differ by."""
OTHERS, OTHERS_S = 10, 1.05
"""All that is not a new order, together with reads: Kite's limit of a key."""
FOR_CHANGES = 2
"""Of them, that reads leave free."""
A_DAY = 3_000
RESERVE = 500
"""Of the day, for orders that only reduce a position."""


class Budget:
    """Counts messages by the caller's clock."""

    def __init__(self, *, a_day: int = A_DAY, reserve: int = RESERVE) -> None:
        self.sent_today = 0
        self.a_day, self.reserve = a_day, reserve
        self._sent = [deque[float](maxlen=most) for most, _ in SPANS]
        self._others = deque[float](maxlen=OTHERS)
        self._not_before = float("-inf")

    def due(self, now_s: float) -> float:
        """Return when the next message may leave: now, or later."""
        due = max(now_s, self._not_before)
        for sent, (most, span_s) in zip(self._sent, SPANS, strict=True):
            if len(sent) == most:
                due = max(due, sent[0] + span_s)
        if len(self._others) == OTHERS:
            due = max(due, self._others[0] + OTHERS_S)
        return due

    def read_due(self, now_s: float) -> float:
        """Return when the next read may begin: now, or later."""
        due = max(now_s, self._not_before)
        if len(self._others) >= OTHERS - FOR_CHANGES:
            due = max(due, self._others[FOR_CHANGES - OTHERS] + OTHERS_S)
        return due

    def note_other(self, now_s: float) -> None:
        """Count a read, a change or a cancellation that leaves now."""
        self._others.append(now_s)

    def take(self, now_s: float, *, places: bool) -> None:
        """Count a message that leaves now."""
        self.sent_today += 1
        if not places:
            self.note_other(now_s)
        for sent in self._sent:
            sent.append(now_s)

    def allows(self, *, reduces: bool) -> bool:
        """Say if the day's count leaves room for another order."""
        return self.sent_today < self.a_day - (0 if reduces else self.reserve)

    def slow_down(self, now_s: float, seconds: float) -> None:
        """Let nothing leave for so long, as after a refusal for the rate."""
        self._not_before = max(self._not_before, now_s + seconds)

    def next_day(self) -> None:
        """Begin a day."""
        self.sent_today = 0
