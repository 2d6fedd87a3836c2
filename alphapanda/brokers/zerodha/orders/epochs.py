"""Who may send: each start takes a new number, and whoever holds an older one is out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from alphapanda import files
from alphapanda.errors import OutsideError
from alphapanda.journal.records import LockError


class Epochs:
    """A number in a file of the account, which only grows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def claim(self) -> int:
        """Take the next number; all that are older may send no more.

        Raises:
            OutsideError: if the file can't be read or written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                number = self.newest() + 1
                files.write_text(self.path, f"{number}\n")
            finally:
                os.close(lock)
        except OSError as error:
            raise OutsideError(f"{self.path}: {error.strerror or error}; mend the disk") from error
        return number

    def hold(self) -> int:
        """Lock the account for this process, and return the lock, which whoever has it closes.

        Raises:
            LockError: if another process trades the account.
            OutsideError: if the file can't be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            place = self.path.with_name("orders.lock")
            lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutsideError(f"{self.path}: {error.strerror or error}; mend the disk") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise LockError(
                f"{place}: another process trades this account; stop it first"
            ) from None
        return lock

    def newest(self) -> int:
        """Return the newest number, 0 if none was taken.

        Raises:
            OutsideError: if the file says none.
        """
        if not self.path.exists():
            return 0
        text = self.path.read_text(encoding="utf-8").strip()
        if not text.isdecimal():
            raise OutsideError(f"{self.path} holds {text!r:.40}, no number; restore it")
        return int(text)
