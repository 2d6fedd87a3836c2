"""What nobody can buy is not bought: an index; and a contract is where it is listed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import alphapanda
from alphapanda import buy, strategy
from alphapanda.data.names import full_name
from alphapanda.errors import UsageError
from alphapanda.model.calendar import Calendar
from alphapanda.model.contracts import by_name
from alphapanda.model.instruments import Segment


@strategy(compiled=False)
class Buyer:
    """Buys on each bar."""

    def on_bar(self, ctx: Any) -> None:
        """Buy one."""
        buy(ctx, 1)


def frame(*names: str) -> pd.DataFrame:
    """Return minutes of some instruments."""
    times = pd.date_range("2025-07-01 09:15", periods=5, freq="1min", tz="Asia/Kolkata")
    return pd.concat(
        pd.DataFrame({"ts": times, "symbol": name, "open": 100.0, "high": 100.5, "low": 99.5,
                      "close": 100.0, "volume": 100_000})
        for name in names
    ).sort_values(["ts", "symbol"])  # fmt: skip


def run(*names: str, **options: Any) -> Any:
    """Buy each of some instruments on each of its bars."""
    return alphapanda.backtest(Buyer, frame(*names), jit=False, limits="wide", **options)


@pytest.mark.parametrize("name", ["NIFTY 50", "NIFTYPSU BANK", "INDIA VIX", "CNXIT"])
def test_an_index_alone_is_refused(name: str) -> None:
    """There is nothing to trade, and the message says what can be done."""
    with pytest.raises(UsageError, match=r"is an index, .* --costs none or a rate"):
        run(name)


def test_beside_a_share_its_orders_are_refused() -> None:
    """A strategy may watch an index; what it asks for there is refused, and told with a count."""
    result = run("INFY", "NIFTY BANK")
    assert set(result.fills["instrument"]) == {"NSE:INFY"}
    assert result.summary["rejected_by"] == {"UNTRADABLE": 5}
    assert any(
        "UNTRADABLE: 5 refused" in note and "ETF" in note for note in result.summary["notes"]
    )


@pytest.mark.parametrize("costs", ["none", "0.03%"])
def test_without_a_market_s_charges_an_index_is_a_series(costs: str) -> None:
    """Then it is run, and the note says what its fills are."""
    result = run("NIFTY 50", costs=costs)
    assert len(result.fills) == 4
    assert any("can't be bought" in note for note in result.summary["notes"])


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("CRUDEOIL25JULFUT", "MCX:CRUDEOIL25JULFUT"),
        ("GOLDM25AUG97000CE", "MCX:GOLDM25AUG97000CE"),
        ("CRUDEOIL", "MCX:CRUDEOIL"), ("NATURALGAS-I", "MCX:NATURALGAS-I"),
        ("COPPER1!", "MCX:COPPER1!"), ("USDINR", "CDS:USDINR"), ("NIFTY-I", "NFO:NIFTY-I"),
        ("BANKNIFTY2!", "NFO:BANKNIFTY2!"), ("SENSEX25JULFUT", "BFO:SENSEX25JULFUT"),
    ],
)  # fmt: skip
def test_a_contract_is_where_its_underlying_is_listed(symbol: str, name: str) -> None:
    """A series of futures and a commodity's bare name too: none of them is a share."""
    assert full_name(symbol, None) == name
    assert by_name(name, Calendar.nse()).segment in (Segment.FUTURES, Segment.OPTIONS)


@pytest.mark.parametrize("symbol", ["SILVER", "GOLDBEES", "BAJAJ-AUTO", "LEADER", "SENSEX"])
def test_what_only_sounds_so_stays_a_share(symbol: str) -> None:
    """An ETF is called SILVER; an index has no contract in its name."""
    assert full_name(symbol, None) == f"NSE:{symbol}"


@pytest.mark.parametrize(
    ("name", "home"),
    [("NFO:CRUDEOIL25JULFUT", "MCX"), ("NSE:NIFTY25JULFUT", "NFO"), ("NSE:GOLD", "MCX"),
     ("NFO:SENSEX2570381000CE", "BFO"), ("NFO:USDINR25JULFUT", "CDS")],
)  # fmt: skip
def test_a_contract_elsewhere_is_refused(name: str, home: str) -> None:
    """Its charges would be another exchange's: the message has its right name."""
    with pytest.raises(UsageError, match=f"name it {home}:"):
        by_name(name, Calendar.nse())


def test_commodities_have_no_shipped_charges() -> None:
    """They are refused until a file gives them, not charged as shares."""
    with pytest.raises(UsageError, match="no charges are known for FUTURES on MCX"):
        run("CRUDEOIL-I")
