"""The audit trail: privileged actions, each entry bound to the one before by a hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import log
from alphapanda.store.people import AuditEntry

LOG = log.get("audit")
BEGINNING = "0" * 64
LOCK = 4_611_686_018_427_387_848
"""PostgreSQL's lock that makes writers wait for each other until they commit."""
BLOCK = 1_000


async def append(
    session: AsyncSession,
    *,
    ts: int,
    owner_id: str,
    account_id: str,
    actor: str,
    action: str,
    target: str = "",
    facts: dict[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry behind the last; the session was opened with `writes=True` and commits itself.

    `facts` holds texts, ints, booleans and None: a float is not the same in every database.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    last = await session.scalar(select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(1))
    entry = AuditEntry(
        seq=1 if last is None else last.seq + 1, ts=ts, owner_id=owner_id, account_id=account_id,
        actor=actor, action=action, target=target, facts=check_plain(facts or {}),
        previous=BEGINNING if last is None else last.hash,
    )  # fmt: skip
    entry.hash = hash_of(entry)
    session.add(entry)
    await session.flush()
    # Also a line of the log: it shows later that the trail's end is missing, which no chain does.
    LOG.info(action, seq=entry.seq, actor=actor, target=target, entry=entry.hash)
    return entry


async def first_bad(session: AsyncSession) -> int | None:
    """Return the number of the first entry that was changed, removed or put in; None if none."""
    seq, previous = 0, BEGINNING
    while True:
        block = select(AuditEntry).where(AuditEntry.seq > seq).order_by(AuditEntry.seq)
        entries = list(await session.scalars(block.limit(BLOCK)))
        for entry in entries:
            seq += 1
            if entry.seq != seq or entry.previous != previous or entry.hash != hash_of(entry):
                return seq
            previous = entry.hash
            session.expunge(entry)
        if not entries:
            return None


def hash_of(entry: AuditEntry) -> str:
    """Return the hash of what an entry says and of the one before."""
    said = [
        entry.seq, entry.ts, entry.owner_id, entry.account_id, entry.actor, entry.action,
        entry.target, entry.facts, entry.previous,
    ]  # fmt: skip
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_plain(value: Any) -> Any:
    """Return facts as they are, having seen that every database gives them back the same."""
    if isinstance(value, dict):
        assert all(isinstance(name, str) for name in value), "names of facts are texts"
        return {name: check_plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [check_plain(part) for part in value]
    assert value is None or isinstance(value, (str, int)), f"{type(value).__name__} in audit facts"
    return value
