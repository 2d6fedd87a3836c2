"""Whether a whole record of a journal says what this release can read: others may have written it.

A checksum tells that a record is as it was written, not that it makes sense.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from alphapanda.events.events import Broker, RunStatus
from alphapanda.journal.packing import control_dtype
from alphapanda.model.columns import Columns
from alphapanda.model.texts import WORDS

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[str, Meta(max_length=4_096)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
DEEPEST = 50


class StrangeError(Exception):
    """A record says what can't be; the message says what."""


class _Strategy(msgspec.Struct):
    name: Name
    file: Words
    sha256: Name
    params: dict[str, Any]


class _File(msgspec.Struct):
    path: Words
    sha256: Name
    rows: Count


class _Market(msgspec.Struct):
    kind: Name
    interval_ns: Count
    columns: list[Name]
    names: list[Name]
    days: list[Name]


class _Manifest(msgspec.Struct):
    run_id: Name
    begun_ns: Count
    mode: Name
    broker: Broker
    code: Name
    made: Name
    feed: Name
    market: _Market
    strategies: list[_Strategy]
    sources: list[dict[str, Any]]
    enrolments: list[dict[str, Any]]
    instruments: list[dict[str, Any]]
    options: dict[str, Any]
    data: list[_File]
    files: dict[str, str]


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    rows: Count
    columns: list[str]
    controls: Count
    seq: Count
    envelopes: Count
    missed: Count = 0
    texts: list[list[str]] = []
    wide: bool = False


class _Status(msgspec.Struct):
    status: RunStatus
    ts: Count
    digest: Words = ""
    note: Words = ""


def document(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that a record holds.

    Raises:
        StrangeError: if it holds none.
    """
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise StrangeError(f"it is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise StrangeError("it is no JSON object")
    return found


def check_manifest(manifest: dict[str, Any]) -> None:
    """Refuse a manifest that lacks something, or says it in another way.

    Raises:
        StrangeError: with the field.
    """
    found = fits(manifest, _Manifest, "its manifest")
    try:
        datetime.fromisoformat(found.made)
    except ValueError:
        raise StrangeError(f"its manifest was made at {found.made!r:.40}, no time") from None
    shown = [found.run_id, found.mode, found.made, *(each.name for each in found.strategies)]
    for text in shown:
        if not text.isprintable():
            raise StrangeError(f"its manifest has a name with unprintable characters: {text!r}")


def status(payload: bytes) -> dict[str, Any]:
    """Return the word on how a run stands.

    Raises:
        StrangeError: if it is none that is known.
    """
    found = document(payload)
    fits(found, _Status, "how the run stands")
    return found


def head(payload: bytes) -> dict[str, Any]:
    """Return a batch's head, if what follows is as long as it says.

    Raises:
        StrangeError: if it is not, or the head is none.
    """
    length = int.from_bytes(payload[:4], "little")
    at = 4 + length
    if len(payload) < 4 or at > len(payload):
        raise StrangeError("its batch is shorter than its head")
    found = document(payload[4:at])
    told = fits(found, _Head, "its batch")
    if not set(told.columns) <= {*Columns._fields} or len({*told.columns}) != len(told.columns):
        raise StrangeError(f"its batch has columns that are none: {told.columns}")
    if any(len(words) not in WORDS for words in told.texts):
        raise StrangeError("its batch has words that no command or report says")
    width = sum(4 if name == "row" else 8 for name in told.columns)
    at += width * told.rows + control_dtype(found).itemsize * told.controls
    lines = payload.count(b"\n", at) + 1 if told.envelopes else 0
    if at > len(payload) or lines != told.envelopes or (not lines and at != len(payload)):
        raise StrangeError("its batch holds other rows or envelopes than its head says")
    return found


def fits(found: dict[str, Any], shape: Any, what: str) -> Any:
    """Return a document as a shape.

    Raises:
        StrangeError: with the field that does not fit.
    """
    try:
        return msgspec.convert(found, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise StrangeError(f"{what} is none that this release reads ({error})") from None


def within(columns: Columns, instruments: int) -> bool:
    """Say if each row of a batch is of an instrument that there is."""
    rows = np.asarray(columns.row)
    return not len(rows) or (int(rows.min()) >= 0 and int(rows.max()) < instruments)
