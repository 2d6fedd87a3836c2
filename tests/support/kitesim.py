"""A simulator as a process of its own, and the small recording that tests run it on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import requests

INFY, NIFTY, USDINR = 408065, 256265, 412675
KEYS = {"NSE:INFY": INFY, "NSE:NIFTY 50": NIFTY, "CDS:USDINR26JANFUT": USDINR}
ROWS = 20
"""Ticks of each instrument."""
HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)
LINES = (
    f"{INFY},1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE",
    f"{NIFTY},1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE",
    f"{USDINR},1612,USDINR26JANFUT,USDINR,0,2026-01-28,0,0.0025,1,FUT,CDS-FUT,CDS",
    "2953217,11536,TCS,TATA CONSULTANCY,0,,0,0.1,1,EQ,NSE,NSE",
)
START = datetime(2025, 12, 29, 4, 0, tzinfo=UTC)
"""09:30 IST."""
OUTSIDE = requests.Session()
OUTSIDE.trust_env = False


def write_recording(path: Path) -> Path:
    """Write ticks: INFY from 1500 up by 0.05, 10 shares on each side; an index; a currency."""
    rows: list[dict[str, Any]] = []
    for n in range(ROWS):
        for at, (name, price, step) in enumerate(
            (("NSE:INFY", 1500.0, 0.05), ("NSE:NIFTY 50", 26000.0, 1.0),
             ("CDS:USDINR26JANFUT", 90.0, 0.0025))
        ):  # fmt: skip
            last = round(price + n * step, 4)
            index = name == "NSE:NIFTY 50"
            rows.append({
                "time": START + timedelta(seconds=n, milliseconds=100 * at), "symbol": name,
                "last_price": last, "volume_traded": 0 if index else 1000 + 10 * n,
                "last_traded_quantity": 0 if index else 10,
                "bid_price_1": 0.0 if index else round(last - step, 4),
                "bid_qty_1": 0 if index else 10,
                "ask_price_1": 0.0 if index else round(last + step, 4),
                "ask_qty_1": 0 if index else 10,
            })  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_instruments(path: Path) -> Path:
    """Write an instruments file."""
    path.write_text("\n".join([HEADER, *LINES, ""]))
    return path


class Server:
    """A running simulator."""

    def __init__(self, facts: Mapping[str, Any], process: subprocess.Popen[str]) -> None:
        self.facts = dict(facts)
        self.process = process

    @classmethod
    @contextmanager
    def start(cls, *arguments: object) -> Iterator[Server]:
        """Start `alphapanda kitesim` and wait for its line; stop it in the end."""
        command = [sys.executable, "-m", "alphapanda", "kitesim", "--json"]
        with subprocess.Popen(
            [*command, *map(str, arguments)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            try:
                yield cls(json.loads(line), process)
            finally:
                process.terminate()

    def request_token(self) -> str:
        """Log in at the page, as a person would."""
        answer = OUTSIDE.post(
            self.facts["login"], data={"user_id": self.facts["user_id"], "totp": "123456"},
            allow_redirects=False, timeout=60,
        )  # fmt: skip
        return parse_qs(urlsplit(answer.headers["Location"]).query)["request_token"][0]

    def sim(self, path: str, **query: Any) -> Any:
        """Return the answer of one of the simulator's own routes."""
        return OUTSIDE.get(f"{self.facts['rest']}/_sim/{path}", params=query, timeout=60).json()

    def step(self, rows: int) -> None:
        """Let rows pass."""
        url = f"{self.facts['rest']}/_sim/step"
        assert OUTSIDE.post(url, data={"rows": rows}, timeout=60).status_code == 200

    def go_wrong(self, **fault: Any) -> None:
        """Add a fault."""
        url = f"{self.facts['rest']}/_sim/faults"
        answer = OUTSIDE.post(url, json={"fault": [fault]}, timeout=60)
        assert answer.status_code == 200, answer.text
