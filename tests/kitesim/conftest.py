"""One recording of a share, an index and a currency contract, and one simulator over it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.kitesim import START, Server, write_instruments, write_recording

SCRIPT = """
[account]
cash = "500000"
holdings = [{ name = "NSE:INFY", quantity = 100, average = "1400" }]

[exchange]
limits = false
"""


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of ticks."""
    return write_recording(tmp_path_factory.mktemp("kitesim") / "ticks.parquet")


@pytest.fixture(scope="session")
def instruments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an instruments file."""
    return write_instruments(tmp_path_factory.mktemp("kitesim") / "instruments_20251229.csv")


@pytest.fixture(scope="session")
def server(
    recording: Path, instruments: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a simulator whose rows pass when a test says so."""
    script = tmp_path_factory.mktemp("kitesim") / "faults.toml"
    script.write_text(SCRIPT)
    with Server.start(
        "--data", recording, "--instruments", instruments, "--speed", "step", "--faults", script
    ) as running:
        yield running


DAYS, TICKS = 2, 200


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of a share's ticks of two days, one a second, 10 shares on each side."""
    rows = [
        {
            "time": START + timedelta(days=day, seconds=n), "symbol": "NSE:INFY",
            "last_price": 1500.0 + (n % 7) * 0.05, "volume_traded": 1000 + 10 * n,
            "bid_price_1": 1499.0, "bid_qty_1": 10, "ask_price_1": 1501.0, "ask_qty_1": 10,
        }
        for day in range(DAYS) for n in range(TICKS)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("days") / "days.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
