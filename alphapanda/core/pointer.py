"""The core's tables inside compiled code: one pointer to a list of addresses.

Kernels write `core.orders[slot].qty`. A named tuple of twenty arrays would travel as some 150 values
through every call; here `core` is a single int64, and a table's address is read where it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, register_model
from numba.np.arrayobj import make_array, populate_array

WORD = ir.IntType(64)


class Tables(types.Type):  # type: ignore[misc]
    """The type of `core` and `columns`: names and dtypes of tables, from a place in the handle."""

    def __init__(self, names: Sequence[str], dtypes: Sequence[np.dtype[Any]], first: int) -> None:
        self.arrays = {
            name: types.Array(named(from_dtype(dtype)), 1, "C")
            for name, dtype in zip(names, dtypes, strict=True)
        }
        self.places = {name: first + place for place, name in enumerate(names)}
        super().__init__(name=f"Tables_{first}_{digest(repr(list(zip(names, dtypes))))}")


def named(type_: Any) -> Any:
    """Give a record type a short name: the long one, mangled into each symbol, costs seconds."""
    if isinstance(type_, types.Record) and not type_.name.startswith("Record_"):
        type_.name = f"Record_{digest(type_.name)}"
    return type_


def digest(text: str) -> str:
    """Return a short hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@register_model(Tables)
class TablesModel(models.PrimitiveModel):  # type: ignore[misc]
    """At run time the address of the handle."""

    def __init__(self, manager: Any, type_: Tables) -> None:
        super().__init__(manager, type_, WORD)


@infer_getattr
class TablesAttribute(AttributeTemplate):  # type: ignore[misc]
    """`core.orders` is an array of records."""

    key = Tables

    def generic_resolve(self, tables: Tables, name: str) -> Any:
        """Return the type of a table, or None if there is none of that name."""
        return tables.arrays.get(name)


@lower_getattr_generic(Tables)  # type: ignore[untyped-decorator]
def read_table(context: Any, builder: Any, tables: Tables, handle: Any, name: str) -> Any:
    """Build the array of a table from the address and length that the handle holds."""
    type_ = tables.arrays[name]
    words = builder.inttoptr(handle, WORD.as_pointer())
    place = 2 * tables.places[name]
    address, length = (fixed_load(builder, words, place + k) for k in (0, 1))
    array = make_array(type_)(context, builder)
    size = context.get_constant(types.intp, context.get_abi_sizeof(data_type(context, type_)))
    populate_array(
        array,
        data=builder.inttoptr(address, data_type(context, type_).as_pointer()),
        shape=[length],
        strides=[size],
        itemsize=size,
        meminfo=None,
    )
    return array._getvalue()


def data_type(context: Any, type_: Any) -> Any:
    """Return the LLVM type of an array's items in memory."""
    return context.get_data_type(type_.dtype)


def fixed_load(builder: Any, words: Any, place: int) -> Any:
    """Load a word that no one changes while compiled code runs, so LLVM may load it once."""
    load = builder.load(builder.gep(words, [WORD(place)]))
    load.set_metadata("invariant.load", builder.module.add_metadata([]))
    return load


def caster(tables: Tables) -> Any:
    """Return a function for compiled code that takes an address for tables of this type."""

    @intrinsic  # type: ignore[untyped-decorator]
    def cast(typing_context: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return arguments[0]

        return tables(types.int64), codegen

    return cast
