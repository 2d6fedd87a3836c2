"""The gateway is an `ExecutionClient` like any other."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.contracts import check_client
from tests.support.kitesim import Server
from tests.support.orders import new, trading


def test_the_gateway_keeps_to_the_port(venue: Server, token: str, tmp_path: Path) -> None:
    """What every client promises, on the simulated exchange."""
    with trading(venue, tmp_path, token, deployment="C9") as trader:
        assert trader.gateway.wait_ready(60) == []
        trader.take(0)
        works, fills = new(1, 5, 1_450), new(2, 5, 1_600)
        asyncio.run(check_client(trader.gateway, works=works, fills=fills))
