"""The risk gate: its codes, its limits and margins, read from TOML into scaled ints."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.dated import TABLES
from alphapanda.model.instruments import Instrument, Product, Segment
from alphapanda.model.interval import parse_interval
from alphapanda.model.money import to_scaled
from alphapanda.model.rows import NEVER, ints

LIFTED = NEVER

MESSAGES = 512
"""Messages remembered per ledger, the largest rate limit a minute that can be set."""

REPEATS = 8
"""Fills remembered per position and side, the largest repeat limit that can be set."""


class Unit(StrEnum):
    """What a limit is a number of."""

    COUNT = "count"
    MONEY = "money"
    TIME = "time"
    BAND = "band"
    """A share of the price, written in percent, kept in 1e-7."""


class LimitKind(NamedTuple):
    """A limit of a strategy or the account: its unit, its field if not its key, its largest."""

    unit: Unit
    field: str = ""
    most: int = LIFTED - 1


KINDS = {
    "qty": LimitKind(Unit.COUNT),
    "value": LimitKind(Unit.MONEY),
    "open_value": LimitKind(Unit.MONEY),
    "position": LimitKind(Unit.COUNT),
    "gross": LimitKind(Unit.MONEY),
    "net": LimitKind(Unit.MONEY),
    "loss": LimitKind(Unit.MONEY),
    "per_second": LimitKind(Unit.COUNT, most=MESSAGES),
    "per_minute": LimitKind(Unit.COUNT, most=MESSAGES),
    "per_day": LimitKind(Unit.COUNT),
    "duplicate": LimitKind(Unit.TIME, "duplicate_ns"),
    "repeats": LimitKind(Unit.COUNT, most=REPEATS),
    "repeat_window": LimitKind(Unit.TIME, "repeat_ns"),
    "age": LimitKind(Unit.TIME, "age_ns"),
    "band": LimitKind(Unit.BAND),
    "modifications": LimitKind(Unit.COUNT),
}
"""Every limit by its key in a file; one that no file gives is off."""

FIELDS = {key: kind.field or key for key, kind in KINDS.items()}
LIMITS = ints(" ".join(FIELDS.values()))
"""Limits of a strategy or the account; LIFTED switches a limit off."""


class RejectionCode(IntEnum):
    """Why the risk gate refused a signal: one file in `rules/` each, but those of the gate itself.

    STALE_DATA and AUTH_LOST to PRODUCT_CUTOFF may be the broker's side: a report blocks and
    unblocks.
    """

    PRICE_BAND = 1
    TICK_SIZE = 2
    LOT_SIZE = 3
    QTY_LIMIT = 4
    VALUE_LIMIT = 5
    OPEN_VALUE_LIMIT = 6
    POSITION_LIMIT = 7
    LOSS_LIMIT = 8
    RATE = 9
    DUPLICATE = 10
    REPEAT_EXEC = 11
    SELF_TRADE = 12
    NO_PROTECTION = 13
    STALE_DATA = 14
    MARKET_CLOSED = 15
    KILLED = 16
    FUNDS = 17
    HOLDINGS = 18
    UNKNOWN_ORDER = 19
    """A cancel or modify names an order that is not open."""
    ORDER_CAPACITY = 20
    """The order table is full."""
    PAUSED = 21
    WRONG_SIDE = 22
    TRIGGER_TICK = 23
    STOP_TICK = 24
    TARGET_TICK = 25
    AUTH_LOST = 26
    """The broker's session is gone; a login brings it back."""
    READ_ONLY = 27
    """The run may look but not send."""
    BLOCKED_UNKNOWN = 28
    """Whether an order on the instrument works is not known."""
    NOT_TODAYS_MASTER = 29
    """The list of instruments is not today's."""
    DAILY_LIMIT_RESERVE = 30
    """What is left of the day's messages is kept for exits."""
    PRODUCT_CUTOFF = 31
    """The broker takes no new orders of the product today."""
    CHANGE_UNDER_WAY = 32
    """A change of the order has been sent and is not answered, or its state is not known."""
    BROKER = 33
    """The broker refused a change or a cancellation; the value is its `Reason`."""
    UNTRADABLE = 34
    """An index: nobody can buy it."""


PERCENT = 100_000
"""One percent in 1e-7."""

Limits = dict[str, int]
"""Fields of the LIMITS record; LIFTED is off."""


@dataclass(frozen=True, slots=True)
class LimitSet:
    """Limits of each strategy and of the account."""

    name: str
    strategy: Limits
    account: Limits


def lifted() -> Limits:
    """Return limits that are all off."""
    return dict.fromkeys(LIMITS.names or (), LIFTED)


def load_limits(text: str) -> LimitSet:
    """Return `default`, `wide` (numeric limits and windows off), or the limits of a TOML file.

    Raises:
        UsageError: naming file, section and key of what cannot be read.
    """
    if text == "wide":
        return LimitSet("wide", lifted(), lifted())
    shipped = tomllib.loads((TABLES / "limits.toml").read_text())
    table = {section: dict(shipped[section]) for section in ("strategy", "account")}
    if text != "default":
        overlay(table, Path(text))
    name = "default" if text == "default" else Path(text).name
    return LimitSet(name, *(read_section(text, s, table[s]) for s in ("strategy", "account")))


def overlay(table: dict[str, dict[str, Any]], path: Path) -> None:
    """Lay a user's file over the shipped limits."""
    try:
        given = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"--limits {path}: no such file; or write default or wide") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    for section, values in given.items():
        if section not in table or not isinstance(values, dict):
            raise UsageError(f"{path}: [{section}] is no section; there are [strategy], [account]")
        table[section].update(values)


def read_section(source: str, section: str, values: Mapping[str, Any]) -> Limits:
    """Return one section as a record's fields."""
    limits = lifted()
    for key, value in values.items():
        limits[FIELDS.get(key, key)] = read_limit(f"{source} [{section}] {key}", key, value)
    return limits


def own_limits(where: str, values: Mapping[str, Any]) -> Limits:
    """Return limits of one strategy as fields of a record: those that are given, and no others.

    Raises:
        UsageError: naming the key of what can't be read.
    """
    return {FIELDS.get(k, k): read_limit(f"{where}{k}", k, v) for k, v in values.items()}


def read_limit(where: str, key: str, value: Any) -> int:
    """Return one limit in the record's unit."""
    kind = KINDS.get(key)
    if kind is not None and kind.unit == Unit.TIME:
        return parse_interval(str(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise UsageError(f"{where} = {value!r} is no limit: write a number, 0 or more")
    if kind is None:
        raise UsageError(f"{where}: there is no such limit.{did_you_mean(key, KINDS)}")
    if kind.unit == Unit.MONEY:
        return to_scaled(str(value))
    if kind.unit == Unit.BAND:
        return round(value * PERCENT)
    if value > kind.most:
        raise UsageError(f"{where} = {value}: at most {kind.most} can be counted")
    return int(value)


class Margin(NamedTuple):
    """Rates in 1e-7: of a position's value, and of a short option's strike (0: as the value)."""

    rate: int
    short: int


@cache
def margin_rows() -> list[dict[str, Any]]:
    """Return the dated rows of the table of margins."""
    rows: list[dict[str, Any]] = tomllib.loads((TABLES / "margins.toml").read_text())["margins"]
    return rows


def margins_known_from() -> date:
    """Return the first day whose margins the table has."""
    first: date = margin_rows()[0]["from"]
    return first


def margin(instrument: Instrument, product: Product, day: date) -> Margin:
    """Return what a position blocks from a day on; delivery pays in full, so it blocks nothing.

    Of a day before the table the first rates hold (`margins_known_from`).
    """
    rows = margin_rows()
    row = [r for r in rows if r["from"] <= max(day, margins_known_from())][-1]
    if instrument.segment == Segment.OPTIONS:
        return Margin(100 * PERCENT, round(row["short_options"] * PERCENT))
    if instrument.segment == Segment.FUTURES:
        return Margin(round(row["futures"] * PERCENT), 0)
    if product == Product.MIS:
        return Margin(round(row["intraday"] * PERCENT), 0)
    return Margin(0, 0)
