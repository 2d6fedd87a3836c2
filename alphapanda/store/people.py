"""Tables of users and their keys, of broker sessions, alerts and the audit trail."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from alphapanda.store.base import (
    Base,
    Facts,
    Id,
    Name,
    Names,
    Nanos,
    Number,
    Owned,
    Word,
    check,
    of_broker,
    one_of,
)
from alphapanda.store.words import AlertState, Severity, UserRole

LASTING = "state IN ('open', 'acknowledged')"
"""A trouble that somebody knows of already is counted, and makes no second alert."""


class User(Base):
    """Somebody who may log in; owns what bears the same `owner_id`."""

    __tablename__ = "users"
    __table_args__ = (one_of("role", UserRole),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    owner_id: Mapped[Name] = mapped_column(index=True)
    name: Mapped[Name] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[Word]
    active: Mapped[bool] = mapped_column(index=True)
    created_ns: Mapped[Nanos]
    revoked_before_ns: Mapped[Nanos | None]
    """Tokens issued before are void: password changed, logged out everywhere."""


class ApiKey(Base):
    """A program's key: found by its public prefix, stored as a hash, shown once."""

    __tablename__ = "api_keys"
    __table_args__ = (
        check("hash_length", "length(hash) = 64"),
        check("order_of_times", "expires_ns IS NULL OR expires_ns > created_ns"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[Name]
    prefix: Mapped[Word] = mapped_column(unique=True)
    hash: Mapped[Name]
    scopes: Mapped[Names]
    created_ns: Mapped[Nanos]
    expires_ns: Mapped[Nanos | None]
    used_ns: Mapped[Nanos | None]
    revoked: Mapped[bool] = mapped_column(index=True)


class BrokerSession(Owned, Base):
    """A day's login at a broker; the token is encrypted, and at most one is active."""

    __tablename__ = "broker_sessions"
    __table_args__ = (
        Index(
            "uq_broker_sessions_active", "owner_id", "account_id", "broker", unique=True,
            postgresql_where=text("active"), sqlite_where=text("active"),
        ),
        of_broker(),
        check("order_of_times", "expires_ns > created_ns"),
    )  # fmt: skip

    id: Mapped[Id] = mapped_column(primary_key=True)
    broker: Mapped[Word]
    user_name: Mapped[Name]
    """Theirs, such as AB1234."""
    sealed_token: Mapped[str]
    active: Mapped[bool] = mapped_column(index=True)
    created_ns: Mapped[Nanos]
    expires_ns: Mapped[Nanos] = mapped_column(index=True)


class Alert(Owned, Base):
    """Something a person should know; the same trouble is one open alert that counts."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "uq_alerts_open", "owner_id", "account_id", "subject", unique=True,
            postgresql_where=text(LASTING), sqlite_where=text(LASTING),
        ),
        one_of("severity", Severity),
        one_of("state", AlertState),
        check("count_sign", "count > 0"),
        check("order_of_times", "last_ns >= ts"),
    )  # fmt: skip

    id: Mapped[Id] = mapped_column(primary_key=True)
    ts: Mapped[Nanos] = mapped_column(index=True)
    last_ns: Mapped[Nanos]
    count: Mapped[Number]
    kind: Mapped[Word] = mapped_column(index=True)
    severity: Mapped[Word] = mapped_column(index=True)
    state: Mapped[Word] = mapped_column(index=True)
    subject: Mapped[str]
    """What it is about: a rule, a feed, an order."""
    text: Mapped[str]
    facts: Mapped[Facts]
    run_id: Mapped[Name | None] = mapped_column(index=True)


class AuditEntry(Owned, Base):
    """A privileged action; each entry holds the hash of the one before."""

    __tablename__ = "audit"
    __table_args__ = (
        UniqueConstraint("previous"),
        check("seq_sign", "seq > 0"),
        check("hash_length", "length(hash) = 64 AND length(previous) = 64"),
    )

    seq: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    ts: Mapped[Nanos] = mapped_column(index=True)
    actor: Mapped[Name] = mapped_column(index=True)
    action: Mapped[Name] = mapped_column(index=True)
    target: Mapped[str]
    facts: Mapped[Facts]
    previous: Mapped[Name]
    hash: Mapped[Name] = mapped_column(unique=True)
