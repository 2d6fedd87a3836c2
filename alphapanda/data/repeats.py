"""The mark of a canonical file whose exact repeats are meant: trades that are alike."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

KEY = b"alphapanda.repeats"
"""In a file's metadata."""

MARK = {KEY: b"kept"}


def repeats_kept(path: Path) -> bool:
    """Tell whether a canonical file holds exact repeats on purpose."""
    return path.is_file() and KEY in (pq.read_schema(path).metadata or {})
