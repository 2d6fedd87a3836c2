"""The core's tables inside compiled code: one pointer to a list of addresses.

Kernels write `core.orders[slot].qty`. A named tuple of twenty arrays would travel as some 150
values through every call; here `core` is a single int64, a table is where its address stands in
that list, and an item is one addition away. Indices count from 0: no wrap-around, and no bounds are
checked but with NUMBA_BOUNDSCHECK=1.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import config
from numba.core.datamodel import models
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_global,
    signature,
)
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    overload,
    register_model,
)
from numba.np.arrayobj import make_array, populate_array

WORD = ir.IntType(64)
ITERATED = "u"
"""Tables of members, which strategies loop over, are arrays; the others are a Table."""


class Tables(types.Type):
    """The type of `core` and `columns`: names, dtypes and places in the handle of their tables."""

    def __init__(
        self, names: Sequence[str], dtypes: Sequence[np.dtype[Any]], places: Sequence[int]
    ) -> None:  # fmt: skip
        self.tables = {
            name: table_type(name, dtype) for name, dtype in zip(names, dtypes, strict=True)
        }
        self.places = dict(zip(names, places, strict=True))
        text = repr(list(zip(names, dtypes, places, strict=True)))
        super().__init__(name=f"Tables_{digest(text)}")


class Table(types.Type):
    """The type of `core.orders`: records or numbers in a row."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Table_{digest(str(dtype))}")


def table_type(name: str, dtype: np.dtype[Any]) -> Any:
    """Return the type of a table by its name and dtype."""
    items = shorten_name(from_dtype(dtype))
    if name.startswith(ITERATED) and name[1:].isdigit():
        return types.Array(items, 1, "C")
    return Table(items)


def shorten_name(type_: Any) -> Any:
    """Give a record type a short name: the long one, mangled into each symbol, costs seconds."""
    if isinstance(type_, types.Record) and not type_.name.startswith("Record_"):
        type_.name = f"Record_{digest(type_.name)}"
    return type_


def digest(text: str) -> str:
    """Return a short hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@register_model(Tables)
@register_model(Table)
class AddressModel(models.PrimitiveModel):
    """At run time an address: of the handle, or of a table's place in it."""

    def __init__(self, manager: Any, type_: Any) -> None:
        super().__init__(manager, type_, WORD)


@infer_getattr
class TablesAttribute(AttributeTemplate):
    """`core.orders` is a table."""

    key = Tables

    def generic_resolve(self, tables: Tables, name: str) -> Any:  # type: ignore[override]
        """Return the type of a table, or None if there is none of that name."""
        return tables.tables.get(name)


@lower_getattr_generic(Tables)  # type: ignore[untyped-decorator]
def read_table(context: Any, builder: Any, tables: Tables, handle: Any, name: str) -> Any:
    """Return a table: its place in the handle, or for members the array."""
    type_ = tables.tables[name]
    place = builder.add(handle, WORD(16 * tables.places[name]))
    if isinstance(type_, Table):
        return place
    array = make_array(type_)(context, builder)
    size = context.get_constant(types.intp, item_size(context, type_))
    populate_array(
        array,
        data=builder.inttoptr(word(builder, place, 0), data_type(context, type_).as_pointer()),
        shape=[word(builder, place, 1)],
        strides=[size],
        itemsize=size,
        meminfo=None,
    )
    return array._getvalue()


def data_type(context: Any, type_: Any) -> Any:
    """Return the LLVM type of a table's items in memory."""
    return context.get_data_type(type_.dtype)


def item_size(context: Any, type_: Any) -> int:
    """Return the bytes of a table's item."""
    return int(context.get_abi_sizeof(data_type(context, type_)))


def word(builder: Any, place: Any, number: int) -> Any:
    """Load a table's address (0) or length (1), which no compiled code ever changes."""
    words = builder.inttoptr(place, WORD.as_pointer())
    load = builder.load(builder.gep(words, [WORD(number)]))
    load.set_metadata("invariant.load", builder.module.add_metadata([]))
    return load


@infer_global(operator.getitem)
class TableItem(AbstractTemplate):
    """`table[index]` is a record or a number."""

    def generic(self, arguments: Any, keywords: Any) -> Any:  # noqa: ARG002 (numba's signature)
        """Return the signature for a table and an integer."""
        table, index = arguments
        if isinstance(table, Table) and isinstance(index, types.Integer):
            return signature(table.dtype, table, types.intp)
        return None


@infer_global(operator.setitem)
class TableStore(AbstractTemplate):
    """`table[index] = number`."""

    def generic(self, arguments: Any, keywords: Any) -> Any:  # noqa: ARG002 (numba's signature)
        """Return the signature for a table of numbers and an integer."""
        table, index, _ = arguments
        if isinstance(table, Table) and isinstance(index, types.Integer):
            return signature(types.none, table, types.intp, table.dtype)
        return None


def item_pointer(context: Any, builder: Any, type_: Table, place: Any, index: Any) -> Any:
    """Return the pointer to an item."""
    if config.BOUNDSCHECK:  # type: ignore[attr-defined]
        outside = builder.icmp_unsigned(">=", index, word(builder, place, 1))
        with builder.if_then(outside, likely=False):
            context.call_conv.return_user_exc(builder, IndexError, ("table index out of bounds",))
    offset = builder.mul(index, WORD(item_size(context, type_)))
    address = builder.add(word(builder, place, 0), offset)
    return builder.inttoptr(address, data_type(context, type_).as_pointer())


@lower_builtin(operator.getitem, Table, types.Integer)  # type: ignore[untyped-decorator]
def get_item(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    """Return a record by reference, or a number."""
    type_ = sig.args[0]
    pointer = item_pointer(context, builder, type_, *arguments)
    if isinstance(type_.dtype, types.Record):
        return pointer
    return context.unpack_value(builder, type_.dtype, pointer)


@lower_builtin(operator.setitem, Table, types.Integer, types.Any)  # type: ignore[untyped-decorator]
def set_item(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    """Store a number."""
    table, index, value = arguments
    pointer = item_pointer(context, builder, sig.args[0], table, index)
    context.pack_value(builder, sig.args[0].dtype, value, pointer)
    return context.get_dummy_value()


@intrinsic
def table_length(typing_context: Any, table: Any) -> Any:
    """Return how many items a table has."""

    def codegen(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return word(builder, arguments[0], 1)

    return types.intp(table), codegen


@overload(len)
def table_len(table: Any) -> Any:
    """Let `len(core.orders)` work."""

    def length(table: Any) -> Any:
        return table_length(table)  # type: ignore[call-arg]

    return length if isinstance(table, Table) else None


@cache
def caster(tables: Tables) -> Any:
    """Return a function for compiled code that takes an address for tables of this type."""

    @intrinsic
    def cast(typing_context: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            return arguments[0]

        return tables(types.int64), codegen

    return cast
