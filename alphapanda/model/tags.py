"""A tag: the word by which a strategy says why it asks for an order, kept as one whole number.

Up to 12 of a-z, 0-9 and `-`. The number says the text by itself, so that a row with it needs no
list of texts beside it: base 38, the first letter lowest, 0 for no tag.
"""

from __future__ import annotations

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
LONGEST = 12
OTHER = "#"
BASE = len(LETTERS) + 1
assert BASE**LONGEST < 1 << 63, "a tag is an int64"


def tag_number(text: str) -> int:
    """Return the number of a tag, 0 for an empty one.

    Raises:
        ValueError: it is no tag, and what to write.
    """
    if len(text) > LONGEST or not set(text) <= set(LETTERS):
        raise ValueError(f"tag {text!r}: write up to {LONGEST} of a-z, 0-9 and -, such as gap-up")
    number = 0
    for letter in reversed(text):
        number = number * BASE + LETTERS.index(letter) + 1
    return number


def read_tag(text: str) -> int:
    """Return the number that `tag_text` wrote."""
    return int(text.removeprefix(OTHER)) if text.startswith(OTHER) else tag_number(text)


def tag_text(number: int) -> str:
    """Return the text of a tag's number; of a number that is none's, the number behind a `#`."""
    letters, rest = [], number
    while rest > 0:
        rest, place = divmod(rest, BASE)
        if not place:
            return f"{OTHER}{number}"
        letters.append(LETTERS[place - 1])
    return f"{OTHER}{number}" if rest else "".join(letters)
