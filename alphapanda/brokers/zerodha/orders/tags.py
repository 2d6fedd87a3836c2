"""The tag of an order: the only field of ours that Kite gives back, so it says whose order it is.

Ten characters of the run, eight of the order's number and the day, in base32, then two of the
deployment. The day is in it because the core sends an exit that outlived its day anew, by its old
number.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
"""Base32 of RFC 4648."""
BITS = 5
RUN, NUMBER, DEPLOYMENT = 10, 8, 2
"""Characters of each part; fifty bits of a run's id are its own for years."""
DAYS = 14
"""Bits of the day: it comes again after 44 years."""
MOST = 1 << (BITS * NUMBER - DAYS)
"""Orders of a run."""
UNNAMED = "AP"
"""The mark of runs that are no deployment's."""
FORM = re.compile(rf"[A-Z2-7]{{{RUN + NUMBER}}}[A-Z0-9]{{{DEPLOYMENT}}}")
MARK = re.compile(rf"[A-Z0-9]{{{DEPLOYMENT}}}")


class Tag(NamedTuple):
    """What a tag says."""

    run: str
    """The run's ten characters."""
    order: int
    day: int
    """In India, since 1970, as far as it has room."""
    deployment: str


def base32(value: int, length: int) -> str:
    """Return a number in so many characters."""
    return "".join(ALPHABET[value >> BITS * at & 31] for at in reversed(range(length)))


def run_part(run_id: str) -> str:
    """Return the characters that all tags of a run begin with."""
    digest = hashlib.sha256(run_id.encode()).digest()
    return base32(int.from_bytes(digest[:8], "big") >> (64 - BITS * RUN), RUN)


def mark_of(deployment: str) -> str:
    """Return the two characters of a deployment on its tags: of its name, or of none."""
    if not deployment:
        return UNNAMED
    return base32(int(hashlib.sha256(deployment.encode()).hexdigest()[:6], 16), DEPLOYMENT)


class Tags:
    """The tags of one run of one deployment on one day."""

    def __init__(self, run_id: str, deployment: str, day: int = 0) -> None:
        assert run_id, "a run has an id"
        assert MARK.fullmatch(deployment), f"{deployment!r} is not two capitals or digits"
        self.run = run_part(run_id)
        self.deployment = deployment
        self.day = day % (1 << DAYS)

    def of(self, order: int) -> str:
        """Return an order's tag."""
        assert 0 < order < MOST, f"{order} is no number of an order"
        return self.run + base32(order << DAYS | self.day, NUMBER) + self.deployment

    def number(self, tag: str) -> int:
        """Return the number of the run's order that bears a tag, 0 if none of this day does."""
        found = parse(tag)
        own = self.run, self.day, self.deployment
        ours = found is not None and (found.run, found.day, found.deployment) == own
        return found.order if ours and found is not None else 0

    def is_kin(self, tag: str) -> bool:
        """Say if a tag is this deployment's, but of another run or of no order."""
        found = parse(tag)
        return found is not None and found.deployment == self.deployment and not self.number(tag)


def parse(tag: object) -> Tag | None:
    """Return what a tag says; None for one that no Alpha Panda made."""
    if not isinstance(tag, str) or not FORM.fullmatch(tag):
        return None
    number = 0
    for char in tag[RUN : RUN + NUMBER]:
        number = number << BITS | ALPHABET.index(char)
    return Tag(tag[:RUN], number >> DAYS, number % (1 << DAYS), tag[RUN + NUMBER :])
