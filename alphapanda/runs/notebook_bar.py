"""Progress inside a notebook: a bar of ipywidgets where there is a kernel to show it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from alphapanda.research.table import count, duration

EVERY_S = 0.1
"""Between two messages to the browser: each costs more than a batch of rows."""


def in_kernel() -> bool:
    """Say if this process is the kernel of a notebook."""
    if "ipykernel" not in sys.modules:
        return False
    shell = importlib.import_module("IPython").get_ipython()
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def kernel_bar() -> Iterator[Callable[[int, int, int], None] | None]:
    """Show rows, rate, time left and fills under the cell; yield None where no kernel is."""
    if not in_kernel():
        yield None
        return
    try:
        widgets = importlib.import_module("ipywidgets")
    except ImportError:
        yield None
        return
    display = importlib.import_module("IPython.display")
    bar, text = widgets.IntProgress(min=0, max=1), widgets.HTML("compiling or loading the core")
    box = widgets.HBox([bar, text])
    shown = display.display(box, display_id=True)
    try:
        yield teller(bar, text)
    finally:
        # A loop of many runs must not leave a bar, and eight models in the browser, for each.
        for widget in (box, bar, text):
            for part in (widget.layout, getattr(widget, "style", None), widget):
                if part is not None:
                    part.close()
        if shown is not None:
            shown.update(display.HTML(""))


def teller(bar: Any, text: Any) -> Callable[[int, int, int], None]:
    """Return what is called with rows done, rows in all and fills so far."""
    started, told = monotonic(), 0.0

    def tell(done: int, total: int, fills: int) -> None:
        nonlocal told
        now = monotonic()
        if done < total and now - told < EVERY_S:
            return
        told = now
        speed = done / max(now - started, 1e-9)
        left = duration((total - done) / speed) if done < total and speed else "done"
        bar.max, bar.value = max(total, 1), done
        text.value = f"{count(done)} rows, {count(round(speed))}/s, {count(fills)} fills, {left}"

    return tell
