"""Ctrl-C and SIGTERM while rows are fed: the batch is finished, and what there is gets written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NAP_S = 0.1
"""How soon one who waits notices that it is to stop."""


@contextmanager
def orderly() -> Iterator[Callable[[], bool]]:
    """Yield a function that says if a signal has asked to stop; a second one stops at once.

    Signals that the host handles in its own way, or ignores, stay with it.
    """
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            signal.default_int_handler(number, frame)
        asked.append(number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        raising = [n for n in SIGNALS if signal.getsignal(n) is signal.default_int_handler]
        before = dict.fromkeys(raising, signal.default_int_handler)
    for number in before:
        signal.signal(number, ask)
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
