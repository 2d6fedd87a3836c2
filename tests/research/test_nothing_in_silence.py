"""Rows read are rows used and rows left out with a count; each order request counts once."""

# ruff: noqa: ANN001, ANN201, D102 (strategies are written as traders write them)
from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import alphapanda
from alphapanda import bracket, buy_limit, buy_stop, cancel, sell, sell_limit, strategy, target
from alphapanda.cli.show import result_table
from alphapanda.research.lines import request_rows
from alphapanda.research.requests import ENDS
from tests.support.running import session


@strategy(compiled=False)
class Restless:
    """Asks for orders of every kind that end in every way, by the last digits of the time."""

    def start(self):
        self.last = 0

    def on_tick(self, ctx):
        dice = ctx.now // 1_000_000 % 97
        if dice < 12:
            target(ctx, dice - 4)
        elif dice < 20:
            self.last = buy_limit(ctx, 3, ctx.last - ctx.last % 500 - 500 * (dice - 11))
        elif dice < 24 and self.last:
            cancel(ctx, self.last)
        elif dice < 27:
            self.last = sell_limit(ctx, 900_000, ctx.last - ctx.last % 500 + 5_000)
        elif dice < 30:
            buy_stop(ctx, 1, ctx.last - ctx.last % 500 + 500 * (dice - 28))
        elif dice == 30:
            sell(ctx, 2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_request_counts_once_on_every_surface(tmp_path: Path, seed: int) -> None:
    """Ends add up to the total, in the summary, in its file, and in the table of orders."""
    out = tmp_path / "run"
    result = alphapanda.backtest(
        Restless, session(1, 1_500), jit=False, seed=seed, latency=f"{seed * 40}ms", out=out,
        volume_share=f"{seed * 2}%", limit_fill="queue" if seed == 3 else "touch",
    )  # fmt: skip
    told = result.summary["requests"]
    assert told["total"] == sum(told[end] for end in ENDS) > 50
    assert json.loads((out / "summary.json").read_text())["requests"] == told
    statuses = result.table("orders")["status"].to_pylist()
    for end in ("cancelled", "expired", "failed", "filled", "open"):
        assert statuses.count(end) == told[end], end
    rules = result.table("rejections")["rule"].to_pylist()
    late = rules.count("UNKNOWN_ORDER")  # a cancel of what has ended asks for no order
    assert len(rules) - late == told["refused"]
    assert len(statuses) + told["refused"] == told["total"]
    filled = sum(told["filled_quantity"].values())
    assert filled == sum(abs(int(one)) for one in result.table("fills")["qty"].to_pylist())
    rows = request_rows(result.summary)
    assert (
        sum(int(text.partition(" ")[0].replace(",", "")) for _, text in rows[1:]) == told["total"]
    )
    with StringIO() as terminal:
        Console(file=terminal, width=160).print(result_table(result, width=160))
        texts = [terminal.getvalue(), result._repr_html_(), (out / "report.html").read_text()]
    for text in (re.sub(r"<[^>]+>|&nbsp;", " ", each) for each in texts):
        for name, told_there in rows:
            wanted = rf"{re.escape(name.strip())}[^0-9A-Za-z]+{re.escape(told_there)}"
            assert re.search(wanted, text), (name, told_there)


@strategy(compiled=False)
class Held:
    """Buys with exits that the market never reaches, and holds."""

    def on_bar(self, ctx):
        if ctx.position == 0:
            bracket(ctx, 10, ctx.close // 2 // 500 * 500, ctx.close * 2 // 500 * 500)


@pytest.mark.parametrize("days", [1, 2, 3])
def test_exits_that_sleep_count_once(days: int) -> None:
    """Of each session they expire; at the end of the data they are not open beside that."""
    rows = [
        (f"2025-07-0{day} 09:{15 + minute}:00+05:30", 100.0, 100.0, 100.0, 100.0, 1_000)
        for day in range(1, days + 1) for minute in range(3)
    ]  # fmt: skip
    columns = ("date", "open", "high", "low", "close", "volume")
    frame = pd.DataFrame(rows, columns=list(columns))
    frame["date"] = pd.to_datetime(frame["date"])
    frame["symbol"] = "INFY"
    result = alphapanda.backtest(Held, frame, jit=False, limits="wide")
    told = result.summary["requests"]
    assert (told["filled"], told["expired"], told["open"]) == (1, 2 * days, 0)
    assert told["total"] == sum(told[end] for end in ENDS)
    statuses = result.table("orders")["status"].to_pylist()
    assert sorted(statuses) == ["expired"] * 2 * days + ["filled"]
    assert not any("still open" in note for note in result.summary["notes"])


def broken(rng: np.random.Generator, count: int) -> pa.Table:
    """Return minutes of a share with repeats, steps back, prices of 0 and nulls among them."""
    start = np.datetime64("2025-08-04T09:15", "ns").astype(np.int64) - 19_800 * 10**9
    ts = start + np.arange(count) * 60 * 10**9
    close: list[Any] = list(np.round(100 + rng.normal(0, 0.1, count).cumsum(), 2))
    for place in rng.choice(count, count // 9, replace=False).tolist():
        kind = rng.integers(4)
        if kind == 0 and place:
            ts[place] = ts[place - 1]
        elif kind == 1 and place > 2:
            ts[place] = ts[place - 2] - 1
        else:
            close[place] = None if kind == 2 else 0.0
    prices = pa.array(close, pa.float64())
    ohlc = dict.fromkeys(("open", "high", "low", "close"), prices)
    stamps = pa.array(ts).cast(pa.timestamp("ns", tz="UTC"))
    return pa.table({"date": stamps, **ohlc, "volume": pa.array(rng.integers(1, 9, count))})


@pytest.mark.parametrize("seed", range(4))
def test_rows_read_are_rows_used_and_rows_dropped(tmp_path: Path, seed: int) -> None:
    """With --repair each row is run or counted by what was wrong with it."""
    table = broken(np.random.default_rng(seed), 200)
    path = tmp_path / "NSE_PANDA_minute.parquet"
    pq.write_table(table, path)
    used = alphapanda.backtest(Quiet, path, jit=False, repair=True, interval="1m").summary
    assert used["ticks"] + sum(used["repairs"].values()) == len(table)
    assert used["repairs"]


@strategy(compiled=False)
class Quiet:
    """Does nothing."""

    def on_bar(self, ctx):
        pass


@pytest.mark.parametrize("limits", ["default", "wide"])
def test_days_before_the_tables_run_with_notes(tmp_path: Path, limits: str) -> None:
    """Margins of 1989 are those of the first day that the table has, and that is said."""
    table = broken(np.random.default_rng(7), 60)
    back = 13_300 * 86_400 * 10**9
    stamps = pa.array(np.asarray(table["date"].cast(pa.int64())) - back)
    times = stamps.cast(pa.timestamp("ns", tz="UTC"))
    path = tmp_path / "NSE_OLD_minute.parquet"
    pq.write_table(table.set_column(0, "date", times), path)
    made = alphapanda.backtest(
        Quiet, path, jit=False, repair=True, limits=limits, interval="1m", calendar="always",
    )  # fmt: skip
    assert any("margins: unknown before 2000-01-01" in note for note in made.summary["notes"])
