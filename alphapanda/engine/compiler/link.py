"""Kernels linked into their entry before anything is optimised.

numba compiles a function as if it were called from Python: optimised with all that it calls inside
it, then turned into machine code. Of two hundred kernels that call each other the innermost would
go through that many times. Here a kernel stays what numba made of it until the entry, which holds
them all, is optimised as a whole: in half the time, and to faster code.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class Part(JITCodeLibrary):
    """The code of a kernel: linked into its callers, never run by itself."""

    @property
    def codegen(self) -> Any:
        """Return who sets the address of the function's environment: there is none to set."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing. Only code that makes Python objects reads its environment; no kernel does."""

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002 (numba's signature)
        """Return 0, as for a function that has no wrapper for Python."""
        self._ensure_finalized()
        return 0

    def _optimize_final_module(self) -> None:
        """Leave that to the entry."""

    def _finalize_final_module(self) -> None:
        """Make no machine code."""
        self._finalize_dynamic_globals()
        self._finalized = True


class Whole(JITCodeLibrary):
    """The code of the entry, with every kernel in it."""

    def _optimize_final_module(self) -> None:
        """Optimise, knowing that nobody else calls the kernels."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        super()._optimize_final_module()


class PartCompiler(Compiler):
    """numba's compiler for a kernel."""

    library: type[JITCodeLibrary] = Part

    def __init__(self, typing: Any, target: Any, library: Any, *more: Any) -> None:
        assert library is None
        made = self.library(target.codegen(), self.library.__name__)
        made.enable_object_caching()
        super().__init__(typing, target, made, *more)


class WholeCompiler(PartCompiler):
    """numba's compiler for the entry, which is kept on disk."""

    library = Whole
