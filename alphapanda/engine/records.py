"""Tables as plain Python sees them: proxies over the same bytes the compiled code works on.

`np.record` costs 5.7 us a field and hides fields named sum, max or std; a proxy costs 0.1 us and
yields Python ints and floats. All fields are 8 bytes wide, so a record is a run of slots.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

SLOT = 8

FEW = 2_000
"""Records of which proxies are made beforehand; of longer tables a run mostly uses a part."""


def _source(dtype: np.dtype[Any]) -> str:
    """Return the source of a proxy class; written out because a property per field is hot."""
    lines = ["class Proxy:", f"    __slots__ = ('_ints', '_floats', '_at', {_nested(dtype)})"]
    lines += ["    def __init__(self, ints, floats, at):"]
    lines += ["        self._ints = ints; self._floats = floats; self._at = at"]
    for name, (field, offset) in _fields(dtype).items():
        if field.names is not None:
            lines += [f"        self._{name} = make_{name}(ints, floats, at + {offset // SLOT})"]
    for name, (field, offset) in _fields(dtype).items():
        lines += _property(name, field, offset // SLOT)
    return "\n".join(lines)


def _property(name: str, field: np.dtype[Any], slot: int) -> list[str]:
    if field.names is not None:
        return [f"    {name} = property(lambda self: self._{name})"]
    memory = "_ints" if field.kind == "i" else "_floats"
    return [
        f"    def _put_{name}(self, value): self.{memory}[self._at + {slot}] = value",
        f"    {name} = property(lambda self: self.{memory}[self._at + {slot}], _put_{name})",
    ]


def _fields(dtype: np.dtype[Any]) -> dict[str, tuple[np.dtype[Any], int]]:
    names = dtype.names or ()
    return {name: (dtype.fields[name][0], dtype.fields[name][1]) for name in names}  # type: ignore[index]


def _nested(dtype: np.dtype[Any]) -> str:
    names = [name for name, (field, _) in _fields(dtype).items() if field.names is not None]
    return ", ".join(f"'_{name}'" for name in names)


@cache
def proxy(dtype: np.dtype[Any]) -> Any:
    """Return the proxy class of a record dtype: `Proxy(int memory, float memory, first slot)`."""
    scope: dict[str, Any] = {}
    for name, (field, _) in _fields(dtype).items():
        if field.names is not None:
            scope[f"make_{name}"] = proxy(field)
    exec(_source(dtype), scope)  # noqa: S102 (our own text, made of field names)
    return scope["Proxy"]


class Long:
    """The proxies of a long table, each made when it is asked for."""

    __slots__ = ("_count", "_floats", "_ints", "_make", "_slots")

    def __init__(self, make: Any, ints: Any, floats: Any, slots: int, count: int) -> None:
        self._make, self._ints, self._floats = make, ints, floats
        self._slots, self._count = slots, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._make(self._ints, self._floats, index * self._slots)


def view(table: np.ndarray[Any, Any]) -> Any:
    """Return what plain Python indexes in place of a table: its proxies, or a memoryview."""
    if table.dtype.names is None:
        return memoryview(table)  # type: ignore[arg-type]
    raw: Any = table.view(np.uint8).reshape(-1) if len(table) else np.empty(0, np.uint8)
    ints, floats = memoryview(raw).cast("q"), memoryview(raw).cast("d")
    make, slots = proxy(table.dtype), table.dtype.itemsize // SLOT
    if len(table) > FEW:
        return Long(make, ints, floats, slots, len(table))
    return [make(ints, floats, index * slots) for index in range(len(table))]
