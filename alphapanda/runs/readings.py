"""How an option is written: a text made a value, a value made that text, and what to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from alphapanda.engine.tier import Tier
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import DAY
from alphapanda.model.instruments import Product
from alphapanda.model.interval import parse_bars, parse_interval
from alphapanda.model.money import text, to_scaled
from alphapanda.model.rows import LimitFill

RATE = 10_000_000
"""The whole, in units of a rate."""


def same(value: Any) -> Any:
    """Return a value as it is."""
    return value


@dataclass(frozen=True)
class Reading:
    """A kind of value: how it is read, what to write where it can't be, how it is written."""

    read: Callable[[Any], Any]
    """Takes a text, or a value of Python or TOML; raises for what it can't read."""
    expects: str
    choices: tuple[str, ...] = ()
    write: Callable[[Any], Any] = same

    def value(self, flag: str, given: Any, *, where: str = "") -> Any:
        """Return what was given for an option in its type.

        Raises:
            UsageError: naming the option, the value, and what to write.
        """
        try:
            return self.read(given)
        except (ValueError, KeyError, TypeError, ArithmeticError):
            hint = did_you_mean(str(given), self.choices)
            shown = flag.replace("_", "-")
            raise UsageError(f"{where}--{shown} {given}: write {self.expects}.{hint}") from None


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """Return NAME=VALUE texts as a table."""
    made = {}
    for each in given:
        name, equals, value = str(each).partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option} {each}: write NAME=VALUE")
        made[name.strip()] = value.strip()
    return made


def as_texts(value: Any) -> tuple[str, ...]:
    """Return one text or several as a tuple."""
    given = (value,) if isinstance(value, (str, Path)) else tuple(value)
    return tuple(map(as_text, given))


def as_text(value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, (str, Path)) or not str(value):
        raise TypeError(value)
    return str(value)


def as_whole(value: Any) -> int:
    """Return a whole number, not negative, that a record can hold."""
    if isinstance(value, (bool, float)) or not 0 <= int(value) < 1 << 63:
        raise ValueError(value)
    return int(value)


def as_flag(value: Any) -> bool:
    """Return a yes or no."""
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def as_interval(value: Any) -> str:
    """Return the text of an interval that can be read."""
    interval_ns(as_text(value))
    return str(value)


def as_bars(value: Any) -> str:
    """Return the text of an interval of which bars can be made."""
    parse_bars(as_interval(value))
    return str(value)


def interval_ns(value: str) -> int:
    """Return an interval in ns; a ValueError says that it is none."""
    try:
        return parse_interval(value)
    except UsageError as error:
        raise ValueError(value) from error


def as_map(value: Any) -> dict[str, str]:
    """Return columns by canonical name."""
    return dict(value) if isinstance(value, Mapping) else pairs(value, "--map")


def as_date(value: Any) -> date:
    """Return a date from a date or its ISO text."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def as_rate(value: Any) -> int:
    """Return basis points (`2bp`), percent (`0.02%`) or a fraction as a rate in 1e-7."""
    given = str(value).strip()
    if given.endswith("bp"):
        rate = float(given[:-2]) * 1_000
    elif given.endswith("%"):
        rate = float(given[:-1]) * 100_000
    else:
        rate = float(given) * RATE
    if not 0 <= rate <= RATE:
        raise ValueError(given)
    return round(rate)


def as_ns(value: Any) -> int:
    """Return a time such as `50ms`, `2s` or `0` in ns; a day at most."""
    given = str(value).strip()
    if given.endswith("ms"):
        length = round(float(given[:-2]) * 1_000_000)
    else:
        length = 0 if given == "0" else interval_ns(given)
    if not 0 <= length <= DAY:
        raise ValueError(value)
    return length


def exact(value: int, unit: int) -> str:
    """Return a count of units as a decimal number, with every digit it has and no more."""
    digits = len(str(unit)) - 1
    shown = f"{value // unit}.{value % unit:0{digits}d}"
    return shown.rstrip("0").rstrip(".")


def rupees(value: int) -> str:
    """Return money as it is written: 1000000, 0.5."""
    return text(value).rstrip("0").rstrip(".")


def one_of(*choices: str, read: Callable[[str], Any] = same, write: Any = same) -> Reading:
    """Return the reading of one of some words, in small letters or capitals."""
    words = {choice.lower(): choice for choice in choices}

    def chosen(value: Any) -> Any:
        return read(words[str(value).lower()])

    *others, last = choices
    return Reading(chosen, f"{', '.join(others)} or {last}", choices, write)


def member(kind: type[Enum]) -> Callable[[Any], Any]:
    """Return what finds a member by its name."""
    return lambda name: kind[name.upper()]


TEXT = Reading(as_text, "one text")
TEXTS = Reading(as_texts, "one text or several", write=list)
FILE = Reading(as_text, "one text")
FILES = Reading(as_texts, "one text or several", write=list)
FOLDER = Reading(Path, "one text", write=str)
WHOLE = Reading(as_whole, "a whole number")
FLAG = Reading(as_flag, "true or false")
MAP = Reading(as_map, "NAME = COLUMN", write=dict)
DATE = Reading(as_date, "a date, 2025-08-29", write=str)
INTERVAL = Reading(as_interval, "30s, 1m, 60m or 1d")
BARS = Reading(as_bars, "1m, 15m, 1h or 1d")
MONEY = Reading(to_scaled, "rupees, 1000000", write=rupees)
RATES = Reading(as_rate, "2bp or 0.02%", write=lambda rate: f"{exact(rate, RATE // 100)}%")
SHARE = Reading(as_rate, "a share, 10%", write=RATES.write)
TIME = Reading(as_ns, "a time up to a day, 50ms or 1s",
               write=lambda ns: f"{exact(ns, 1_000_000)}ms" if ns else "0")  # fmt: skip
KIND = one_of("tick", "bar", "quote")
PRODUCT = one_of("CNC", "MIS", "NRML", read=member(Product), write=lambda p: Product(p).name)
TIER = one_of("auto", "quick", "full", read=Tier, write=str)
LIMIT_FILL = one_of("through", "touch", "queue", read=member(LimitFill),
                    write=lambda fill: LimitFill(fill).name.lower())  # fmt: skip
