"""Every strategy of the kit on real data of its kind: its account, its digest and its honesty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

import alphapanda
from alphapanda.data.importers.importing import import_files
from alphapanda.data.importers.source import Wanted
from alphapanda.data.synth.chain import synthesize_chain
from alphapanda.data.synth.sessions import synthesize
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.native import load
from alphapanda.engine.compiler.program import GENERAL, bind_declared, unbound
from alphapanda.model.charges import ChargeClass, Schedule
from alphapanda.model.instruments import Exchange
from alphapanda.runs.discovery import in_file
from tests.support.harness import cache_dir
from tests.support.made_bars import Made, futures_of_months, pair_of_shares
from tests.support.recount import Trade, differences, last_prices, recount, terms, trades
from tests.support.running import MONDAY, scratch
from tests.support.shared import shared

ROOT = Path(__file__).resolve().parents[2]
KIT = sorted(path.stem for path in (ROOT / "strategies").glob("*.py"))
INDEX = "NSE:nifty50_index_1s_2022_aug_sep"
INDICES = {"INDIAVIX", "NIFTYAUTO", "NIFTYIT", "NIFTYPSU BANK"}
"""Indices among the shares: without volume nothing fills."""


@dataclass(frozen=True)
class Market:
    """A recording, what a run on it says, and the last prices by its own words."""

    data: str
    options: dict[str, Any]
    last: dict[str, Decimal]
    product: str = "CNC"


@cache
def minutes() -> Market:
    """56 symbols of NSE, the last nine of 18 days."""
    path = shared("data", "bars", "nse_1min_kite_201608_09.parquet")
    return Market(str(path), {"from_": "2016-08-29"}, last_prices(path, price="close", time="date"))


@cache
def last_days() -> Market:
    """The last three of these days, for a check, which makes many runs."""
    return replace(minutes(), options={"from_": "2016-09-07"})


@cache
def index() -> Market:
    """NIFTY 50 each second, its last two days, in Python: no core for prices alone is compiled."""
    path = shared("data", "ticks", "nifty50_index_1s_2022_aug_sep.parquet")
    days = {"from_": "2022-09-29", "jit": False}
    return Market(str(path), days, last_prices(path, name=INDEX))


@cache
def mornings() -> Market:
    """The index's last four days until half past ten, for a check, which makes many runs."""
    path = shared("data", "ticks", "nifty50_index_1s_2022_aug_sep.parquet")
    part = scratch() / path.name
    with duckdb.connect() as connection:
        connection.execute(f"""
            COPY (SELECT * FROM '{path}' WHERE time >= '2022-09-27 00:00:00+05:30'
                  AND time::TIMETZ < '05:00:00+00') TO '{part}' (FORMAT parquet)
        """)
    return Market(str(part), {"jit": False}, {})


@cache
def future() -> Market:
    """Five minutes of a future's full ticks."""
    path = shared("data", "ticks", "kite_full_NIFTY25DECFUT_20251229.parquet")
    options = {"exchange": "NFO", "limits": "wide", "cash": 100_000_000}
    last = last_prices(path, exchange="NFO", symbol="trading_symbol")
    return Market(str(path), options, last, product="NRML")


@cache
def chain() -> Market:
    """A day of NIFTY's option chain, imported with its contracts; nothing is held at the end."""
    root = scratch()
    path = shared("data", "options", "nse_option_chain_NIFTY_20250829.parquet")
    import_files(root, [path], Wanted())
    (master,) = (root / "instruments").glob("*.csv")
    options = {"instruments": str(master), "limits": "wide", "jit": False}
    return Market(str(root), options, {}, product="NRML")


@cache
def near_chain() -> Market:
    """The same day of the nearest expiry, 20 strikes, each third minute: few rows."""
    return part_of_chain("Expiry_Date = '2025-09-02'", "24100 AND 25050")


def part_of_chain(expiries: str, strikes: str) -> Market:
    """Import a part of the chain's day."""
    root = scratch()
    path = shared("data", "options", "nse_option_chain_NIFTY_20250829.parquet")
    part = root / path.name
    with duckdb.connect() as connection:
        connection.execute(f"""
            COPY (SELECT * FROM '{path}' WHERE {expiries}
                  AND Strike_Price BETWEEN {strikes}
                  AND minute(Fetch_Time) % 3 = 0) TO '{part}' (FORMAT parquet)
        """)
    import_files(root / "data", [part], Wanted())
    (master,) = (root / "data" / "instruments").glob("*.csv")
    options = {"instruments": str(master), "limits": "wide"}
    return Market(str(root / "data"), options, {}, product="NRML")


@cache
def made_up_chain() -> Market:
    """A day of a made-up share and its options; nothing is held at the end."""
    root = scratch()
    shares, listed = root / "shares.parquet", root / "listed.csv"
    synthesize(shares, day=MONDAY, instruments=1, ticks_per_instrument=800)
    synthesize_chain(
        root / "chain.parquet", listed, shares=["PANDA"], day=MONDAY, days=1, strikes=2,
        ticks=800, seed=7,
    )  # fmt: skip
    options = {"instruments": str(listed), "limits": "wide", "cash": 10_000_000}
    return Market(str(root / "*.parquet"), options, {}, product="MIS")


@cache
def two_expiries() -> Market:
    """The same day of the next two expiries, six strikes, each third minute."""
    return part_of_chain("Expiry_Date IN ('2025-09-02', '2025-09-09')", "24400 AND 24650")


@cache
def planted_pair() -> Market:
    """Three days of two made-up shares that come back to each other within minutes."""
    return made_up(pair_of_shares(seed=3, planted=True), product="MIS")


@cache
def three_futures() -> Market:
    """Six weeks of a made-up index future of three months, a bar each quarter of an hour.

    Nobody publishes so long a recording of three contracts: the prices are a random walk.
    """
    return made_up(futures_of_months(), product="NRML")


def made_up(made: Made, product: str) -> Market:
    """Write made-up bars and their contracts down."""
    root = scratch()
    data, listed = made.write(root)
    options = {"instruments": str(listed), "limits": "wide", "cash": 100_000_000}
    symbol = "split_part(symbol, ':', 2)"
    last = last_prices(data, price="close", time="ts", symbol=symbol, exchange=made.exchange)
    return Market(str(data), options, last, product)


@dataclass(frozen=True)
class Case:
    """What a strategy is run on."""

    market: Any = minutes
    options: dict[str, Any] = field(default_factory=lambda: {"instrument": FEW})
    rerun: dict[str, Any] = field(default_factory=dict)
    """For reruns, where all of it would take minutes."""
    tier: str = "auto"
    """In which batches are cut: QUICK has hooks compiled, for a core that all of them share."""
    batch: int = 37
    depends: bool = False
    """If by its definition the first decisions depend on where the data begin."""
    checked: Any = None
    """The market of `check`, which makes many runs, where not the same."""
    order: bool = False
    """If by its definition it acts on each leg's row, and so on which comes first."""


FEW = ("INFY", "SBIN", "TATASTEEL")
NEAR = tuple(
    f"NIFTY25902{strike}{kind}" for strike in (24500, 24550, 24600) for kind in ("CE", "PE")
)
BANKS = {"instrument": ("HDFCBANK", "ICICIBANK"), "product": "MIS"}
PLANTED = {"instrument": ("LEFT", "RIGHT"), "product": "MIS", "params": {"window": 300}}
DAYS = {"from_": "2016-09-01", "to": "2016-09-02"}
CASES = {
    **dict.fromkeys(KIT, Case(tier="quick", checked=last_days)),
    "calendar_spread": Case(two_expiries, {}, batch=997),
    "cointegrated_pair": Case(planted_pair, PLANTED, tier="quick"),
    "delta_hedged_straddle": Case(made_up_chain, {"product": "MIS"}, batch=997),
    "ema_cross": Case(index, {}, batch=997, depends=True, checked=mornings),
    "futures_roll": Case(three_futures, {}, batch=7),
    "gap_fade": Case(
        minutes, {"instrument": FEW, "product": "MIS"}, tier="quick", checked=last_days
    ),
    "hedged_pairs": Case(minutes, BANKS, tier="quick", checked=last_days),
    "iron_condor": Case(near_chain, {}, batch=997),
    "learned_odds": Case(minutes, {"instrument": "INFY"}),
    "market_maker": Case(future, {}, batch=1),
    "momentum": Case(minutes, {}, DAYS, batch=50, tier="quick"),
    "monthly_rebalance": Case(minutes, {"instrument": FEW, "from_": "2016-08-31"}),
    "quiet_reversal": Case(index, {"params": {"depth": 1.0}}, batch=997, checked=mornings),
    "ratio_hedge": Case(
        minutes, {**BANKS, "params": {"window": 120}}, tier="quick", checked=last_days
    ),
    "short_straddle": Case(chain, {}, {"instrument": NEAR}),
    "spread": Case(
        minutes, {**BANKS, "params": {"quantity": 10}}, order=True, tier="quick", checked=last_days
    ),
}
PYTHON = {"learned_odds", "quiet_reversal"}
QUICK = {name for name, case in CASES.items() if case.tier == "quick"}
each_of_the_kit = pytest.mark.parametrize("name", KIT)


def run(name: str, **more: Any) -> Any:
    """Run a strategy of the kit."""
    case, market = CASES[name], CASES[name].market()
    given = {**market.options, **case.options, **more}
    if name == "momentum":
        given["instrument"] = fifty(market)
    return alphapanda.backtest(str(ROOT / "strategies" / f"{name}.py"), market.data, **given)


def fifty(market: Market) -> tuple[str, ...]:
    """Return the first fifty shares, indices left out."""
    names = [name.removeprefix("NSE:") for name in sorted(market.last)]
    return tuple(name for name in names if name not in INDICES)[:50]


@cache
def whole(name: str) -> Any:
    """Return the run of a strategy over all its data, made once."""
    return run(name)


def forced(made: list[Trade]) -> Iterator[date]:
    """Yield the day of each order by which the broker closed an intraday position of the account.

    The broker sends no more than 30,000 shares at once.
    """
    closed: dict[tuple[date, str], int] = defaultdict(int)
    for trade in made:
        if trade.order and (trade.ts // 10**9 + 19_800) % 86_400 > 55_200:
            closed[trade.day, trade.instrument] += trade.qty
    for (day, _), qty in sorted(closed.items()):
        yield from [day] * -(-abs(qty) // 30_000)


@each_of_the_kit
def test_account_is_counted_again(name: str) -> None:
    """P&L, cash, positions and each kind of charge are those of its fills, to the paisa."""
    result, market = whole(name), CASES[name].market()
    made = trades(result.table("fills"))
    assert len(made) > 3
    product = CASES[name].options.get("product", market.product)
    counted = recount(
        made, market.last, schedule=Schedule.parse("zerodha"), terms=terms(product),
        cash=Decimal(result.summary["cash"]),
        squared_off=list(forced(made)) if product == "MIS" else (),
        squared_terms=(ChargeClass.INTRADAY, Exchange.NSE),
    )  # fmt: skip
    assert differences(result, counted) == []


@each_of_the_kit
def test_batches_do_not_show(name: str) -> None:
    """Cut into single rows, or small batches where there are many, it gives the same bytes.

    Compiled where all at once was Python, and the other way round. Days of single rows, of any
    kind, are cut in `tests/core/test_laws.py`.
    """
    case = CASES[name]
    at_once = run(name, **case.rerun) if case.rerun else whole(name)
    cut = run(name, **{**case.rerun, "batch": case.batch, "tier": case.tier})
    assert cut.digest == at_once.digest
    assert cut.summary["fills"] > 3
    assert cut.summary["tier"] == ("plain" if case.tier == "auto" else case.tier)


@pytest.mark.parametrize("name", sorted(set(KIT) - PYTHON - QUICK))
def test_hooks_can_be_compiled(name: str) -> None:
    """What is run in Python here can be compiled, whether a core of its data is at hand or not."""
    spec = in_file(str(ROOT / "strategies" / f"{name}.py"))
    shape = Shape((spec,), 0, frozenset({"last", "bid", "bid_qty", "ask", "ask_qty"}), (True,))
    hooks = bind_declared(unbound(shape), {**shape.flags, **GENERAL})
    assert load(hooks, "publish", (spec,), cache_dir()) is not None


@each_of_the_kit
def test_check_finds_nothing(name: str) -> None:
    """No decision uses the future or chance; what depends on where data begin says so, or waits."""
    case = CASES[name]
    market = (case.checked or case.market)()
    given = {**market.options, **case.options, **case.rerun}
    if name == "momentum":
        given["instrument"] = fifty(market)
    file = str(ROOT / "strategies" / f"{name}.py")
    made = alphapanda.check(file, market.data, cuts=2, **{**given, "jit": name == "momentum"})
    assert {finding["kind"] for finding in made.findings} == ({"order"} if case.order else set())
    assert made.summary["decisions"] > 3
    said = [note for note in made.summary["notes"] if "agree with a longer history" in note]
    assert bool(said) == case.depends


def test_momentum_holds_few_of_fifty() -> None:
    """The cross-section is of fifty shares, of which at most five are held."""
    summary = whole("momentum").summary
    assert len(summary["instruments"]) == 50
    assert summary["fills"] > 500
    assert len(summary["open_positions"]) <= 5


def test_the_straddle_sells_both_and_stops_one() -> None:
    """The call and the put nearest the money are sold; one is stopped, one bought at the end."""
    fills = whole("short_straddle").table("fills").to_pylist()
    sold = [fill for fill in fills if fill["qty"] < 0]
    assert [fill["instrument"] for fill in sold] == [
        "NFO:NIFTY2590224550CE", "NFO:NIFTY2590224550PE",
    ]  # fmt: skip
    bought = [fill for fill in fills if fill["qty"] > 0]
    assert [fill["position"] for fill in bought] == [0, 0]
    prices = {fill["instrument"]: fill["price"] for fill in sold}
    stopped = [fill for fill in bought if fill["ts"].hour < 15]
    assert len(stopped) == 1
    assert stopped[0]["price"] > prices[stopped[0]["instrument"]] * Decimal("1.25")


@pytest.mark.parametrize("seed", [3, 4])
def test_a_pair_is_traded_where_one_is_planted_alone(seed: int) -> None:
    """Two walks that have nothing in common bring no order; both legs of a planted pair are hit."""
    walks = made_up(pair_of_shares(seed=seed, planted=False, days=5), product="MIS")
    file = str(ROOT / "strategies" / "cointegrated_pair.py")
    none = alphapanda.backtest(file, walks.data, **walks.options, **PLANTED, jit=False)
    assert none.summary["requests"]["total"] == 0
    fills = whole("cointegrated_pair").table("fills").to_pylist()
    assert len(fills) > 20
    assert {fill["instrument"] for fill in fills} == {"NSE:LEFT", "NSE:RIGHT"}
    for one in fills:
        others = [fill for fill in fills if fill["ts"] == one["ts"]]
        assert sorted(fill["qty"] > 0 for fill in others) == [False, True]


def test_the_calendar_sells_the_near_expiry_and_buys_the_far_one() -> None:
    """One strike in two expiries, the later one bought; nothing is held behind 15:20."""
    fills = whole("calendar_spread").table("fills").to_pylist()
    first = {fill["instrument"]: fill["qty"] for fill in fills[:2]}
    assert first == {"NFO:NIFTY2590924550CE": 75, "NFO:NIFTY2590224550CE": -75}
    assert [fill["position"] for fill in fills[2:]] == [0, 0]


def test_a_future_is_rolled_the_day_before_it_expires() -> None:
    """The next month is bought on the day on which this one is sold, and one is held throughout."""
    fills = whole("futures_roll").table("fills").to_pylist()
    seen = sorted((str(f["ts"])[:10], f["instrument"][9:-3], f["qty"]) for f in fills)
    assert seen == [
        ("2025-09-22", "25SEP", 75),
        ("2025-09-29", "25OCT", 75), ("2025-09-29", "25SEP", -75),
        ("2025-10-27", "25NOV", 75), ("2025-10-27", "25OCT", -75),
    ]  # fmt: skip


def test_a_hedge_is_short_while_what_it_hedges_is_long() -> None:
    """The hedge is never bought beyond flat, and no day ends with either leg."""
    fills = whole("ratio_hedge").table("fills").to_pylist()
    assert min(f["position"] for f in fills if f["instrument"] == "NSE:HDFCBANK") == 0
    assert max(f["position"] for f in fills if f["instrument"] == "NSE:ICICIBANK") == 0
    assert not whole("ratio_hedge").summary["open_positions"]
