"""Official clients, unchanged, live through a day on the simulator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kitesim.conftest import SCRIPT
from tests.support.kitesim import INFY, NIFTY, USDINR, Server

CLIENTS = Path(__file__).parent / "clients"
MODULES = Path(__file__).resolve().parents[2] / "build" / "npm" / "node_modules"
"""Where `make provision` puts the JavaScript client."""
LIFE = [
    "PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN",
    "MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED", "OPEN", "CANCEL PENDING",
    "CANCELLED",
]  # fmt: skip


@pytest.fixture
def fresh(recording: Path, instruments: Path, tmp_path: Path) -> Iterator[Server]:
    """Return a simulator whose day has not begun."""
    script = tmp_path / "faults.toml"
    script.write_text(SCRIPT)
    with Server.start(
        "--data", recording, "--instruments", instruments, "--speed", "step", "--faults", script
    ) as running:
        yield running


def rehearse(server: Server, *command: str) -> dict[str, Any]:
    """Run a client's script against a simulator and return what it saw."""
    result = subprocess.run(
        [*command, json.dumps(server.facts)],
        env={**os.environ, "TZ": "Asia/Kolkata", "NODE_PATH": str(MODULES)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    seen: dict[str, Any] = json.loads(result.stdout)
    return seen


def prices(seen: dict[str, Any], mode: str) -> dict[int, float]:
    """Return the last price of each token in a mode."""
    return {int(token): tick["last"] for token, tick in seen[f"ticks {mode}"].items()}


def test_the_python_client_lives_through_a_day(fresh: Server) -> None:
    """Login to logout with kiteconnect and KiteTicker: each answer is what the client expects."""
    seen = rehearse(fresh, sys.executable, str(CLIENTS / "python_client.py"))
    assert seen["session"] == ["success", "SIM001", "2025-12-29 09:30:00"]
    assert seen["profile"] == "SIMULATOR"
    assert [INFY, 0.05, ""] in seen["dump"]
    assert [USDINR, 0.0025, "2026-01-28"] in seen["dump"]
    assert seen["nse"] == 3
    assert seen["ltp"].keys() == {"NSE:INFY", "NSE:NIFTY 50"}
    assert prices(seen, "ltp") == {INFY: 1500, NIFTY: 26000, USDINR: 90}
    assert prices(seen, "full") == {INFY: 1500.1, NIFTY: 26002, USDINR: 90.005}
    assert "depth" in seen["ticks full"][str(USDINR)]["keys"]
    assert "exchange_timestamp" in seen["ticks full"][str(NIFTY)]["keys"]
    assert seen["partly"] == ["OPEN", 10]
    assert seen["bought"] == ["LIMIT", 25, ["mine", "mktp", "mktp:0.50"]]
    assert (sum(seen["fills"]), seen["average"]) == (25, True)
    assert seen["updates"] == ["UPDATE", "UPDATE", "COMPLETE"]
    assert seen["life"] == LIFE
    assert seen["no protection"] == seen["tick"] == ["InputException", 400]
    assert seen["money"] == ["GeneralException", 400]
    assert (seen["position"], seen["holding"], seen["trades"]) == ([25, "CNC"], 100, 3)
    assert seen["candle"] == ["2025-12-29 09:30:00+05:30", 1500]
    assert (seen["gtt"], seen["gtts"]) == (["active", [1440]], ["deleted"])
    assert seen["margin"] == seen["basket"] == 3000
    assert (seen["logout"], seen["after logout"]) == (True, ["TokenException", 403])


def test_the_javascript_client_lives_through_a_day(fresh: Server) -> None:
    """The client from npm, REST and ticker, against the same simulator."""
    node = shutil.which("node")
    if node is None or not (MODULES / "kiteconnect").is_dir():
        pytest.skip("the JavaScript client is not installed: make provision, which needs npm")
    seen = rehearse(fresh, node, str(CLIENTS / "js" / "client.cjs"))
    assert seen["user"] == "SIM001"
    assert prices(seen, "ltp") == {INFY: 1500, NIFTY: 26000, USDINR: 90}
    assert prices(seen, "full") == {INFY: 1500.1, NIFTY: 26002, USDINR: 90.005}
    assert (seen["bought"], seen["fills"]) == (["COMPLETE", 25], [10, 10, 5])
    assert seen["life"] == LIFE
    assert seen["refused"] == "InputException"
    assert seen["updates"] == ["UPDATE", "UPDATE", "COMPLETE"]
    assert seen["position"] == 25
    assert seen["gtt"] == "active"
    assert seen["candles"] == 1500
    assert seen["postback"] is True
    assert seen["out"] == "TokenException"
