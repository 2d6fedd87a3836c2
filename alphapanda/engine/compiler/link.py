"""Kernels linked into their entry before anything is optimised.

numba compiles a function as if it were called from Python: optimised with all that it calls inside
it, then turned into machine code. Of two hundred kernels that call each other the innermost would
go through that many times. Here a kernel stays what numba made of it until the entry, which holds
them all, is optimised as a whole: in a third of the time, and to faster code.
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

    def _optimize_functions(self, ll_module: Any) -> None:
        """Optimise nothing yet, but say how the machine lays data out."""
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Keep the kernel alone: the entry links what it calls."""
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Return the kernel's module; several loops may link it, so each has a copy."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = Linkage.linkonce_odr
        return self._final_module


class Whole(JITCodeLibrary):
    """The code of the entry, with every kernel in it."""

    def finalize(self) -> None:
        """Link every kernel that is called, however deep, once."""
        found = dict.fromkeys(self._linking_libraries)
        waiting = list(found)
        while waiting:
            library = waiting.pop()
            if isinstance(library, Part):
                new = [each for each in library._linking_libraries if each not in found]
                found.update(dict.fromkeys(new))
                waiting += new
        self._linking_libraries = list(found)
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Optimise once, knowing that nobody else calls the kernels."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class PartCompiler(Compiler):
    """numba's compiler for what the entry calls."""

    library: type[JITCodeLibrary] = Part

    def __init__(self, typing: Any, target: Any, library: Any, *more: Any) -> None:
        assert library is None
        made = self.library(target.codegen(), self.library.__name__)
        made.enable_object_caching()
        super().__init__(typing, target, made, *more)


class WholeCompiler(PartCompiler):
    """numba's compiler for the entry, which is kept on disk."""

    library = Whole
