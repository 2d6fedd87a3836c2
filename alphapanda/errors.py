"""Every exception a user can meet, and the exit status each one means.

AlphaPandaError
├── UsageError        the user's mistake: bad input, option, strategy or data        exit 2
└── OutsideError      a failure outside this process: disk, server, broker           exit 3

A broken invariant is an AssertionError and is caught nowhere: corrupt books are worse than none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AlphaPandaError(Exception):
    """Root of all errors with a message meant for the user."""

    exit_status = 1


class UsageError(AlphaPandaError):
    """The user's mistake; the message names the file, row, field or option."""

    exit_status = 2


class OutsideError(AlphaPandaError):
    """A failure outside this process; the message says what to do next."""

    exit_status = 3


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint such as ``' Did you mean ema_cross?'``, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(close)}?" if close else ""
