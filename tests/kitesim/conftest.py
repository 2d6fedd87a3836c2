"""One recording of a share, an index and a currency contract, and one simulator over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kitesim import Server, write_instruments, write_recording

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
