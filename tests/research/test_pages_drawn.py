"""The pages of a run and of a walk-forward in a real browser: what they draw, and say on hover."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import alphapanda
from alphapanda.research.compare import within
from alphapanda.research.heatmap import page
from alphapanda.research.sweep_result import METRICS
from tests.support.browser import chromium
from tests.support.made_bars import Made, starts
from tests.support.running import ROOT

SMA_CROSS = str(ROOT / "strategies" / "sma_cross.py")

CUT = """(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.innerText)"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of 100 days, a bar each."""
    root = tmp_path_factory.mktemp("drawn")
    ts = starts(date(2025, 2, 3), date(2025, 7, 4), 375)
    noise = np.random.default_rng(1).normal(0, 2, len(ts))
    wave = 500 + 30 * np.sin(np.arange(len(ts)) / 2) + noise
    listed = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    listed += "tick_size,lot_size,instrument_type,segment,exchange\n"
    listed += "1,1,X,X,0.0,,0.0,0.05,1,EQ,NSE,NSE\n"
    data, master = Made("NSE", {"X": wave}, ts, listed, {}).write(root)
    alphapanda.backtest(
        SMA_CROSS, str(data), params={"fast": 2, "slow": 6}, out=str(root / "run"), jit=False,
        instruments=str(master), limits="wide",
    )  # fmt: skip
    return root / "run"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give one browser to all tests."""
    with chromium() as made:
        yield made


def opened(browser: Any, path: Path, wanted: str) -> Any:
    """Return a page once it shows what is wanted; a script that failed is a failure."""
    tab = browser.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(path.as_uri())
    tab.wait_for_selector(wanted)
    assert errors == []
    return tab


def test_a_run_is_drawn_with_its_definitions(run: Path, browser: Any) -> None:
    """Rolling figures, both distributions, figures beside the benchmark; labels tell on hover."""
    tab = opened(browser, run / "report.html", "dl")
    names = tab.eval_on_selector_all("canvas", "(all) => all.map((one) => one.ariaLabel)")
    for name in ("rolling Sharpe", "rolling volatility", "price with entries"):
        assert any(name in label for label in names), name
    boxes = "[aria-label=indicators] label"
    declared = tab.eval_on_selector_all(boxes, "(all) => all.map((one) => one.textContent.trim())")
    assert declared == ["fast_sma", "slow_sma"]
    assert "every 1 d" in tab.text_content("[aria-label=indicators]")
    days = alphapanda.load(str(run)).table("days").num_rows
    counts = tab.eval_on_selector_all(
        ".bars",
        "(all) => all.map((one) => [...one.children].map((i) => +i.title.split(': ')[1]))",
    )
    trips = alphapanda.load(str(run)).table("trades").num_rows
    assert [sum(each) for each in counts] == [days, trips]
    told = dict(tab.eval_on_selector_all(
        "td.defined", "(all) => all.map((one) => [one.textContent, one.title])"
    ))  # fmt: skip
    assert {"Beta", "Alpha, a year", "Sharpe", "Expectancy", "Profit factor"} <= set(told)
    assert all(told.values())
    for width in (1280, 360):  # no figure is cut by the edge of its card
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.eval_on_selector_all(".columns .wide", CUT) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()


def test_runs_side_by_side_are_drawn_on_their_own_days() -> None:
    """From the first to the last of a run's times, in ms; a run without any has none."""
    second = 10**9
    some, none = np.array([3, 9]) * second, np.array([], np.int64)
    assert within([some, none, np.array([12]) * second]) == [3_000, 12_000]
    assert within([none, none]) is None


def test_a_walk_forward_draws_its_test_days(tmp_path: Path, browser: Any) -> None:
    """One point a test day, of all windows as one account; a window without a choice draws none."""
    closes = [[f"2025-09-{day:02}", f"{1_000_000 + day * day}.00"] for day in range(1, 9)]
    test = {"train": ["2025-08-01", "2025-08-29"], "params": None, "in_sample": None}
    summary = {
        "strategy": "x", "combos": 1, "from": "2025-08-01", "to": "2025-09-08", "days": 28,
        "ticks": 100, "skipped": 0, "warning": "", "best": None, "metric": "pnl",
        "walk_forward": "20d/4d",
        "windows_table": [{**test, "test": [day, day], "out_of_sample": None}
                          for day in ("2025-09-01", "2025-09-05")],
        "out_of_sample": {"pnl": "64.00", "return": 0.0, "sharpe": 1.0, "windows": 2,
                          "windows_with_profit": 2, "closes": closes},
    }  # fmt: skip
    columns = {name: [1.0] for name in (*METRICS, "fast", "fills")}
    html = page(summary, pa.table(columns), {"fast": "fast"}, METRICS, window="window")
    (tmp_path / "walk.html").write_text(html)
    tab = opened(browser, tmp_path / "walk.html", "#curve")
    points = tab.get_attribute("#curve polyline", "points").split()
    assert len(points) == len(closes)
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights, reverse=True)
    assert len(tab.query_selector_all("#curve line")) == 1
    tab.close()
