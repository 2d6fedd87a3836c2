"""Things that live under a cell: on the kernel's own loop, by the standard protocol of widgets.

Nothing here prints: what changes is a widget's value, wherever it is shown. Where no widgets are,
a thing is its text, and asked again by hand.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine
from html import escape
from typing import Any

from alphapanda.runs.notebook_bar import in_kernel


def widgets_here() -> Any:
    """Return ipywidgets inside a kernel that has them, else None."""
    if not in_kernel():
        return None
    try:
        return importlib.import_module("ipywidgets")
    except ImportError:
        return None


class Live:
    """A thing that is shown as a widget if it has one, and as text and HTML besides."""

    def __init__(self) -> None:
        self.box: Any = None
        self._tasks: set[asyncio.Task[None]] = set()

    def text(self) -> str:
        """Return it as text."""
        raise NotImplementedError

    def page(self) -> str:
        """Return it as HTML."""
        return f"<pre>{escape(self.text())}</pre>"

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        # A front end takes the richest of these that it can show; a saved notebook has them all.
        plain = {"text/plain": self.text(), "text/html": self.page()}
        if self.box is None:
            return plain
        made = self.box._repr_mimebundle_(**options)
        data, metadata = made if isinstance(made, tuple) else (made, {})
        return {**(data or {}), **plain}, metadata

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something on the loop of the kernel, whose cells run in between."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """End what goes on; what is shown stays as it is."""
        for task in list(self._tasks):
            task.cancel()


def table(names: list[str], rows: list[list[Any]], nothing: str) -> str:
    """Return rows as a table of HTML."""
    if not rows:
        return f"<div><small>{escape(nothing)}</small></div>"
    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(f"<td style='text-align:left'>{escape(str(c))}</td>" for c in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
