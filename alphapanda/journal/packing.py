"""A batch as bytes: the market rows and control rows that went in, the envelopes that came out."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from alphapanda.model.columns import Columns
from alphapanda.model.commands import Texts
from alphapanda.model.rows import CONTROL

LENGTH = struct.Struct("<I")


class Batch(NamedTuple):
    """What one step of the core took in and gave out; `seq` is that of the first envelope.

    `missed` rows of the feed before its first never came; `texts` are the words of the commands
    among the control rows, in order.
    """

    columns: Columns
    controls: Any
    envelopes: list[bytes]
    seq: int
    missed: int = 0
    texts: Sequence[Texts] = ()


def pack(
    columns: Columns, controls: Any, envelopes: Sequence[bytes], seq: int, missed: int = 0,
    texts: Sequence[Texts] = (),
) -> bytes:  # fmt: skip
    """Return a batch as bytes: a JSON head, the columns, the control rows, a line an envelope."""
    present = [name for name in Columns._fields if len(getattr(columns, name))]
    head = json.dumps({
        "rows": columns.rows, "columns": present, "controls": len(controls), "seq": seq,
        "envelopes": len(envelopes), **({"missed": missed} if missed else {}),
        **({"texts": list(texts)} if texts else {}),
    }).encode()  # fmt: skip
    parts = [getattr(columns, name).tobytes() for name in present]
    return b"".join(
        [LENGTH.pack(len(head)), head, *parts, controls.tobytes(), b"\n".join(envelopes)]
    )


def head_of(text: bytes) -> tuple[dict[str, Any], int]:
    """Return a batch's head, and where its columns begin."""
    (length,) = LENGTH.unpack_from(text)
    at = LENGTH.size + length
    return json.loads(text[LENGTH.size : at]), at


def unpack(text: bytes) -> Batch:
    """Return the batch that bytes hold."""
    head, at = head_of(text)
    columns = {}
    for name in head["columns"]:
        dtype = np.dtype("<i4" if name == "row" else "<i8")
        columns[name] = aligned(text, dtype, head["rows"], at)
        at += dtype.itemsize * head["rows"]
    controls = aligned(text, CONTROL, head["controls"], at)
    at += CONTROL.itemsize * len(controls)
    lines = text[at:].split(b"\n") if head["envelopes"] else []
    assert len(lines) == head["envelopes"], "a packed batch holds as many envelopes as it says"
    texts = tuple(Texts(*words) for words in head.get("texts", ()))
    missed = head.get("missed", 0)
    return Batch(Columns.of(**columns), controls, lines, head["seq"], missed, texts)


def aligned(text: bytes, dtype: np.dtype[Any], count: int, at: int) -> Any:
    """Return records out of bytes; the core in plain Python reads aligned memory only."""
    return np.require(np.frombuffer(text, dtype, count, at), requirements="A")
