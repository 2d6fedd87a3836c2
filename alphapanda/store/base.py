"""What all tables share: types of columns, names of constraints, whose rows they are."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, BigInteger, CheckConstraint, Integer, MetaData, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from alphapanda.events.events import Broker
from alphapanda.store.words import words

Money = Annotated[int, mapped_column(BigInteger)]
"""Rupees in units of 0.0001, prices too."""
Nanos = Annotated[int, mapped_column(BigInteger)]
"""A time: nanoseconds since 1970, UTC. The exchange's own and the journal's, to the last digit."""
Quantity = Annotated[int, mapped_column(BigInteger)]
Number = Annotated[int, mapped_column(BigInteger)]
Counter = Annotated[
    int,
    mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
]
"""A key that the database counts; SQLite counts only its own INTEGER."""
Word = Annotated[str, mapped_column(String(32))]
Name = Annotated[str, mapped_column(String(64))]
Id = Annotated[UUID, mapped_column(Uuid)]
Facts = Annotated[dict[str, Any], mapped_column(JSON().with_variant(JSONB(), "postgresql"))]
Names = Annotated[list[str], mapped_column(JSON().with_variant(JSONB(), "postgresql"))]

CONSTRAINTS = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """A table."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=CONSTRAINTS)


class Owned:
    """Rows that belong to somebody, and are about one of their accounts."""

    owner_id: Mapped[Name] = mapped_column(index=True)
    account_id: Mapped[Name] = mapped_column(index=True)


class Projected(Owned):
    """Rows made from a run's events: they may be dropped and made again from its journal.

    They know neither each other nor the run by foreign keys, for events of different topics
    arrive in any order.
    """

    run_id: Mapped[Name] = mapped_column(primary_key=True, sort_order=-1)
    broker: Mapped[Word]
    strategy: Mapped[Name]
    ts: Mapped[Nanos] = mapped_column(index=True)


def one_of(column: str, allowed: type[Enum] | Iterable[str]) -> CheckConstraint:
    """Return the constraint that a column holds one of some words."""
    known = words(allowed) if isinstance(allowed, type) else allowed
    listed = ", ".join(f"'{word}'" for word in known)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def check(name: str, rule: str) -> CheckConstraint:
    """Return a constraint with a name of its own."""
    return CheckConstraint(rule, name=name)


BROKER = "broker"


def of_broker() -> CheckConstraint:
    """Return the constraint of a column `broker`."""
    return one_of(BROKER, Broker)
