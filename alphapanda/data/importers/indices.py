"""Indices as NSE's reports name them, and as Kite does."""

from __future__ import annotations

from alphapanda.data.replay.parquet import literal

INDEX_NAMES = ("index_name", "indexname")
"""Columns, in normal spelling, that hold names of indices."""

KITE = {
    "NIFTY FINANCIAL SERVICES": "NIFTY FIN SERVICE",
    "NIFTY INFRASTRUCTURE": "NIFTY INFRA",
    "NIFTY SERVICES SECTOR": "NIFTY SERV SECTOR",
    "NIFTY INDIA CONSUMPTION": "NIFTY CONSUMPTION",
    "NIFTY CONSUMER DURABLES": "NIFTY CONSR DURBL",
    "NIFTY HEALTHCARE INDEX": "NIFTY HEALTHCARE",
    "NIFTY PRIVATE BANK": "NIFTY PVT BANK",
    "NIFTY OIL & GAS": "NIFTY OIL AND GAS",
    "NIFTY MIDCAP SELECT": "NIFTY MID SELECT",
    "NIFTY SMALLCAP 50": "NIFTY SMLCAP 50",
    "NIFTY SMALLCAP 100": "NIFTY SMLCAP 100",
    "NIFTY SMALLCAP 250": "NIFTY SMLCAP 250",
}
"""Names that differ in more than capitals (Kite's instruments file of 2025-08-29)."""


def index_sql(text: str) -> str:
    """Return the SQL of Kite's name of an index."""
    cases = " ".join(f"WHEN {literal(nse)} THEN {literal(kite)}" for nse, kite in KITE.items())
    return f"CASE upper(trim({text})) {cases} ELSE upper(trim({text})) END"
