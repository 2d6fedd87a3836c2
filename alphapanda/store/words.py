"""The words that the tables' columns may hold."""

from __future__ import annotations

from enum import Enum, StrEnum

from alphapanda.model.instruments import OptionType, Product, Segment
from alphapanda.model.rows import Kind, Tif


class Side(StrEnum):
    """The direction of a signal, an order or a fill; its quantity is positive."""

    BUY = "buy"
    SELL = "sell"


class SignalStatus(StrEnum):
    """How far a signal came."""

    RAW = "raw"
    VALIDATED = "validated"
    REJECTED = "rejected"


class OrderStatus(StrEnum):
    """How an order stands."""

    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    """The broker's answer is lost: it may be working."""
    OPEN = "open"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


class UserRole(StrEnum):
    """What a user may do."""

    ADMIN = "admin"
    TRADER = "trader"
    VIEWER = "viewer"


class Severity(StrEnum):
    """How bad an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """What has become of an alert."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class SessionKind(StrEnum):
    """What a stored login is."""

    SESSION = "session"
    """A browser's cookie."""
    REFRESH = "refresh"
    """A program's refresh token."""


class CommandState(StrEnum):
    """What has become of a command."""

    ASKED = "asked"
    """In the run's inbox, on the disk."""
    APPLIED = "applied"
    REFUSED = "refused"


class DeliveryState(StrEnum):
    """How far the delivery of an alert came."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


def words(kind: type[Enum]) -> tuple[str, ...]:
    """Return the words of an enumeration; those of the core are stored in small letters."""
    return tuple(
        member.value if isinstance(member.value, str) else member.name.lower() for member in kind
    )


MODES = ("backtest", "paper", "live")
KINDS, TIFS, PRODUCTS = words(Kind), words(Tif), words(Product)
SEGMENTS, OPTION_TYPES = words(Segment), words(OptionType)
