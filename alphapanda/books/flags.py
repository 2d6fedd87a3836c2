"""What the loop is specialised by; the generator overrides these with what a run declares.

As they stand here the loop is in its general form, which tests hold equal to every special one.
"""

from __future__ import annotations

PAPER = 1
"""The core fills orders itself; 0: orders are sent, and what a broker reports moves them."""

STRATEGIES = 1
"""How many strategies run, 0 if only the clock knows; the account's ledger stands behind theirs."""

BARS_IN = 0
"""The source's rows are bars (1) or ticks (0)."""

DAY_BARS = 1
"""A row may be a whole day; whether its orders wait for the next is in the settings."""

QUOTES = 0
"""The source has best bid and ask, with quantities."""

QTY = 0
"""The source has the last traded quantity."""

VOLUME = 0
"""The source has volume: of ticks the day's so far, of bars the bar's own."""

OPEN_INTEREST = 0
"""The source has open interest."""

SIZES = 0
"""The source says how much was traded (QTY or VOLUME)."""

WARM = 1
"""Rows before the run's begin may come, to warm up indicators."""

TICK_BARS = 1
"""Some strategy wants bars that the core has to build."""

TIMERS = 1
"""Some strategy has timers."""

HOOK_FILL = 1
"""Some strategy has on_fill."""

HOOK_ORDER = 1
"""Some strategy has on_order."""

HOOK_SESSION = 1
"""Some strategy has on_session."""

QUEUED = 1
"""Some strategy has a hook that is called from the queue."""
