"""Columns of whole numbers as little text: differences, byte planes, zlib, base64.

`unpack` in assets/charts.js is the other side. The directory says of each column how many numbers
it has, the bytes of one difference, the first number and the unit that all are multiples of.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np


class Pack:
    """Columns put together, to travel inside a page."""

    def __init__(self) -> None:
        self.directory: dict[str, list[int]] = {}
        self._blocks: list[bytes] = []

    def add(self, name: str, numbers: Any) -> None:
        """Add a column; numbers are below 2^53, and are rounded to whole ones."""
        whole = np.asarray(np.round(numbers), np.int64)
        base = int(whole[0]) if len(whole) else 0
        unit = int(np.gcd.reduce(whole - base)) if len(whole) else 1
        unit = unit or 1
        steps = np.diff((whole - base) // unit)
        width = next(w for w in (1, 2, 4, 8) if _fits(steps, w))
        planes = steps.astype(f"<i{width}").view(np.uint8).reshape(-1, width).T
        self.directory[name] = [len(whole), width, base, unit]
        self._blocks.append(planes.tobytes())

    def text(self) -> str:
        """Return all columns in their order, compressed, as base64."""
        return base64.b64encode(zlib.compress(b"".join(self._blocks), 6)).decode("ascii")


def _fits(steps: Any, width: int) -> bool:
    bound = 1 << (8 * width - 1)
    return not len(steps) or bool(steps.min() >= -bound and steps.max() < bound)
