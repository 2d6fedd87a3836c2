"""Where everything stands in a core's handle: the list of addresses that compiled code is given.

First what every core has, so that one compiled core serves all strategies: the common tables, the
batch's columns, and the addresses of functions that were compiled apart. Behind them the tables of
the strategies that run.
"""

from __future__ import annotations

import numpy as np

from alphapanda.books.state import TABLES
from alphapanda.model.columns import Columns

COLUMNS = len(TABLES)
"""Place of the first column."""
LINKS = COLUMNS + len(Columns._fields)
"""Place of the addresses of functions."""
OWN = LINKS + 1
"""Place of the first table of a strategy."""

COLUMN_TYPES = [np.dtype("<i4" if name == "row" else "<i8") for name in Columns._fields]

FROM_STRATEGIES = ("update_bar", "close_bar", "open_session", "see_row", "decide", "dispatch")
"""Functions that the core calls and strategies declare; the last two call hooks."""
FROM_CORE = ("gate", "call", "add_to_bar", "complete_bar")
"""Functions of the core that those call."""


def table_places(tables: int) -> list[int]:
    """Return the places of so many tables, the common ones first."""
    return [*range(len(TABLES)), *range(OWN, OWN + tables - len(TABLES))]
