"""What of a run's manifest goes to tables and topics: no code, no folder, and bounded."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

HELD_BACK = ("sources", "folder")
"""Texts of strategies and their modules, whose hashes stay; where on the machine the run began."""
LEFT_OUT = "left_out"
MOST_BYTES = 200_000
"""As JSON: a fifth of what servers take in one message."""
SIZES = (1_000, 300, 100, 30, 10, 3, 1)
LARGEST = (1 << 63) - 1
NAME = 200
LETTERS = 20
"""Characters of a text for each entry that a list may have."""


def published(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a manifest that others see: the same from a journal and from a topic.

    Of long lists the first entries stay, long texts go; `left_out` counts entries and characters
    by the name of the field.
    """
    kept = {name: value for name, value in manifest.items() if name not in HELD_BACK}
    for most in SIZES:
        left: Counter[str] = Counter()
        parts = [(name, _cut(value, most, name[:NAME], left)) for name, value in kept.items()]
        found = {_text(name)[:NAME]: made for name, made in parts if made is not None}
        if left:
            found[LEFT_OUT] = dict(left)
        if len(json.dumps(found, ensure_ascii=False).encode()) <= MOST_BYTES:
            break
    return found


# None for a text that is too long: half of one would be another.
def _cut(value: Any, most: int, name: str, left: Counter[str]) -> Any:
    if isinstance(value, str) and len(value) > LETTERS * most:
        left[name] += len(value)
        return None
    if isinstance(value, (list, dict)) and len(value) > most:
        left[name] += len(value) - most
    if isinstance(value, list):
        inner = [(_cut(each, most, name, left), each) for each in value[:most]]
        return [made for made, each in inner if made is not None or each is None]
    if isinstance(value, dict):
        few = [*value.items()][:most]
        parts = [(k, v, _cut(v, most, f"{name}.{k}"[:NAME], left)) for k, v in few]
        return {_text(k)[:NAME]: made for k, v, made in parts if made is not None or v is None}
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    odd = isinstance(value, float) and not math.isfinite(value)
    return str(value) if odd or (isinstance(value, int) and abs(value) > LARGEST) else value


# Neither bus nor database takes half of a surrogate pair, or a zero, within a text.
def _text(value: str) -> str:
    return value.encode(errors="replace").decode().replace("\0", "?")


__all__ = ["LEFT_OUT", "MOST_BYTES", "published"]
