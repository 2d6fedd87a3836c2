"""Weekly and monthly symbols: when a contract expires stands in its column, not in its name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from alphapanda.data.instruments import COLUMNS, read_master

ROWS = {
    "SENSEX26O01": ("BFO:SENSEX26O0180000CE", date(2026, 10, 1), "SENSEX"),
    "the month's last weekly": ("NFO:NIFTY26OCT25000PE", date(2026, 10, 27), "NIFTY"),
    "a day before a holiday": ("NFO:NIFTY26N0925000CE", date(2026, 11, 9), "NIFTY"),
    "a column that says otherwise": ("NFO:BANKNIFTY26O2755000PE", date(2026, 10, 26), "BANKNIFTY"),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_expiry_is_that_of_the_column(name: str, tmp_path: Path) -> None:
    """Whatever form the symbol has; the underlying is told all the same."""
    key, expiry, underlying = ROWS[name]
    exchange, _, symbol = key.partition(":")
    facts = {
        "instrument_token": 256_770, "exchange_token": 1003, "tradingsymbol": symbol,
        "name": underlying, "last_price": 0, "expiry": expiry, "strike": 25_000, "tick_size": 0.05,
        "lot_size": 65, "instrument_type": symbol[-2:], "segment": f"{exchange}-OPT",
        "exchange": exchange,
    }  # fmt: skip
    path = tmp_path / "instruments_20260918.csv"
    path.write_text("\n".join([",".join(COLUMNS), ",".join(str(facts[n]) for n in COLUMNS), ""]))
    found = read_master(path).get(key)
    assert (found.expiry, found.underlying, found.strike) == (expiry, underlying, 250_000_000)
