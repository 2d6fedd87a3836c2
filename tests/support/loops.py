"""Compiled loops that tests share, as a core costs 40 s, and one of one piece as much."""

from __future__ import annotations

import shutil
from functools import cache as once
from pathlib import Path

import pyarrow.parquet as pq

import alphapanda
from alphapanda.engine.compiler import cache
from tests.support.harness import cache_dir
from tests.support.running import ROOT, session

FAILS = '''
from alphapanda import param, state, strategy, target

def share(whole, parts):
    """Divide."""
    return whole // parts

@strategy(compiled=COMPILED)
class Fails:
    """Buys and sells in turn, and fails in some way."""
    way = param(0)
    turn = param(100, ge=1)
    size = param(1, ge=1)
    seen = state(0)
    level = state(0.0)

    def on_tick(self, ctx):
        self.seen += 1
        if self.way == 1 and self.seen == 700:
            self.seen = share(self.seen, self.seen - 700)
        if self.way == 2 and self.seen == 700:
            for k in range(100):
                target(ctx, k + 1)
                target(ctx, k + 2)
        if self.way == 3 and self.seen == 700:
            raise ValueError("no more")
        self.level = self.seen
        target(ctx, self.seen // self.turn % 2 * self.size)
'''
"""The strategy whose loop of one piece, on ticks with prices alone, all tests share."""


def written(folder: Path, *, compiled: bool = True, text: str = FAILS) -> str:
    """Return the path of a file with the strategy."""
    file = folder / "fails.py"
    file.write_text(text.replace("COMPILED", str(compiled)))
    return str(file)


@once
def prices_alone(rows: int, days: int = 1) -> str:
    """Return the path of a made-up session that has no sizes and no quotes."""
    path = Path(session(1, rows, days=days)).with_name("prices.parquet")
    pq.write_table(
        pq.read_table(session(1, rows, days=days)).select(["ts", "symbol", "last"]), path
    )
    return str(path)


def with_cores(folder: Path) -> Path:
    """Return a cache that has the cores there are, one for ticks at least, and no strategies."""
    alphapanda.backtest(str(ROOT / "strategies" / "ema_cross.py"), session(), tier="quick")
    for loop in cache_dir().iterdir():
        if cache.intact(loop) and "publish_gate" in Path(loop, cache.MODULE).read_text():
            shutil.copytree(loop, folder / loop.name)
    return folder
