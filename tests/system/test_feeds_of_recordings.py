"""Real recordings over the topics: whatever they are, a run is the one that reads the files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from alphapanda import config
from alphapanda.bus import topics
from alphapanda.events.events import Broker
from alphapanda.runtime.parts import Role, Wanted
from alphapanda.runtime.roles import carry_out
from tests.support.shared import shared

MASTER = "instruments/kite_instruments_NSE_20250813.csv.gz"
RULES = {"no_jit": True, "calendar": "always", "limits": "wide"}
HOURS = "bars/kite_60minute_20241205_20260109.parquet"


@pytest.mark.parametrize(("strategy", "file", "data", "binding"), [
    ("sma_cross", HOURS, {"from": "2024-12-05", "to": "2024-12-31"}, {}),
    ("spread", HOURS, {"from": "2024-12-05", "to": "2025-06-30"},
     {"instrument": ["NSE:TCS", "NSE:INFY"]}),
    ("sma_cross", HOURS, {"from": "2025-08-14", "to": "2025-08-29", "instruments": MASTER}, {}),
    ("ema_cross", "ticks/crypto_binance_spot_ethusdt_20240808_bookticker.parquet",
     {"qty_scale": "10000"}, {}),
    ("ema_cross", "ticks/kite_derived_NIFTY25DECFUT_20251229_am.parquet", {"exchange": "NFO"}, {}),
])  # fmt: skip
def test_a_recording_over_the_topics_gives_the_same_run(
    strategy: str, file: str, data: dict[str, Any], binding: dict[str, Any], tmp_path: Path,
    kafka_address: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Bars, legs, a master of instruments, quotes, a future: the digest is that of the files."""
    for name, value in {"BASE_DIR": tmp_path, "BUS__SERVERS": kafka_address,
                        "LOGS__CONSOLE": "off"}.items():  # fmt: skip
        monkeypatch.setenv(f"ALPHAPANDA_{name}", str(value))
    asyncio.run(topics.bootstrap(config.load(), [Broker.PAPER]))
    if "instruments" in data:
        data = {**data, "instruments": [str(shared("data", data["instruments"]))]}
    feed = [f"replay:{shared('data', file)}"]
    calendar = {"calendar": RULES["calendar"]}  # which says when a session's last bar ends
    sent = carry_out(
        Wanted([], {**data, **binding, **calendar}, feed,
               frozenset({Role.FEED}), "max"), config.load(),
    )  # fmt: skip
    assert isinstance(sent, dict)
    trade = frozenset({Role.TRADE})
    given = {**RULES, **binding, "no_warm": True}  # topics have no rows from before
    direct = carry_out(
        Wanted([strategy], {**given, **data}, feed, trade, "max", tmp_path / "direct"),
        config.load(),
    )
    there = carry_out(
        Wanted([strategy], given, [f"bus:{sent['feed']}"], trade, out=tmp_path / "there"),
        config.load(),
    )
    assert not isinstance(direct, dict)
    assert not isinstance(there, dict)
    assert sent["rows"] == direct.summary["ticks"] > 200
    assert direct.summary["fills"] > 0
    for name in ("digest", "pnl", "charges", "fills", "ticks", "instruments", "days"):
        assert there.summary[name] == direct.summary[name], name
