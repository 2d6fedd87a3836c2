"""Calls between code that was compiled apart: through a table of addresses in the handle.

A core that was compiled before anyone wrote the strategy calls the strategy's functions, and they
call the core's. Each side writes where its functions are; a call reads it there. It is numba's own
way of calling, so an exception in a hook comes out of the core as it would if they were one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import from_dtype, int64, types
from numba.core import cgutils
from numba.core.callconv import excinfo_t
from numba.extending import intrinsic

from alphapanda.books.state import TABLES
from alphapanda.engine.compiler.places import FROM_CORE, FROM_STRATEGIES, LINKS
from alphapanda.engine.compiler.pointer import WORD, shorten_name, word

NAMES = (*FROM_STRATEGIES, *FROM_CORE)
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "update_bar": (int64,) * 2,
    "close_bar": (int64,) * 2,
    "open_session": (int64,),
    "see_row": (int64,),
    "decide": (int64,),
    "dispatch": (shorten_name(from_dtype(TABLES["calls"])),),
    "gate": (),
    "call": (int64,) * 7,
    "add_to_bar": (int64,) * 8,
    "complete_bar": (int64,) * 3,
}
"""By function, what it takes after the core; none returns anything."""


def place_of(builder: Any, core: Any, name: str) -> Any:
    """Return the pointer to where the address of a function stands."""
    links = word(builder, builder.add(core, WORD(16 * LINKS)), 0)
    table = builder.inttoptr(links, WORD.as_pointer())
    return builder.gep(table, [WORD(NAMES.index(name))])


@cache
def linked(name: str) -> Any:
    """Return a function for compiled code that calls another one by its address in the handle."""

    def typed(core: Any) -> Any:
        return types.none(core, *ARGUMENTS[name]), codegen

    def codegen(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(types.none, sig.args)
        address = builder.load(place_of(builder, arguments[0], name))
        result = cgutils.alloca_once(builder, convention.get_return_type(types.none).pointee)
        excinfo = cgutils.alloca_once(builder, ir.PointerType(excinfo_t))
        packed = convention._get_arg_packer(sig.args).as_arguments(builder, arguments)
        function = builder.inttoptr(address, kind.as_pointer())
        code = builder.call(function, [result, excinfo, *packed])
        status = convention._get_return_status(builder, code, builder.load(excinfo))
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return intrinsic(with_arguments(name, typed))


def with_arguments(name: str, typed: Any) -> Any:
    """Return a typing function that has the arguments of a linked one: numba counts them."""
    more = "".join(f", a{number}" for number in range(len(ARGUMENTS[name])))
    scope = {"typed": typed}
    exec(f"def {name}(typing_context, core{more}):\n    return typed(core)", scope)  # noqa: S102
    return scope[name]


@cache
def publish(name: str) -> Any:
    """Return a function for compiled code that writes where the function of a name is."""

    @intrinsic
    def put(typing_context: Any, core: Any, function: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            dispatcher, taken = sig.args[1].dispatcher, (core, *ARGUMENTS[name])
            dispatcher.compile(taken)
            made = dispatcher.overloads[taken]
            context.active_code_library.add_linking_library(made.library)
            pointer = context.declare_function(builder.module, made.fndesc)
            place = place_of(builder, arguments[0], name)
            builder.store(builder.ptrtoint(pointer, WORD), place)
            return context.get_dummy_value()

        return types.none(core, function), codegen

    return put
