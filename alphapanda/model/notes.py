"""What a reader of a result has to know, worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Self


class Rank(IntEnum):
    """How bad it is; what comes first is read first."""

    BROKEN = 0
    """The figures are not of the run that was asked for: it was interrupted, stopped, has gaps."""
    MISSED = 1
    """Much of what a strategy asked for did not happen."""
    LEFT_OUT = 2
    """Some rows, orders or figures are not in the result."""
    ASSUMED = 3
    """Something that was not given was taken for granted."""
    KNOWN = 4
    """Good to know."""


LOUD = Rank.MISSED
"""Notes up to this rank stand above the figures."""


class Note(str):
    """A sentence with its rank. A plain string has the last one."""

    __slots__ = ("rank",)
    rank: Rank

    def __new__(cls, text: str, rank: Rank) -> Self:
        """Return the sentence with its rank."""
        made = super().__new__(cls, text)
        made.rank = rank
        return made


def rank_of(note: str) -> Rank:
    """Return a note's rank."""
    return note.rank if isinstance(note, Note) else Rank.KNOWN


def in_order(notes: Iterable[str]) -> list[str]:
    """Return notes worst first, each once, those of one rank as they came."""
    return sorted(dict.fromkeys(notes), key=rank_of)


def loud(notes: Sequence[str]) -> int:
    """Return how many of the notes, which are in order, stand above the figures."""
    return sum(rank_of(note) <= LOUD for note in notes)
