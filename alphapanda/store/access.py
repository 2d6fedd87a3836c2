"""Tables of who is logged in and what they asked for: sessions, commands, repeats, deliveries."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from alphapanda.model.commands import Verb
from alphapanda.store.base import (
    Base,
    Facts,
    Id,
    Name,
    Nanos,
    Number,
    Owned,
    Word,
    check,
    one_of,
)
from alphapanda.store.words import CommandState, DeliveryState, SessionKind

VERBS = [str(verb) for verb in Verb if verb is not Verb.ADOPT]
"""What can be asked for at the API."""


class UserSession(Base):
    """A login that lasts: a browser's session, or one link of a family of refresh tokens."""

    __tablename__ = "sessions"
    __table_args__ = (
        one_of("kind", SessionKind),
        check("hash_length", "length(hash) = 64"),
        check("order_of_times", "expires_ns > created_ns"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    hash: Mapped[Name] = mapped_column(unique=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[Word]
    family: Mapped[Id] = mapped_column(index=True)
    """Of refresh tokens, each of which replaces the one before; a session is alone in its own."""
    created_ns: Mapped[Nanos]
    seen_ns: Mapped[Nanos]
    expires_ns: Mapped[Nanos] = mapped_column(index=True)
    stepped_until_ns: Mapped[Nanos | None]
    """Until when the password that was asked for again counts."""
    agent: Mapped[str]
    address: Mapped[Name]
    revoked: Mapped[bool]


class CommandRequest(Owned, Base):
    """A command to a run, as it was asked for, and what became of it."""

    __tablename__ = "commands"
    __table_args__ = (one_of("verb", VERBS), one_of("state", CommandState))

    id: Mapped[Name] = mapped_column(primary_key=True)
    run_id: Mapped[Name] = mapped_column(index=True)
    verb: Mapped[Word]
    scope: Mapped[Word]
    name: Mapped[Name]
    order_id: Mapped[Number]
    by: Mapped[Name]
    reason: Mapped[str]
    requested_ns: Mapped[Nanos] = mapped_column(index=True)
    state: Mapped[Word] = mapped_column(index=True)
    state_ns: Mapped[Nanos]
    facts: Mapped[Facts]


class Repeat(Base):
    """A request that may be sent again: the same key and body get the same answer."""

    __tablename__ = "idempotency"
    __table_args__ = (check("hash_length", "length(body_hash) = 64"),)

    owner_id: Mapped[Name] = mapped_column(primary_key=True)
    key: Mapped[Name] = mapped_column(primary_key=True)
    body_hash: Mapped[Name]
    status: Mapped[Number | None]
    answer: Mapped[str | None]
    created_ns: Mapped[Nanos] = mapped_column(index=True)


class Delivery(Base):
    """An alert on its way through a channel."""

    __tablename__ = "deliveries"
    __table_args__ = (one_of("state", DeliveryState), check("attempts_sign", "attempts >= 0"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    alert_id: Mapped[Id] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"), index=True)
    channel: Mapped[Word]
    attempts: Mapped[Number]
    next_ns: Mapped[Nanos] = mapped_column(index=True)
    state: Mapped[Word] = mapped_column(index=True)
    error: Mapped[str | None]
