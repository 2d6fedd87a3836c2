"""Numbers and texts to Arrow and back, as pyarrow itself does it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.research.tables import absent, arrow, integers, numbers, texts

WHOLE = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(st.lists(st.tuples(WHOLE, st.booleans())), st.data())
def test_whole_numbers(cells: list[tuple[int, bool]], data: Any) -> None:
    """Values and nulls are pyarrow's, whatever is cut off in front."""
    values = np.array([value for value, _ in cells], np.int64)
    missing = np.array([lost for _, lost in cells], bool)
    made = arrow(values, missing)
    assert made.equals(pa.array(values, mask=missing))
    assert arrow(values).equals(pa.array(values))
    part = made.slice(data.draw(st.integers(0, len(cells))))
    assert absent(part).tolist() == [value is None for value in part.to_pylist()]
    kept = [value for value, lost in zip(integers(part), absent(part), strict=True) if not lost]
    assert kept == [value for value in part.to_pylist() if value is not None]


@settings(deadline=None)
@given(st.lists(st.none() | st.text()))
def test_texts(values: list[str | None]) -> None:
    """Any text, and none, is pyarrow's."""
    assert texts(values).equals(pa.array(values, pa.string()))


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from("abc")), st.integers(0, 3))
def test_names_as_numbers(values: list[str | None], start: int) -> None:
    """A name has its place, one that is unknown or null has -1."""
    column = pa.array(values, pa.string()).dictionary_encode().slice(start)
    places = {"b": 0, "a": 1}
    assert numbers(column, "ba").tolist() == [places.get(v or "", -1) for v in values[start:]]
