"""A result in a notebook: frames, tables, figure, card; the same of a run that was written."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alphapanda
from alphapanda.errors import UsageError
from alphapanda.research import orders
from alphapanda.research.result import Result
from tests.support.running import ROOT, session

CROSS = str(ROOT / "strategies" / "ema_cross.py")
TIGHT = {"params": {"fast": 5, "slow": 20}, "cash": 20_000, "jit": False}
TABLES = ("fills", "equity", "prices", "trades", "orders", "rejections", "stats")


def made(**more: Any) -> Result:
    """Return a run of few rows that trades, and is refused much."""
    return alphapanda.backtest(CROSS, session(rows=600), **{**TIGHT, "limits": LIMITED, **more})


LIMITED = str(Path(__file__).with_name("narrow.toml"))


@pytest.fixture(scope="module")
def result() -> Result:
    return made()


def test_frames_are_those_of_pandas(result: Result) -> None:
    """Each frame has the rows that the summary counts, and rupees as floats."""
    s = result.summary
    assert len(result.fills) == s["fills"] > 10
    assert len(result.orders) == s["orders"]
    assert len(result.rejections) == s["rejected"] > 0
    assert len(result.trades) == s["stats"]["trips"]
    charges = [result.table("fills")["charges"], result.table("charges")["amount"]]
    assert sum(map(sum, (column.to_pylist() for column in charges))) == Decimal(s["charges"])
    assert Decimal(s["stats"]["charges"]) == Decimal(s["charges"])
    assert result.equity.equity.iloc[-1] == pytest.approx(float(s["equity"]))
    assert result.rejections.rule.value_counts().to_dict() == s["rejected_by"]
    filled = result.orders[result.orders.status == "filled"]
    assert (filled.filled == filled.qty.abs()).all()
    assert (filled.ended >= filled.ts).all()


@pytest.mark.parametrize("name", TABLES)
def test_tables_agree_between_libraries(result: Result, name: str) -> None:
    """Arrow, pandas and polars have the same rows and columns; exact decimals in Arrow."""
    exact = result.table(name)
    pandas, polars = result.table(name, "pandas"), result.table(name, "polars")
    assert list(pandas.columns) == polars.columns == exact.column_names
    assert len(pandas) == len(polars) == exact.num_rows
    for column in ("price", "equity", "pnl", "high"):
        if column in exact.column_names:
            value = exact[column].to_pylist()[0]
            assert isinstance(value, Decimal)
            assert float(value) == pandas[column][0] == polars[column][0]


def test_a_written_run_comes_back(result: Result, tmp_path: Path) -> None:
    """`load` gives the same tables as the run itself, and as a run that was not written."""
    written = made(out=tmp_path / "run")
    again = alphapanda.load(tmp_path / "run")
    assert again.digest == written.digest == result.digest
    for name in TABLES:
        tables = [each.table(name, "pandas") for each in (result, written, again)]
        for other in tables[1:]:
            assert other.astype(str).equals(tables[0].astype(str)), name
    assert again.table("events").num_rows == again.summary["events"]


def test_the_spool_goes_to_the_disk(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound the spool of events leaves the memory, and the tables stay the same."""
    monkeypatch.setattr(orders, "SPOOL_BYTES", 1_000)
    monkeypatch.setattr(orders, "CHUNK_ROWS", 7)
    spilled = made()
    assert spilled.source._file._rolled
    for name in ("orders", "rejections"):
        assert spilled.table(name).to_pylist() == result.table(name).to_pylist()


def test_stops_stand_where_their_orders_do() -> None:
    """The stops of a report lie between an order's time and its end, at its trigger."""
    found = alphapanda.backtest(
        ROOT / "tests" / "research" / "stopped.py", session(rows=600), jit=False, product="MIS"
    )
    stood = orders.stops(found.source, 10_000)
    stop = found.orders[found.orders.kind == "STOP"]
    assert len(stood) == len(stop) > 0
    assert sorted(each.trigger / 1e4 for each in stood) == sorted(stop.trigger)
    assert all(each.end == 0 or each.end > each.start for each in stood)


def test_the_figure_and_the_card(result: Result) -> None:
    """The figure shows the equity to its end; the card says the P&L, and has no script."""
    figure = result.plot()
    assert figure.data[0].y[-1] == pytest.approx(float(result.summary["equity"]))
    assert np.max(-np.asarray(figure.data[-1].y)) == pytest.approx(
        100 * result.stats["max_drawdown"], rel=1e-6
    )
    card = result._repr_html_()
    assert "P&amp;L after charges" in card
    assert "<script" not in card


def test_wrong_names_are_told(result: Result) -> None:
    """A wrong table or library is a mistake with a hint; all events need a folder."""
    with pytest.raises(UsageError, match="Did you mean fills"):
        result.table("fill")
    with pytest.raises(UsageError, match="write arrow, pandas, polars"):
        result.table("fills", "excel")
    with pytest.raises(UsageError, match="give backtest an out"):
        result.table("events")
