"""A run while it trades, under a cell: `watch(run)`."""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path

from alphapanda import config
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.journal.journal import FILE
from alphapanda.notebook.live import Live, table, widgets_here
from alphapanda.notebook.standing import BoardSource, JournalSource, Source, Standing

ORDERS = ["order", "strategy", "instrument", "quantity", "price", "state"]


class Watch(Live):
    """How a run stands, looked at again and again until it has ended or `stop()`."""

    def __init__(self, name: str, source: Source, every_s: float) -> None:
        super().__init__()
        self.standing = Standing(name)
        self._source, self._every_s = source, every_s
        if isinstance(source, JournalSource):
            self.standing = source.read()
        widgets = widgets_here()
        if widgets is not None:
            self.box = widgets.HTML(self.page())
            self.begin(self._follow())

    async def look(self) -> Standing:
        """Look once, and show what there is."""
        try:
            self.standing = await self._source.look()
            self.standing.trouble = ""
        except (AlphaPandaError, OSError) as error:
            self.standing.trouble = f"not known now: {error}"
        if self.box is not None:
            self.box.value = self.page()
        return self.standing

    async def _follow(self) -> None:
        while not self.standing.over:
            await asyncio.sleep(self._every_s)
            await self.look()

    def text(self) -> str:
        """Return how the run stands as text."""
        s = self.standing
        held = [f"{q:+,} {i} ({n})" for (n, i), q in s.positions.items() if q]
        lines = [
            f"{s.run}: {s.status}; {s.feed()}",
            f"positions: {', '.join(held) or 'none'}",
            f"P&L: {', '.join(f'{name} {value}' for name, value in s.pnl.items()) or 'none yet'}",
            *(f"order {number}: {' '.join(map(str, each))}" for number, each in s.orders.items()),
            *([f"commands: {', '.join(s.commands)}"] if s.commands else []),
            *([s.trouble] if s.trouble else []),
        ]
        return "\n".join(lines)

    def page(self) -> str:
        """Return how the run stands as HTML."""
        s = self.standing
        held = [[name, each, f"{qty:+,}"] for (name, each), qty in s.positions.items() if qty]
        trouble = f"<div role='alert'>{escape(s.trouble)}</div>" if s.trouble else ""
        commands = f"<div>commands: {escape(', '.join(s.commands))}</div>" if s.commands else ""
        return (
            f"<div><b>{escape(s.run)}</b> {escape(s.status)} <small>{escape(s.feed())}</small>"
            f"{trouble}{commands}</div>"
            + table(["strategy", "P&L"], [[*each] for each in s.pnl.items()], "no P&L yet")
            + table(["strategy", "instrument", "held"], held, "nothing is held")
            + table(ORDERS, [[n, *each] for n, each in s.orders.items()], "no order yet")
        )


def watch(run: str | Path, *, every_s: float = 1.0, broker: str = "paper") -> Watch:
    """Show a run's positions, P&L, orders and the age of its feed, until it has ended.

    `run` is its folder or its name under runs/, read from its journal; else its id on the live
    board, with ALPHAPANDA_REDIS__URL.

    Raises:
        UsageError: if neither has it.
    """
    if not every_s > 0:
        raise UsageError(f"every_s = {every_s}: a time above 0")
    settings = config.load()
    for folder in (Path(run).expanduser(), settings.runs_dir / run):
        if (folder / FILE).is_file():
            return Watch(folder.name, JournalSource(folder.absolute()), every_s)
    if settings.redis.enabled:
        from alphapanda.projection.live_redis import RedisLive  # noqa: PLC0415 (redis)

        return Watch(str(run), BoardSource(RedisLive(settings), broker, str(run)), every_s)
    raise UsageError(
        f"{run}: no folder with a journal, and no board is set (ALPHAPANDA_REDIS__URL)"
    )
