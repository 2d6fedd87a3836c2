"""What numba need not do for the core: its kernels are plain functions of whole numbers.

numba is made for any function of anyone's. Ours have no closures, no arrays of their own and no
exceptions; they are called with constants of many values and fields of many widths, and they add
and compare the same few types thousands of times. Leaving out what that makes needless halves the
time of a core.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any, ClassVar

from numba.core import typed_passes, types, untyped_passes
from numba.core.compiler import DefaultPassBuilder
from numba.core.registry import CPUDispatcher

from alphapanda.engine.compiler.link import PartCompiler

UNUSED = {
    untyped_passes.WithLifting, untyped_passes.InlineClosureLikes, untyped_passes.LiteralUnroll,
    untyped_passes.MakeFunctionToJitFunction, untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralPropagationSubPipelinePass, untyped_passes.RewriteDynamicRaises,
    typed_passes.InlineOverloads, typed_passes.NopythonRewrites, typed_passes.AnnotateTypes,
}  # fmt: skip
"""What numba would do for closures, `with`, arrays and exceptions: our kernels have none of it."""

NUMBERS = (types.Integer, types.Float, types.Boolean, types.IntegerLiteral, types.BooleanLiteral)


def make(function: FunctionType, options: Mapping[str, Any]) -> Any:
    """Return a kernel as numba will compile it once it is called."""
    return Kernel(function, {}, {"nopython": True, **options}, pipeline_class=KernelCompiler)


class Kernel(CPUDispatcher):
    """A kernel that is compiled once for all whole numbers.

    numba would compile it again for each constant that a caller writes, and each width of a field:
    a third of a core. What a constant decides is found out when the entry is optimised.
    """

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Return how it is called with arguments of these types."""
        args = tuple(general(each) for each in args)
        return super().get_call_template(args, {name: general(kws[name]) for name in kws})


def general(found: Any) -> Any:
    """Return the type that an argument of a type is passed as."""
    found = types.unliteral(found)
    return types.int64 if found in (types.int8, types.int16, types.int32) else found


class Typing:
    """numba's typing, which remembers what an operator returns for numbers.

    For each `+` and `<` numba tries all that anyone has defined, arrays and dates too.
    """

    _known: ClassVar[dict[tuple[Any, Any], Any]] = {}

    def __init__(self, usual: Any) -> None:
        self._usual = usual

    def __getattr__(self, name: str) -> Any:
        """Return what numba's own has."""
        return getattr(self._usual, name)

    def resolve_function_type(self, function: Any, args: Any, kws: Any) -> Any:
        """Return the signature of a call, as numba's own does."""
        plain = type(function) is types.Function and not kws
        if not plain or not all(isinstance(each, NUMBERS) for each in args):
            return self._usual.resolve_function_type(function, args, kws)
        found = self._known.get((function, args))
        if found is None:
            found = self._usual.resolve_function_type(function, args, kws)
            self._known[function, args] = found
        return found


class KernelCompiler(PartCompiler):
    """numba's compiler for a kernel of ours, without the passes that find nothing in one."""

    def __init__(self, typing: Any, *more: Any) -> None:
        super().__init__(Typing(typing), *more)

    def define_pipelines(self) -> list[Any]:
        """Return the passes."""
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state)
        usual.passes[:] = [each for each in usual.passes if each[0] not in UNUSED]
        usual.finalize()
        return [usual]
