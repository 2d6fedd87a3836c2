"""The page of a sweep: whole in one file, and right for one parameter, three, or nothing traded."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import alphapanda
from alphapanda.research import heatmap
from alphapanda.research.sweep_result import METRICS
from tests.sweeps.markets import GRID, SMA_CROSS, WAYS, bars

pytestmark = pytest.mark.core


def embedded(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def swept(**options: Any) -> Any:
    return alphapanda.sweep(SMA_CROSS, bars(), **{"grid": GRID, "metric": "pnl", **WAYS, **options})


def test_the_page_needs_nothing_else() -> None:
    """No address, no other file: it is opened without a network."""
    html = swept().html()
    assert not re.search(r"https?://|\bsrc=|<link|@import|url\(", html)
    assert "__DATA__" not in html


def test_the_page_holds_every_combination() -> None:
    """Axes ascending, one entry a combination, each with every metric of the table."""
    result = swept()
    data = embedded(result.html())
    assert data["axes"] == {name: sorted(values) for name, values in GRID.items()}
    assert {len(column) for column in data["columns"].values()} == {7}
    assert data["columns"]["trips"] == result.table["trips"].to_pylist()
    assert set(data["metrics"]) == set(METRICS)


def test_one_parameter_three_and_nothing_traded() -> None:
    """Other shapes give a page too; undefined figures are null, never NaN."""
    assert list(embedded(swept(grid={"fast": [3, 4]}).html())["axes"]) == ["fast"]
    three = {**GRID, "quantity": [1, 2]}
    assert len(embedded(swept(grid=three).html())["axes"]) == 3
    idle = swept(grid={"slow": [5_000, 6_000]})
    data = embedded(idle.html())
    assert data["columns"]["hit_rate"] == [None, None]
    assert idle.best is None
    assert "undefined in every combination" in idle.summary["warning"]


def test_a_huge_sweep_shows_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what a page can hold, the best by the metric are shown, and the page says so."""
    monkeypatch.setattr(heatmap, "SHOWN", 3)
    result = swept()
    data = embedded(result.html())
    best = sorted((float(v) for v in result.table["pnl"].to_pylist()), reverse=True)[:3]
    assert data["total"] == 7
    assert data["columns"]["pnl"] == pytest.approx(best, rel=1e-5)


def test_a_notebook_shows_the_page_and_the_frames() -> None:
    """`_repr_html_` frames the same page; `frame()` has the same rows in pandas and polars."""
    result = swept()
    shown = result._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "&lt;!doctype html&gt;" in shown
    pandas, polars = result.frame(), result.frame("polars")
    assert pandas["pnl"].tolist() == polars["pnl"].to_list()
    assert list(pandas.columns) == polars.columns == result.table.column_names
    assert result.best is not None
    assert float(result.best["pnl"]) == pandas["pnl"].max()
    assert result.top(1)[0]["fast"] == result.best["params"]["fast"]
