"""Every exception a user can meet, and the exit status each one means.

AlphaPandaError
├── UsageError        the user's mistake: bad input, option, strategy or data        exit 2
└── OutsideError      a failure outside this process: disk, server, broker           exit 3

A broken invariant is an AssertionError and is caught nowhere: corrupt books are worse than none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class AlphaPandaError(Exception):
    """Root of all errors with a message meant for the user."""

    exit_status = 1

    def _render_traceback_(self) -> list[str]:
        # What a notebook shows in place of a traceback: the sentence is meant for the user.
        return [f"{type(self).__name__}: {self}"]


class UsageError(AlphaPandaError):
    """The user's mistake; the message names the file, row, field or option."""

    exit_status = 2


class OutsideError(AlphaPandaError):
    """A failure outside this process; the message says what to do next."""

    exit_status = 3


ODD = (
    AlphaPandaError, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
    RecursionError,
)  # fmt: skip
"""What reading files that somebody else wrote may end in, by what an odd one holds."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop, during a run; `result` is what there is of it."""

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result

    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint such as ``' Did you mean ema_cross?'``, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(close)}?" if close else ""
