"""Pages of lists: newest first, bounded, with an opaque cursor; never another owner's rows."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Query
from sqlalchemy import Select, and_, or_
from starlette.responses import Response

from alphapanda.api.answers import ApiError, answer

MOST, USUAL = 1_000, 100
Limit = Annotated[str, Query(pattern=r"^[0-9]{1,4}$", description="At most 1000.")]
Cursor = Annotated[str, Query(max_length=400, pattern=r"^[A-Za-z0-9_=-]*$",
                              description="`next` of the page before.")]  # fmt: skip
Word = Annotated[str, Query(max_length=64, pattern=r"^[\x20-\x7e]*$")]
Moment = Annotated[str, Query(pattern=r"^([0-9]{1,19})?$", description="ns since 1970, UTC.")]
LARGEST = (1 << 63) - 1


def size(limit: str) -> int:
    """Return how many rows a page has.

    Raises:
        ApiError: if that is none or too many.
    """
    number = int(limit)
    if not 1 <= number <= MOST:
        raise ApiError(422, "the request is not valid", fields=[("query.limit", "1 to 1000")])
    return number


def moment(text: str) -> int | None:
    """Return a time, None for none."""
    return min(int(text), LARGEST) if text else None


def encoded(place: Sequence[Any]) -> str:
    """Return a place in a list as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(place))).decode()


def decoded(cursor: str, kinds: Sequence[type]) -> list[Any] | None:
    """Return the place of a cursor, None for the beginning.

    Raises:
        ApiError: if it is none of this list's.
    """
    if not cursor:
        return None
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(cursor))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        place = None
    fits = isinstance(place, list) and len(place) == len(kinds) and all(
        type(part) is kind for part, kind in zip(place, kinds, strict=True)
    )  # fmt: skip
    if not fits or not all(map(may_be, place or ())):
        raise ApiError(422, "the request is not valid", fields=[("query.cursor", "no cursor")])
    return list(place or ())


def may_be(part: int | str) -> bool:
    """Say if a part of a cursor is one that every database takes."""
    return "\0" not in part if isinstance(part, str) else abs(part) <= LARGEST


def behind(query: Select[Any], columns: Sequence[Any], place: Sequence[Any] | None) -> Select[Any]:
    """Return a query for what follows a place, newest first by some columns."""
    ordered = query.order_by(*(column.desc() for column in columns))
    if place is None:
        return ordered
    ways = [
        and_(*(c == p for c, p in zip(columns[:n], place[:n], strict=True)), columns[n] < place[n])
        for n in range(len(columns))
    ]
    return ordered.where(or_(*ways))


def page(
    rows: Sequence[Any], limit: int, shown: Callable[[Any], Any],
    place: Callable[[Any], Sequence[Any]], *, stale: bool = False,
) -> Response:  # fmt: skip
    """Return a page of rows, of which one more was read than it shows."""
    some = rows[:limit]
    following = encoded(place(some[-1])) if len(rows) > limit else None
    return listed([shown(row) for row in some], following, stale=stale)


def listed(items: Sequence[Any], following: str | None = None, *, stale: bool = False) -> Response:
    """Return a list as it is answered."""
    told = {"items": items, "next": following, "as_of": time.time_ns(), "stale": stale}
    return answer(told)
