"""An indicator over whole arrays: the very `update` of the core in a loop of its own."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda import indicators
from alphapanda.engine.compiler import cache
from alphapanda.engine.compiler.binder import Binder
from alphapanda.engine.compiler.native import compile_entry, jit, register, source_hash
from alphapanda.engine.records import view

Floats = NDArray[np.float64]
Loop = Callable[[list[NDArray[Any]]], None]
FLOAT = np.dtype("<f8")


def run(
    name: str, first: Mapping[str, float], inputs: Sequence[Floats], opens: NDArray[np.int64],
    *, cache_dir: Path | None,
) -> dict[str, Floats]:  # fmt: skip
    """Return an indicator's outputs by row, NaN until it is warm.

    `first` is what its `prepare` returned. `opens` is 1 on the rows with which a session begins.
    A row with an input that is missing or infinite is none: it is not seen, and its outputs are
    NaN. Compiled, or in plain Python if `cache_dir` is None.
    """
    record = np.zeros(1, dtypes(name)[0])
    for field, value in first.items():
        record[field] = value
    heap = np.zeros(max(int(first.get("length", 0)), 1))
    read = indicators.outputs(name)
    made = np.full((len(opens), len(read)), np.nan)
    loop = plain_loop(name) if cache_dir is None else compiled(name, cache_dir)
    series = zip(indicators.module(name).INPUTS, inputs, strict=True)
    columns = [
        np.ascontiguousarray(indicators.in_units(x) if kind == "units" else x, np.float64)
        for kind, x in series
    ]
    loop([record, heap, made.reshape(-1), np.ascontiguousarray(opens, np.int64), *columns])
    return {field: made[:, place].copy() for place, field in enumerate(read)}


def tables(name: str) -> list[str]:
    """Return the names of the loop's tables."""
    return ["records", "heap", "out", "opens", *indicators.module(name).INPUTS]


def dtypes(name: str) -> list[np.dtype[Any]]:
    """Return the dtypes of the loop's tables."""
    kinds = {int: "<i8", float: "<f8"}
    record = [(field, kinds[kind]) for field, kind in indicators.fields(name).items()]
    inputs = [FLOAT] * len(indicators.module(name).INPUTS)
    return [np.dtype(record), FLOAT, FLOAT, np.dtype("<i8"), *inputs]


def loop_text(name: str) -> str:
    """Return the loop over the rows; x - x is 0 of a finite x only."""
    module, read = indicators.module(name), indicators.outputs(name)
    lines = ["def loop_rows(core, at):", "    record = core.records[0]",
             "    for row in range(at, len(core.opens)):"]  # fmt: skip
    if hasattr(module, "reset"):
        lines += ["        if core.opens[row] == 1:", "            reset(record, core.heap)"]
    lines += [f"        {series} = core.{series}[row]" for series in module.INPUTS]
    finite = " and ".join(f"{series} - {series} == 0.0" for series in module.INPUTS)
    inputs = ", ".join(module.INPUTS)
    lines += [
        f"        if {finite}:", f"            update(record, core.heap, {inputs})",
        "            if record.count < record.warmup:", "                record.count += 1",
        "            if record.count == record.warmup:",
        *(f"                core.out[row * {len(read)} + {place}] = record.{field}"
          for place, field in enumerate(read)),
        "    return at",
    ]  # fmt: skip
    return "\n".join(lines)


def bound(name: str, binder: Binder) -> dict[str, Any]:
    """Return the namespace of the loop, its functions bound."""
    module = indicators.module(name)
    scope: dict[str, Any] = {"__builtins__": builtins, "update": binder.bind(module.update)}
    if hasattr(module, "reset"):
        scope["reset"] = binder.bind(module.reset)
    exec(compile(loop_text(name), "alphapanda series", "exec"), scope)  # noqa: S102 (our own text)
    scope["loop_rows"] = binder.made(scope["loop_rows"])
    return scope


def plain_loop(name: str) -> Loop:
    """Return the loop in plain Python."""
    rows = bound(name, Binder(None, {}))["loop_rows"]
    state = NamedTuple("State", [(table, Any) for table in tables(name)])  # type: ignore[misc]

    def loop(arrays: list[NDArray[Any]]) -> None:
        rows(state(*map(view, arrays)), 0)

    return loop


@lru_cache(maxsize=256)
def compiled(name: str, cache_dir: Path) -> Loop:
    """Return the compiled loop, from disk if these sources were compiled before."""
    binder = Binder(jit, {})
    columns = dict(zip(tables(name), dtypes(name), strict=True))
    return compiled_loop(loop_text(name), bound(name, binder), binder, columns, cache_dir)


def compiled_loop(
    text: str, scope: dict[str, Any], binder: Binder, columns: Mapping[str, np.dtype[Any]],
    cache_dir: Path,
) -> Loop:  # fmt: skip
    """Return `loop_rows` of a namespace, whose text is given, over tables of these types."""
    from alphapanda.engine.compiler.pointer import Tables, caster  # noqa: PLC0415 (0.4 s)

    scope["as_core"] = caster(Tables(list(columns), list(columns.values()), range(len(columns))))
    entry = "def loop(handle, at):\n    return loop_rows(as_core(handle), at)"
    exec(compile(entry, "alphapanda series", "exec"), scope)  # noqa: S102 (our own text)
    text = f"{text}\n\n\n{entry}\n"
    key = source_hash(list(columns.values()), text, binder)
    module = register(f"alphapanda_series_{key}", scope, binder)
    with cache.folder(cache_dir, key, text) as folder:
        module.__file__ = str(folder / cache.MODULE)
        made = compile_entry(scope["loop"], module.__file__)

    def loop(arrays: list[NDArray[Any]]) -> None:
        handle = np.array([[array.ctypes.data, len(array)] for array in arrays], np.int64)
        made(handle.ctypes.data, 0)

    return loop
