"""The shipped scripts, and faults of instruments, of hours and of the order of updates."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alphapanda.data.replay.replay import ReplayOptions
from alphapanda.errors import UsageError
from alphapanda.kitesim.acts import act
from alphapanda.kitesim.script import SHIPPED, Script, read_script, script_of
from alphapanda.kitesim.setting_up import answer_s
from alphapanda.kitesim.simulator import Simulator, Wanted
from tests.kitesim.conftest import TICKS
from tests.kitesim.test_simulator import place
from tests.support.kitesim import INFY

HOLDING = {"cash": "500000", "holdings": [{"name": "NSE:INFY", "quantity": 7, "average": "1400"}]}


def simulator(data: Path, instruments: Path, script: Script) -> Simulator:
    """Return a simulator whose rows pass when asked."""
    options = ReplayOptions(paths=[str(data)])
    sim = Simulator(Wanted(options, (instruments,), 0.0, "", script.seed, "SIM001", script))
    sim.act = lambda fault: act(sim, fault)
    return sim


def entries(sim: Simulator, kind: str) -> list[dict[str, Any]]:
    """Return what the ledger has of a kind."""
    return [entry for entry in sim.ledger.entries if entry["kind"] == kind]


def test_calm_answers_as_fast_as_kite_and_nothing_goes_wrong() -> None:
    """No fault; 20 to 80 ms of real time, which the seed decides."""
    script = read_script(Path("calm"), 3)
    assert script.faults == []
    assert answer_s(script) == (0.02, 0.08)


def test_waits_are_decided_by_the_seed(two_days: Path, instruments: Path) -> None:
    """Every answer waits within the bounds, not all as long, and the same again for a seed."""

    def waits(seed: int) -> list[float]:
        sim = simulator(two_days, instruments, read_script(Path("calm"), seed))
        found = [sim.wait_s() for _ in range(50)]
        sim.close()
        return found

    first = waits(1)
    assert all(0.02 <= wait <= 0.08 for wait in first)
    assert max(first) - min(first) > 0.03
    assert first == waits(1) != waits(2)


BAD_DAY = {
    "delay", "delay-after", "cut-before", "cut-after", "half-body", "html", "status", "timed-out",
    "error-200", "wrong-type", "too-many", "hide", "empty", "shuffle", "fill-after-cancel",
    "drop-update", "double-update", "flat-update", "late-update", "swap-update", "drop-tick",
    "double-tick", "late-tick", "zero-time", "stale-time", "odd-packet", "silent", "reset", "close",
    "close-after-handshake", "foreign-order", "fire-gtt",
}  # fmt: skip


def test_rough_is_a_bad_day(two_days: Path, instruments: Path) -> None:
    """It has what goes wrong at Kite, and the same seed writes the same ledger."""
    assert {fault.do for fault in read_script(Path("rough"), 1).faults} >= BAD_DAY

    async def live(seed: int) -> bytes:
        sim = simulator(two_days, instruments, read_script(Path("rough"), seed))
        for _ in range(40):
            await sim.step(10)
            place(sim, 5)
        await sim.step(10)
        sim.close()
        return sim.export()

    ledgers = [asyncio.run(live(seed)) for seed in (1, 1, 2)]
    assert ledgers[0] == ledgers[1] != ledgers[2]
    done = [entry["do"] for entry in json.loads(ledgers[0])["entries"] if entry["kind"] == "fault"]
    assert {"silent", "foreign-order"} <= set(done)


def test_a_script_that_is_not_shipped_is_a_file(tmp_path: Path) -> None:
    """Its name alone is looked up among the shipped ones, and nothing else."""
    assert SHIPPED == ("calm", "rough")
    with pytest.raises(Exception, match="storm"):
        read_script(tmp_path / "storm", 1)
    with pytest.raises(UsageError, match="two seconds"):
        answer_s(Script(exchange={"answer_s": [0.5]}))


def test_a_share_is_split_and_gets_another_token_overnight(
    two_days: Path, instruments: Path
) -> None:
    """Prices a tenth, ten times the shares; a new token in the dump, under which the quote is."""
    rules = {"account": HOLDING, "fault": [
        {"do": "split", "after": 5, "instrument": "NSE:INFY", "ratio": 10},
        {"do": "new-token", "after": 5, "instrument": "NSE:INFY"},
    ]}  # fmt: skip
    sim = simulator(two_days, instruments, script_of(rules, "", 1))

    async def live() -> None:
        await sim.step(TICKS)
        quote = sim.market.by_key["NSE:INFY"]
        before = quote.last
        assert quote.listing.token == INFY
        assert sim.account.holdings["NSE:INFY"].quantity == 7
        await sim.step(3)
        assert abs(quote.last - before // 10) < 5_000
        assert quote.close == before // 10
        held = sim.account.holdings["NSE:INFY"]
        assert (held.quantity, held.average) == (70, 1_400_000)
        token = quote.listing.token
        assert token != INFY
        assert token % 256 == INFY % 256
        assert sim.market.by_token[token] is quote
        assert INFY not in sim.market.by_token
        assert f"\n{token},{token // 256},INFY," in sim.listings.dump()
        assert [entry["kind"] for entry in sim.ledger.entries[-3:]].count("fault not done") == 0

    asyncio.run(live())
    sim.close()


def test_hours_may_repeat_and_a_fault_that_can_not_be_is_noted(
    two_days: Path, instruments: Path
) -> None:
    """Each so many seconds of the market, whoever looks when; one without an instrument is told."""
    rules = {"fault": [
        {"do": "foreign-order", "after": 10, "repeat": 30, "qty": 1},
        {"do": "circuit", "after": 20, "instrument": "NSE:NOBODY"},
    ]}  # fmt: skip
    sim = simulator(two_days, instruments, script_of(rules, "", 1))

    async def live() -> None:
        await sim.step(100)  # the rows of seconds 0 to 99

    asyncio.run(live())
    sim.close()
    assert len(entries(sim, "trade")) == 3  # after 10, 40 and 70 s
    assert all(not entry["app"] for entry in entries(sim, "placed"))
    (told,) = entries(sim, "fault not done")
    assert "NSE:NOBODY" in told["text"]


def test_a_trigger_fires_though_nobody_made_one(two_days: Path, instruments: Path) -> None:
    """The person's own GTT places an order that no program sent."""
    rules = {"fault": [{"do": "fire-gtt", "after": 5}]}
    sim = simulator(two_days, instruments, script_of(rules, "", 1))
    asyncio.run(sim.step(10))
    sim.close()
    (placed,) = entries(sim, "placed")
    assert placed["tag"] is None
    assert [order.meta["gtt"] for order in sim.exchange.orders.values()] == [100_001]


def test_the_last_update_may_come_before_the_one_before(two_days: Path, instruments: Path) -> None:
    """COMPLETE is sent first, then what had been held back; nothing is lost."""
    rules = {"fault": [{"do": "swap-update", "times": 1}]}
    sim = simulator(two_days, instruments, script_of(rules, "", 1))
    sent: list[tuple[str, int]] = []
    sim.hub.tell = lambda _, update: sent.append((update["status"], update["filled_quantity"]))  # type: ignore[method-assign,assignment]

    async def live() -> None:
        await sim.step(2)
        place(sim, 15)  # 10 at once, the rest with the next row
        sim.report()
        await sim.step(1)

    asyncio.run(live())
    sim.close()
    assert sent == [("COMPLETE", 15), ("UPDATE", 10)]


def test_candles_are_of_trading_hours(tmp_path: Path, instruments: Path) -> None:
    """Rows before the open, at the close and after it are in none; 09:15 and 15:29 are."""
    day = datetime(2025, 12, 29, tzinfo=UTC) - timedelta(minutes=330)
    moments = [(9, 7), (9, 14), (9, 15), (12, 0), (15, 29), (15, 30), (15, 45)]
    rows = [
        {"time": day + timedelta(hours=hour, minutes=minute), "symbol": "NSE:INFY",
         "last_price": 1500.0, "volume_traded": 10 * n}
        for n, (hour, minute) in enumerate(moments, 1)
    ]  # fmt: skip
    path = tmp_path / "day.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    sim = simulator(path, instruments, Script())
    asyncio.run(sim.step(len(rows)))
    sim.close()
    quote = sim.market.by_key["NSE:INFY"]
    found = [*quote.candles.between(0, 1 << 62, "minute")]
    assert [candle[0] // 60_000_000_000 % 1440 for candle in found] == [225, 390, 599]
    assert quote.volume == 10 * len(moments)
