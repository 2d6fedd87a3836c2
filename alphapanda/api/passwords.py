"""Passwords: hashed by argon2 on two threads of their own, so that logins starve nothing else."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from alphapanda.errors import UsageError

SHORTEST, LONGEST = 12, 256
THREADS = 2
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1


def checked(password: str) -> str:
    """Return a password that may be one.

    Raises:
        UsageError: if it is too short, too long, or of one character; it is never shown.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < 5 or not password.isprintable():
        raise UsageError("a password has at least 5 different characters, all on one line")
    return password


def hasher() -> PasswordHasher:
    """Return what hashes: some 30 ms and 19 MiB each."""
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


class Passwords:
    """Hashes and compares; an unknown user costs as much as a known one."""

    def __init__(self) -> None:
        self._hasher = hasher()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._dummy = self._hasher.hash(secrets.token_hex(16))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Say if a password is the one that was stored; None is nobody's."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._pool, self._verify, stored, password)
        return found and stored is not None

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(self._dummy if stored is None else stored, password)
        except (VerificationError, InvalidHashError):
            return False
