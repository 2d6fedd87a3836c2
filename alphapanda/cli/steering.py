"""What steers a terminal is written out, never sent to it."""

from __future__ import annotations

import re

STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters and those that turn the direction of text; a line's end is none."""


def clean(text: str) -> str:
    """Return a text with what steers a terminal written out."""
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
