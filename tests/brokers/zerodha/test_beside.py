"""Our books beside Zerodha's: what agrees, what differs, and what is nobody's of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from alphapanda import config
from alphapanda.brokers.zerodha.beside import order_lines, position_lines
from alphapanda.brokers.zerodha.orders.reading import HoldingRow, OrderRow, PositionRow
from alphapanda.brokers.zerodha.orders.tags import Tags
from alphapanda.runs.kept_books import KeptOrder
from tests.support.kitesim import Server, write_instruments, write_recording
from tests.support.running import command
from tests.support.servers import databases
from tests.support.simulated import log_in, variables

DAY = date(2025, 12, 29)


def kept(order: int, qty: int, state: str, filled: int = 0, at: str = "") -> KeptOrder:
    """Return an order of a run."""
    return KeptOrder("run", order, "NSE:INFY", "CNC", qty, DAY, state, filled, at)


def row(order_id: str, status: str, qty: int, filled: int, *, buys: bool = True,
        tags: tuple[str, ...] = ()) -> OrderRow:  # fmt: skip
    """Return a row of the order book."""
    return OrderRow(order_id, status, "NSE:INFY", buys, "CNC", "LIMIT", "regular", "", qty, filled,
                    0, 0, tags, "", 0)  # fmt: skip


def test_orders_stand_side_by_side() -> None:
    """Each with what becomes of it at the broker; UNKNOWN is marked, kin without a run too."""
    ours = [
        kept(1, 5, "FILLED", 5, "11"), kept(2, -5, "WORKING", -2, "12"),
        kept(3, 5, "CANCELLED", 0, "13"), kept(4, 5, "FAILED"), kept(5, 5, "UNKNOWN"),
        kept(6, 5, "WORKING", 0, "16"), kept(7, 5, "WORKING", 0, "17"), kept(8, 9, "SENT"),
        kept(9, 5, "CANCELLED"),
    ]  # fmt: skip
    theirs = [
        row("11", "COMPLETE", 5, 5), row("12", "OPEN", 5, 2, buys=False),
        row("13", "CANCELLED", 5, 0), row("16", "COMPLETE", 5, 5), row("17", "OPEN", 6, 0),
        row("20", "OPEN", 1, 0), row("21", "OPEN", 1, 0, tags=(Tags("other", "AP", 3).of(1),)),
    ]  # fmt: skip
    lines = order_lines(ours, theirs)
    assert [line.standing for line in lines] == [
        "equal", "equal", "equal", "equal", "UNKNOWN", "DIFFERENT", "DIFFERENT",
        "NOT AT THE BROKER", "equal", "not ours", "OURS, UNKNOWN TO ANY RUN",
    ]  # fmt: skip
    assert [line.agrees for line in lines] == [True] * 4 + [False] * 4 + [True, True, False]
    assert (lines[1].filled, lines[1].broker_filled) == (-2, -2)


def test_positions_stand_side_by_side() -> None:
    """Shares that settled are held as well; those sold today lie in both lists and count once."""
    ours = {("NSE:INFY", "CNC"): 10, ("NSE:TCS", "CNC"): 4, ("NFO:X", "NRML"): 65}
    positions = [PositionRow("NSE:INFY", "CNC", -5, 0, 0), PositionRow("NFO:X", "NRML", 0, 0, 65),
                 PositionRow("NSE:WIPRO", "MIS", 3, 0, 0)]  # fmt: skip
    holdings = [HoldingRow("NSE:INFY", 5, 5, 5, 0, 0, 0), HoldingRow("NSE:TCS", 9, 0, 0, 0, 0, 0)]
    lines = {line.instrument: line for line in position_lines(ours, positions, holdings)}
    assert (lines["NSE:INFY"].theirs, lines["NSE:INFY"].standing) == (10, "equal")
    assert lines["NSE:TCS"].standing == "and more, not ours"
    assert (lines["NFO:X"].theirs, lines["NFO:X"].agrees) == (0, False)
    assert lines["NSE:WIPRO"].standing == "not ours"


@pytest.fixture
def server(
    tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """Give a simulator that is logged in to, in which somebody holds shares and trades."""
    script = tmp_path / "faults.toml"
    script.write_text(
        '[account]\nholdings = [{ name = "NSE:INFY", quantity = 7, average = "1400" }]\n'
        '[[fault]]\ndo = "foreign-order"\nafter = 2\ninstrument = "NSE:INFY"\nqty = 3\n'
    )
    data = write_recording(tmp_path / "ticks.parquet")
    listed = write_instruments(tmp_path / "instruments_20251229.csv")
    with (
        templates.migrated(tmp_path, "") as settings,
        Server.start("--data", data, "--speed", "step", "--faults", script, "--instruments",
                     listed) as running,
    ):  # fmt: skip
        monkeypatch.chdir(settings.base_dir)
        for name, value in variables(running, settings.base_dir).items():
            monkeypatch.setenv(name, value)
        log_in(running, config.load())
        running.step(20)
        yield running


def test_what_others_do_in_the_account_is_shown(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any run of ours all of it is somebody else's, and nothing to see to."""
    assert server.sim("state")["rows"] == 20
    told = command("orders", "--broker", "zerodha", "--json", capsys=capsys)
    assert told.status == 0, told.err
    (order,) = json.loads(told.out)["orders"]
    assert (order["standing"], order["broker_filled"], order["run"]) == ("not ours", 3, "")
    told = command("positions", "--broker", "zerodha", "--json", capsys=capsys)
    assert told.status == 0, told.err
    (held,) = json.loads(told.out)["positions"]
    assert (held["instrument"], held["theirs"], held["standing"]) == ("NSE:INFY", 10, "not ours")
    told = command("orders", "--broker", "zerodha", capsys=capsys)
    assert "not ours" in told.out
    assert command("positions", capsys=capsys).status == 2
    refused = command("orders", "ignore", "77", capsys=capsys)
    assert (refused.status, "name the RUN" in refused.err) == (2, True)
