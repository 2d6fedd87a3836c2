"""What the core says of two made-up days; `python -m tests.golden.rewrite` writes it down."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from alphapanda.engine.tier import Tier
from alphapanda.model.columns import Columns
from alphapanda.model.rows import OUT_FIELDS
from tests.core import every_hook
from tests.support.harness import MINUTE, feed, present

FILE = Path(__file__).with_name("core.json")
FIRST = 25
TICK = 500


class Chance:
    """A generator of our own, so that no library's next version changes the days."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def ints(self, count: int, most: int) -> Any:
        """Return numbers from 0 to `most`."""
        return np.fromiter((self._next() % (most + 1) for _ in range(count)), np.int64, count)

    def _next(self) -> int:
        self.state = (self.state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % (
            1 << 64
        )
        return self.state >> 33


def tick_day(rows: int = 3_000) -> Columns:
    """Return ticks of three instruments with quotes and volume."""
    chance = Chance(1)
    row = chance.ints(rows, 2)
    last = 1_000_000 + np.cumsum(chance.ints(rows, 6) - 3) * TICK + row * 300_000
    near = chance.ints(rows, 2) * TICK
    return Columns.of(
        ts=every_hook.OPEN + np.cumsum(chance.ints(rows, 900_000) * 1_000), row=row, last=last,
        qty=chance.ints(rows, 40), volume=np.cumsum(chance.ints(rows, 40)), bid=last - near,
        ask=last + TICK + near, bid_qty=1 + chance.ints(rows, 60),
        ask_qty=1 + chance.ints(rows, 60), oi=chance.ints(rows, 9),
    )  # fmt: skip


def bar_day(rows: int = 2_000) -> Columns:
    """Return minute bars of two instruments with volume."""
    chance = Chance(2)
    last = 1_000_000 + np.cumsum(chance.ints(rows, 12) - 6) * TICK
    high, low = last + chance.ints(rows, 9) * TICK, last - chance.ints(rows, 9) * TICK
    opened = np.clip(last + (chance.ints(rows, 18) - 9) * TICK, low, high)
    ts = every_hook.OPEN + (np.arange(rows) // 2 + 1) * MINUTE
    return Columns.of(ts=ts, row=np.arange(rows) % 2, last=last, open=opened, high=high, low=low,
                      volume=chance.ints(rows, 90))  # fmt: skip


DAYS = {
    "ticks": (every_hook.Ticks, tick_day, 3, 0),
    "bars": (every_hook.Bars, bar_day, 2, MINUTE),
}


def said(name: str) -> dict[str, Any]:
    """Return what the core says of a day: a digest, counts by type, and the first rows."""
    cls, day, instruments, interval = DAYS[name]
    columns = day()
    engine = every_hook.desk(instruments, interval, tier=Tier.PLAIN).engine([cls], present(columns))
    rows = feed(engine, columns, every_hook.session(columns))
    packed = np.array(rows, "<i8").tobytes()
    return {
        "digest": hashlib.sha256(packed).hexdigest(),
        "rows": dict(sorted(Counter(row.type.name for row in rows).items())),
        "fields": list(OUT_FIELDS),
        "first": [[*row[:2], row.type.name, *row[3:]] for row in rows[:FIRST]],
    }  # fmt: skip


def written() -> str:
    """Return the text of the golden file: an output row a line, so that a diff reads well."""
    days = {}
    for name in DAYS:
        day = said(name)
        first = [json.dumps(row) for row in day.pop("first")]
        head = json.dumps(day, indent=2)[:-2]
        days[name] = f'{head},\n  "first": [\n    ' + ",\n    ".join(first) + "\n  ]\n}"
    return "{\n" + ",\n".join(f'"{name}": {text}' for name, text in days.items()) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(written())
