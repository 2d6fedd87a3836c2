"""A kernel of floats over whole arrays: the code that hooks call, in a loop of its own."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.engine.compiler.binder import Binder
from alphapanda.engine.compiler.native import jit
from alphapanda.engine.series import FLOAT, Loop, compiled_loop

Floats = NDArray[np.float64]
FEW = 2_000
"""Rows that plain Python is done with before a compiler is loaded."""


def run(kernel: Callable[..., float], columns: Sequence[Floats], cache_dir: Path | None) -> Floats:
    """Return what a kernel says of each row of some columns of equal length.

    In plain Python where the rows are few, or `cache_dir` is None; the bytes are the same.
    """
    made = np.empty(len(columns[0]))
    if cache_dir is None or len(made) <= FEW:
        rows = zip(*(column.tolist() for column in columns), strict=True)
        made[:] = [kernel(*row) for row in rows]
        return made
    loop = compiled(kernel, len(columns), cache_dir)
    loop([made, *(np.ascontiguousarray(column, np.float64) for column in columns)])
    return made


@lru_cache(maxsize=64)
def compiled(kernel: Callable[..., float], columns: int, cache_dir: Path) -> Loop:
    """Return the compiled loop, from disk if it was compiled before."""
    names = [f"column{place}" for place in range(columns)]
    arguments = ", ".join(f"core.{name}[row]" for name in names)
    text = "\n".join([
        "def loop_rows(core, at):", "    for row in range(at, len(core.out)):",
        f"        core.out[row] = kernel({arguments})", "    return at",
    ])  # fmt: skip
    binder = Binder(jit, {})
    scope: dict[str, Any] = {"__builtins__": builtins, "kernel": binder.bind(kernel)}
    exec(compile(text, "alphapanda elementwise", "exec"), scope)  # noqa: S102 (our own text)
    scope["loop_rows"] = binder.made(scope["loop_rows"])
    return compiled_loop(text, scope, binder, dict.fromkeys(["out", *names], FLOAT), cache_dir)
