"""A batch as bytes: the market rows and control rows that went in, the envelopes that came out."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, CONTROL_FIELDS, NARROW, NARROW_FIELDS
from alphapanda.model.texts import Texts, texts_of

LENGTH = struct.Struct("<I")
WIDE = CONTROL_FIELDS[len(NARROW_FIELDS) :]


class Batch(NamedTuple):
    """What one step of the core took in and gave out; `seq` is that of the first envelope.

    `missed` rows of the feed before its first never came; `texts` are the words of commands and
    reports among the control rows, in order.
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
    wide = any(controls[name].any() for name in WIDE)
    present = [name for name in Columns._fields if len(getattr(columns, name))]
    head = json.dumps({
        "rows": columns.rows, "columns": present, "controls": len(controls), "seq": seq,
        "envelopes": len(envelopes), **({"missed": missed} if missed else {}),
        **({"texts": list(texts)} if texts else {}), **({"wide": True} if wide else {}),
    }).encode()  # fmt: skip
    kept = controls if wide else narrowed(controls)
    parts = [getattr(columns, name).tobytes() for name in present]
    return b"".join([LENGTH.pack(len(head)), head, *parts, kept.tobytes(), b"\n".join(envelopes)])


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
    dtype = control_dtype(head)
    controls = widened(aligned(text, dtype, head["controls"], at))
    at += dtype.itemsize * len(controls)
    lines = text[at:].split(b"\n") if head["envelopes"] else []
    assert len(lines) == head["envelopes"], "a packed batch holds as many envelopes as it says"
    texts = texts_of(controls, head.get("texts", ()))
    missed = head.get("missed", 0)
    return Batch(Columns.of(**columns), controls, lines, head["seq"], missed, texts)


def control_dtype(head: dict[str, Any]) -> np.dtype[Any]:
    """Return how a batch's control rows lie: in full only where one is a report."""
    return CONTROL if head.get("wide") else NARROW


def narrowed(controls: Any) -> Any:
    """Return control rows without the fields that none of them uses."""
    made = np.zeros(len(controls), NARROW)
    for name in NARROW_FIELDS:
        made[name] = controls[name]
    return made


def widened(controls: Any) -> Any:
    """Return control rows with all their fields."""
    if controls.dtype == CONTROL:
        return controls
    made = np.zeros(len(controls), CONTROL)
    for name in NARROW_FIELDS:
        made[name] = controls[name]
    return made


def aligned(text: bytes, dtype: np.dtype[Any], count: int, at: int) -> Any:
    """Return records out of bytes; the core in plain Python reads aligned memory only."""
    return np.require(np.frombuffer(text, dtype, count, at), requirements="A")
