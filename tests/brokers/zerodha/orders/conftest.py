"""One simulator for all tests of orders; its rows pass when a test says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.kitesim import Server, write_instruments, write_recording
from tests.support.orders import access_token

SCRIPT = """
[account]
cash = "5000000"
holdings = [{ name = "NSE:INFY", quantity = 100, average = "1400" }]
"""


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a simulator with Kite's limits."""
    folder = tmp_path_factory.mktemp("venue")
    script = folder / "faults.toml"
    script.write_text(SCRIPT)
    with Server.start(
        "--data", write_recording(folder / "ticks.parquet"), "--speed", "step", "--faults", script,
        "--instruments", write_instruments(folder / "instruments_20251229.csv"),
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="session")
def token(venue: Server) -> str:
    """Return an access token."""
    return access_token(venue)
