"""The table of instruments, each row true for some days."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from alphapanda.model.instruments import Exchange
from alphapanda.store.base import (
    Base,
    Counter,
    Money,
    Name,
    Number,
    Quantity,
    Word,
    check,
    one_of,
)
from alphapanda.store.words import OPTION_TYPES, SEGMENTS


class Instrument(Base):
    """What was known of an instrument from one day (in India) until before another."""

    __tablename__ = "instruments"
    __table_args__ = (
        UniqueConstraint("name", "valid_from"),
        Index(
            "uq_instruments_current", "name", unique=True,
            postgresql_where=text("valid_to IS NULL"), sqlite_where=text("valid_to IS NULL"),
        ),
        Index("ix_instruments_token_valid_from", "exchange", "token", "valid_from"),
        one_of("exchange", Exchange.__members__),
        one_of("segment", SEGMENTS),
        one_of("option_type", OPTION_TYPES),
        check("name_of_exchange", "substr(name, 1, length(exchange) + 1) = exchange || ':'"),
        check("sizes", "tick_size >= 0 AND lot_size > 0 AND freeze_quantity >= 0"),
        check("strike_sign", "strike >= 0"),
        check("order_of_days", "valid_to IS NULL OR valid_to > valid_from"),
        check("option", "(option_type = 'none') = (segment <> 'options')"),
    )  # fmt: skip

    id: Mapped[Counter]
    name: Mapped[Name]
    exchange: Mapped[Word]
    token: Mapped[Number]
    """Kite's number: used again for others over the years."""
    segment: Mapped[Word] = mapped_column(index=True)
    tick_size: Mapped[Money]
    lot_size: Mapped[Quantity]
    freeze_quantity: Mapped[Quantity]
    expiry: Mapped[date | None] = mapped_column(index=True)
    strike: Mapped[Money]
    option_type: Mapped[Word]
    underlying: Mapped[Name]
    isin: Mapped[Word | None] = mapped_column(index=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
