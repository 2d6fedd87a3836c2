"""From bound functions to machine code: compiled by numba, kept on disk, loaded from there.

A generated module's name hashes every function and constant in it as they are in memory, because
numba's own cache does not notice an edited callee and would run the old code in silence.
"""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from alphapanda.engine.compiler import blame, cache
from alphapanda.engine.compiler.binder import HOT, INLINED, Binder, is_ours
from alphapanda.engine.compiler.declared import Spec
from alphapanda.errors import UsageError

Entry = Callable[[Any, int], Any]
"""Compiled code: takes the address of the handle and where the batch stands."""

COMPILER = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT")
"""Settings of numba that change what it makes of the same source."""
MAKERS = ("pointer.py", "link.py", "linked.py", "kernels.py")
"""Our own part in how numba makes it."""


class Bound(NamedTuple):
    """Code before numba compiles it: its generated text, its functions, its key."""

    text: str
    scope: dict[str, Any]
    binder: Binder
    key: str


LOADED: dict[tuple[Path, str, str], Entry] = {}
"""Entries of this process: machine code is never given back, so none is loaded twice."""


def load(bound: Bound, function: str, specs: Sequence[Spec], cache_dir: Path) -> Entry:
    """Return a bound function compiled, from disk if these sources were compiled before.

    Raises:
        UsageError: if a strategy cannot be compiled, with file and line.
    """
    from numba.core.errors import NumbaError  # noqa: PLC0415

    text, scope, binder, key = bound
    place = cache_dir, key, function
    if place in LOADED and cache.kept(cache_dir, key):
        return LOADED[place]
    module = register(f"alphapanda_loop_{key}", scope, binder)
    users = binder.users()
    with cache.folder(cache_dir, key, text) as folder:
        module.__file__ = str(folder / cache.MODULE)
        try:
            made = compile_entry(scope[function], module.__file__)
        except NumbaError as error:
            message = blame.uncompilable(error, specs, users)
            raise UsageError(message) from None
        blame.check_types(binder.replaced, users)
    LOADED[place] = made
    return made


def jit(function: FunctionType) -> Any:
    """Return a kernel or a hook as numba will compile it once it is called."""
    from numba import njit  # noqa: PLC0415

    from alphapanda.engine.compiler import kernels  # noqa: PLC0415
    from alphapanda.engine.compiler.link import PartCompiler  # noqa: PLC0415

    if function.__name__ in INLINED:
        return njit(function, inline="always")
    options: dict[str, Any] = {
        "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
        "forceinline": function.__name__ in HOT,
    }  # fmt: skip
    generated = function.__module__ is None
    if generated or is_ours(function):
        return kernels.make(function, options)
    return njit(function, pipeline_class=PartCompiler, **options)


def compile_entry(function: FunctionType, file: str) -> Callable[[Any, int], Any]:
    """Compile the entry, or load it from the folder of its file, where numba keeps it."""
    from numba import int64, njit  # noqa: PLC0415
    from numba.core import config as numba_config  # noqa: PLC0415

    from alphapanda.engine.compiler.link import WholeCompiler  # noqa: PLC0415

    config: Any = numba_config

    function.__code__ = function.__code__.replace(co_filename=file)
    elsewhere, config.CACHE_DIR = config.CACHE_DIR, ""
    try:
        made = njit(cache=True, nogil=True, pipeline_class=WholeCompiler)(function)
    finally:
        config.CACHE_DIR = elsewhere
    try:
        with uncollected():
            made.compile((int64, int64))
    except OSError:
        if not made.overloads:
            raise
        # Compiled, but the disk is too full to keep it.
    return made


@contextmanager
def uncollected() -> Iterator[None]:
    """Let garbage lie: a compiler makes much that stays, and looking at it takes a tenth of it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def source_hash(tables: Any, text: str, binder: Binder) -> str:
    """Return a hash of everything a compiled loop is made of, as it is in memory.

    `tables`: the dtypes of its tables, and the flags that specialise it.
    """
    import numba  # noqa: PLC0415
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name  # noqa: PLC0415

    facts = (
        [getattr(numba.config, name) for name in COMPILER],
        (get_host_cpu_name(), get_host_cpu_features().flatten()),
        (numba.__version__, np.__version__, sys.version, "nogil"),
        (tables, sorted(HOT), sorted(INLINED)),
    )
    makers = [Path(__file__).with_name(name).read_bytes() for name in MAKERS]
    digest = hashlib.sha256()
    for part in (text.encode(), *makers, repr(facts).encode(), *binder.sources):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:24]


def register(name: str, scope: dict[str, Any], binder: Binder) -> ModuleType:
    """Return the generated module, registered where numba looks for it.

    Every function says that it belongs to the module: numba makes symbols of module and name, and
    two loops of one process, loaded from the disk, would else call each other's functions.
    """
    module = ModuleType(name)
    for names in (scope, *binder.scopes):
        names["__name__"] = name
    for made in (*binder.replaced.values(), *scope.values()):
        function = getattr(made, "py_func", made)
        if isinstance(function, FunctionType):
            function.__module__ = name
    module.__dict__.update(scope)
    sys.modules[name] = module
    return module
