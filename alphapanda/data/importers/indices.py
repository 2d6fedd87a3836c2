"""Indices as NSE's reports name them, and as Kite does."""

from __future__ import annotations

from alphapanda.data.replay.parquet import literal
from alphapanda.model.indices import KITE

INDEX_NAMES = ("index_name", "indexname")
"""Columns, in normal spelling, that hold names of indices."""


def index_sql(text: str) -> str:
    """Return the SQL of Kite's name of an index."""
    cases = " ".join(f"WHEN {literal(nse)} THEN {literal(kite)}" for nse, kite in KITE.items())
    return f"CASE upper(trim({text})) {cases} ELSE upper(trim({text})) END"
