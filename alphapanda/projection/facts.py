"""What an event tells as columns hold it, or the reason why it can't be true."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard
from uuid import UUID

from alphapanda.errors import AlphaPandaError
from alphapanda.events.events import Fill
from alphapanda.model.money import to_scaled
from alphapanda.store.words import Side

LARGEST = (1 << 63) - 1
LONGEST = 64


class ImpossibleError(AlphaPandaError):
    """An event that can't be true after those before it."""


def refuse(wrong: bool, why: str) -> None:
    """Refuse an event for a reason.

    Raises:
        ImpossibleError: if the reason is given.
    """
    if wrong:
        raise ImpossibleError(why)


def bounded(*amounts: int) -> None:
    """Refuse what passes int64."""
    refuse(any(abs(amount) > LARGEST for amount in amounts), "an amount beyond int64")


def money(text: str) -> int:
    """Return rupees as a scaled int that a column holds."""
    amount = to_scaled(text)
    bounded(amount)
    return amount


def size(qty: int) -> int:
    """Return a quantity without its sign."""
    bounded(qty)
    return abs(qty)


def positive(text: str) -> int:
    """Return a price."""
    price = money(text)
    refuse(price < 0, f"a price of {text}")
    return price


def is_name(text: str | None, longest: int = LONGEST) -> TypeGuard[str]:
    """Say if a column may hold a text."""
    return text is not None and 0 < len(text) <= longest and text.isprintable()


def name(text: str | None, longest: int = LONGEST) -> str:
    """Return a text that a column holds."""
    if not is_name(text, longest):
        raise ImpossibleError(f"a name of more than {longest} characters, or of unprintable ones")
    return text


def told_by(manifest: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the mode and the strategies' names that a manifest tells."""
    strategies = manifest.get("strategies")
    refuse(not isinstance(strategies, list), "a manifest without strategies")
    names = [each.get("name") if isinstance(each, dict) else None for each in strategies or ()]
    mode = manifest.get("mode")
    for text in (mode, *names):
        refuse(not isinstance(text, str), "a manifest without mode or names")
    refuse("\\u0000" in json.dumps(manifest), "a manifest that no column holds")
    return short(str(mode)), [name(each) for each in names]


def short(text: str) -> str:
    """Return a word that a column holds."""
    return name(text, 32)


def one_of(word: str, known: Iterable[str]) -> str:
    """Return a word as columns spell it."""
    found = word.lower()
    refuse(found not in known, f"the word '{word[:40]}'")
    return found


def side(qty: int) -> Side:
    """Return the side of a signed quantity."""
    return Side.BUY if qty >= 0 else Side.SELL


def uuid(text: str) -> UUID:
    """Return an event's id."""
    try:
        return UUID(text)
    except ValueError:
        raise ImpossibleError("an id that is no UUID") from None


def trade_number(told: Fill) -> str:
    """Return what a trade is known by within its order.

    An order of the broker's own has no number here, and exchanges count trades anew each day: such
    a trade is known by that order's number too.
    """
    if told.order or not told.trade_id or not told.broker_order_id:
        return told.trade_id
    return f"{told.broker_order_id}:{told.trade_id}"
