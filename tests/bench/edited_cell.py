"""A notebook's edited cell, in a process that has already run one: prints its seconds as JSON."""

from __future__ import annotations

import json
import linecache
import sys
from time import perf_counter
from typing import Any

import pandas as pd

import alphapanda

CELL = '''
from alphapanda import sma, strategy, target

@strategy
class Edited:
    """Long while the fast average is above the slow one."""
    fast = sma(10)
    slow = sma({slow})

    def on_bar(self, ctx):
        if self.fast.value > self.slow.value + 0.00000{salt}:
            target(ctx, 1)
        elif self.fast.value < self.slow.value:
            target(ctx, 0)
'''


def run(number: int, salt: str, rows: Any) -> float:
    """Return the seconds from the cell's source to the figures."""
    source, name = CELL.format(slow=50 + number, salt=salt), f"<cell {number}>"
    started = perf_counter()
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": f"cell{number}"}
    exec(compile(source, name, "exec"), space)
    result = alphapanda.backtest(
        space["Edited"], rows, calendar="always", limits="wide", costs="0.03%", cash="10000000"
    )
    result.stats  # noqa: B018 - what the cell shows
    return perf_counter() - started


if __name__ == "__main__":
    frame = pd.read_parquet(sys.argv[1])
    times = [run(number, sys.argv[2], frame) for number in range(4)]
    print(json.dumps({"first": times[0], "edited": sorted(times[1:])[1]}))
