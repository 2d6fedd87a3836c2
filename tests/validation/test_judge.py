"""What the check can tell: when rows are known, what knows later ones, where series hide."""

# ruff: noqa: ANN001, ANN202 (strategies are written as traders write them)
from __future__ import annotations

import sqlite3
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alphapanda import strategy
from alphapanda.engine.compiler.strategy import spec_of
from alphapanda.model.calendar import DAY, IST
from alphapanda.validation.check import check
from alphapanda.validation.foresight import foresight
from alphapanda.validation.known import MINUTE, Market, known_at
from alphapanda.validation.memory import changes
from alphapanda.validation.walk import forget, holdings
from tests.support.running import session

DAYS, A_DAY = 6, 375
OPEN_NS = 20_000 * DAY - IST + (9 * 60 + 15) * MINUTE


def market() -> Market:
    """Return made-up minutes of one share: their ends and closes, in units of Rs 0.0001."""
    starts = [OPEN_NS + d * DAY + m * MINUTE for d in range(DAYS) for m in range(A_DAY)]
    moves = np.random.default_rng(1).normal(0, 500, len(starts)).astype(np.int64)
    ends = np.array(starts) + MINUTE
    return Market(ends, np.zeros(len(ends), np.int32), 5_000_000 + moves.cumsum(), MINUTE)


MARKET = market()
RUPEES = MARKET.last / 10_000


def by(minutes: int) -> tuple[Any, Any]:
    """Return starts and closes of bars of this length, day by day."""
    places = [
        (d * A_DAY + m, min(d * A_DAY + m + minutes, (d + 1) * A_DAY) - 1)
        for d in range(DAYS)
        for m in range(0, A_DAY, minutes)
    ]
    first, last = np.array(places).T
    return MARKET.ts[first] - MINUTE, RUPEES[last]


@pytest.mark.parametrize("minutes", [1, 5, 15, 60])
@pytest.mark.parametrize("label", ["start", "end", "UTC read as India's"])
def test_a_bar_is_known_when_it_is_over(minutes: int, label: str) -> None:
    """Whatever its step, the last of a day ends with the session; closes tell how it is stamped."""
    starts, closes = by(minutes)
    session = np.repeat(MARKET.ts[A_DAY - 1 :: A_DAY], -(-A_DAY // minutes))
    ends = np.minimum(starts + minutes * MINUTE, session)
    stamps = {"start": starts, "end": ends}.get(label, starts - IST)
    found = known_at(stamps, closes, MARKET, bars=True)
    if label == "UTC read as India's":
        ends = starts + minutes * MINUTE
    assert (found == ends).mean() > 0.98


def test_a_day_is_known_after_its_session() -> None:
    """A day bar stamped midnight is no fact at 09:16; one stamped 15:30 is known at its stamp."""
    midnights = np.array([20_000 * DAY - IST + d * DAY for d in range(DAYS)])
    closes = RUPEES[A_DAY - 1 :: A_DAY]
    session = MARKET.ts[A_DAY - 1 :: A_DAY]
    for told in (closes, closes * 1.001, None):
        assert (known_at(midnights, told, MARKET, bars=True) == session).all()
    assert (known_at(session, closes * 1.001, MARKET, bars=True) == session).all()


def test_events_are_known_as_they_come() -> None:
    """Rows without a step, and no bars, are no bars: each is known at its time."""
    stamps = MARKET.ts[[3, 10, 400, 401, 900, 1500]]
    assert (known_at(stamps, None, MARKET, bars=False) == stamps).all()


@pytest.mark.parametrize("ahead", [1, 5, 15, 60])
def test_values_made_of_later_rows_are_found(ahead: int) -> None:
    """Later returns, with much noise, and later closes; what is made of earlier rows is not."""
    later = np.roll(RUPEES, -ahead) / RUPEES - 1
    noise = np.random.default_rng(2).normal(0, later.std() / 2, len(later))
    leak = foresight(later + noise, MARKET.ts, MARKET)
    assert leak is not None
    assert leak.grave
    exact = foresight(np.roll(RUPEES, -ahead), MARKET.ts, MARKET)
    assert exact is not None
    assert (exact.equal, exact.ahead) == (True, ahead)
    for honest in (np.roll(RUPEES, ahead), RUPEES - np.roll(RUPEES, ahead), RUPEES):
        assert foresight(honest[ahead:], MARKET.ts[ahead:], MARKET) is None


LIST = [float(n) for n in range(40)]
OWN = {"a": {"b": LIST}}


def test_series_are_found_where_they_hide() -> None:
    """In dicts, attributes, closures, defaults, tuples, and behind caches, two levels deep."""
    box = SimpleNamespace(rows=np.arange(40.0), deep={"in": (np.arange(41.0),)})
    by_day = {f"2025-08-{n % 28 + 1:02d} 09:{n:02d}": 1.0 for n in range(40)}

    @lru_cache
    def cached():
        return by_day

    def helper(default=LIST[:35]):
        return default

    class Hides:
        own = OWN

        def on_tick(self, ctx):
            return ctx, box, cached(), helper()

    cached()
    spec = spec_of(strategy(compiled=False)(Hides))
    found = {holding.name: holding for holding in holdings([spec])}
    assert set(found) == {
        "own['a']['b']", "box.rows", "box.deep['in'][0]", "by_day", "default",
    }  # fmt: skip
    found["box.deep['in'][0]"].put(None)
    assert box.deep["in"] == (None,)
    forget([spec])
    assert cached.cache_info().currsize == 0


def test_a_difference_is_named_by_its_element() -> None:
    """The element at the row comes first, then scalars, then lengths; never a whole array."""
    one = {"times": np.arange(9), "feature": np.array([1.0, 2.0, 3.0]), "mean": 4.0}
    other = {"times": np.arange(7), "feature": np.array([1.0, 2.0, np.nan]), "mean": 4.5}
    found = changes(one, other, place=2)
    assert [name for name, _, _ in found] == ["feature[2]", "mean", "len(times)"]


def bars() -> str:
    """Return three made-up days of one share's minutes."""
    return session(1, 300, days=3, kind="bar")


def offender(folder: Path, *lines: str, head: str = "") -> str:
    """Return a strategy in plain Python whose start and hook are these lines."""
    frame = pd.read_parquet(bars())
    frame.to_csv(folder / "own.tsv", sep="\t", index=False)
    frame.assign(next=frame["close"].shift(-1)).to_pickle(folder / "own.pkl")
    with sqlite3.connect(folder / "own.sqlite") as base:
        frame[["close"]].shift(-1).to_sql("rows", base, if_exists="replace", index=False)
    start = "".join(f"        {line}\n" for line in lines[:-1]) or "        pass\n"
    path = folder / "offender.py"
    path.write_text(
        f"import os, sqlite3, time\nimport pandas as pd\nfrom alphapanda import strategy, target\n"
        f"HERE = {str(folder)!r}\n{head}\n@strategy(compiled=False)\nclass Offender:\n"
        f"    def start(self):\n        self.n = -1\n{start}"
        f"    def on_bar(self, ctx):\n        self.n += 1\n        {lines[-1]}\n"
    )
    return str(path)


SEEN_BEFORE = {
    "tsv": ("self.c = list(pd.read_csv(HERE + '/own.tsv', sep='\\t')['close'])",
            "target(ctx, 1 if self.c[min(self.n + 1, len(self.c) - 1)] > ctx.close / 1e4 else 0)"),
    "sparse": ("self.c = list(pd.read_csv(HERE + '/own.tsv', sep='\\t')['close'])",
               ("target(ctx, 1 if self.n % 75 == 9 and self.n + 3 < len(self.c)"
               " and self.c[self.n + 3] > self.c[self.n] else 0)")),
    "pickle": ("self.c = pd.read_pickle(HERE + '/own.pkl')['next'].to_numpy()",
               "target(ctx, 1 if self.c[self.n] > ctx.close / 1e4 else 0)"),
    "sqlite": (("self.c = [r[0] for r in sqlite3.connect(HERE + '/own.sqlite')"
               ".execute('select close from rows')]"),
               "target(ctx, 1 if (self.c[self.n] or 0) > ctx.close / 1e4 else 0)"),
    "rows": (("self.c = sqlite3.connect(HERE + '/own.sqlite')"
             ".execute('select rowid, close from rows').fetchall()"),
             "target(ctx, 1 if (self.c[self.n][1] or 0) > ctx.close / 1e4 else 0)"),
    "records": ("self.c = pd.read_pickle(HERE + '/own.pkl').to_dict('records')",
                "target(ctx, 1 if self.c[self.n]['next'] > ctx.close / 1e4 else 0)"),
}  # fmt: skip


@pytest.mark.parametrize("name", SEEN_BEFORE)
def test_files_that_know_what_comes(tmp_path: Path, name: str) -> None:
    """Cut where they can be; else what they hold is compared with later closes, and noted."""
    made = check(offender(tmp_path, *SEEN_BEFORE[name]), bars(), jit=False, cuts=1)
    assert [found["kind"] for found in made.findings][:1] == ["look-ahead"]
    if name in ("pickle", "sqlite", "rows", "records"):
        assert any("own.sqlite" in n or "own.pkl" in n for n in made.summary["notes"])
    for found in made.findings:
        assert len(found["values"]) <= 3
        assert all(len(str(value["with"])) < 80 for value in found["values"])


OTHERWISE = {
    "clock": "target(ctx, 1 if time.localtime().tm_yday % 5 > self.n % 5 else 0)",
    "hash": "target(ctx, 1 if hash(str(ctx.now)) % 3 == 0 else 0)",
    "batches": "target(ctx, 1 if int(ctx.core.clock[0].n_out) % 7 < 4 else 0)",
}


@pytest.mark.parametrize("how", OTHERWISE)
def test_other_causes_are_told_apart(tmp_path: Path, how: str) -> None:
    """The clock, hashes and the ends of batches are each named as what they are."""
    made = check(offender(tmp_path, OTHERWISE[how]), bars(), jit=False, cuts=1)
    assert [found["how"] for found in made.findings] == [how]


def test_the_order_within_a_moment(tmp_path: Path) -> None:
    """A strategy that decides by whichever instrument comes first is a finding of its own."""
    text = "LAST.append(ctx.row); target(ctx, 1 if LAST[-2:] == [0, 1] and self.n % 9 == 0 else 0)"
    data = session(2, 100, days=2, kind="bar")
    path = offender(tmp_path, "LAST.clear()", text, head="LAST = []")
    made = check(path, data, jit=False, cuts=1)
    assert "order" in [found["how"] for found in made.findings]


def test_comparing_nothing_is_a_finding(tmp_path: Path) -> None:
    """A strategy that never decides is not "nothing found"."""
    (found,) = check(offender(tmp_path, "pass"), bars(), jit=False, cuts=1).findings
    assert found["kind"] == "nothing compared"


def test_what_is_published_is_no_leak(tmp_path: Path) -> None:
    """A calendar of days, and training that needs its days, are honest."""
    days = sorted({str(day)[:10] for day in pd.read_parquet(bars())["date"]})
    calendar = pd.DataFrame({"date": days, "what": "expiry"})
    calendar.to_csv(tmp_path / "days.csv", index=False)
    path = offender(
        tmp_path,
        "days = pd.read_csv(HERE + '/days.csv')['date']",
        "frame = pd.read_csv(HERE + '/own.tsv', sep='\\t')",
        "assert len(frame) > 150, 'too few rows to learn from'",
        "self.mean, self.last = frame['close'][:150].mean(), days.max()",
        "target(ctx, self.n // 7 % 2 if self.n > 300 and ctx.close / 1e4 != self.mean else 0)",
    )
    made = check(path, bars(), jit=False, cuts=2)
    assert made.findings == []
