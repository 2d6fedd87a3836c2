"""Limits of the risk gate and margins, read from TOML into scaled ints."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.dated import TABLES
from alphapanda.model.instruments import Instrument, Product, Segment
from alphapanda.model.interval import parse_interval
from alphapanda.model.money import to_scaled
from alphapanda.model.rows import NEVER, ints

LIMITS = ints(
    "qty value open_value position gross net loss per_second per_minute per_day",
    "duplicate_ns repeats repeat_ns age_ns band modifications",
)
"""Limits of a strategy or the account; LIFTED switches a limit off. `band` in 1e-7 of the price."""

LIFTED = NEVER

MESSAGES = 512
"""Messages remembered per ledger, the largest rate limit a minute that can be set."""

REPEATS = 8
"""Fills remembered per position and side, the largest repeat limit that can be set."""

MONEY = ("value", "open_value", "gross", "net", "loss")
TIMES = {"duplicate": "duplicate_ns", "repeat_window": "repeat_ns", "age": "age_ns"}
COUNTS = ("qty", "position", "per_second", "per_minute", "per_day", "repeats", "modifications")
LARGEST = {"per_second": MESSAGES, "per_minute": MESSAGES, "repeats": REPEATS}
NUMERIC = ("age_ns", "band", "duplicate_ns", "repeats", "repeat_ns")
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
        limits[TIMES.get(key, key)] = read_limit(f"{source} [{section}] {key}", key, value)
    return limits


def own_limits(where: str, values: Mapping[str, Any]) -> Limits:
    """Return limits of one strategy as fields of a record: those that are given, and no others.

    Raises:
        UsageError: naming the key of what can't be read.
    """
    return {TIMES.get(k, k): read_limit(f"{where}{k}", k, v) for k, v in values.items()}


def read_limit(where: str, key: str, value: Any) -> int:
    """Return one limit in the record's unit."""
    if key in TIMES:
        return parse_interval(str(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise UsageError(f"{where} = {value!r} is no limit: write a number, 0 or more")
    if key in MONEY:
        return to_scaled(str(value))
    if key == "band":
        return round(value * PERCENT)
    if key not in COUNTS:
        known = (*MONEY, *TIMES, *COUNTS, "band")
        raise UsageError(f"{where}: there is no such limit.{did_you_mean(key, known)}")
    if value > LARGEST.get(key, LIFTED - 1):
        raise UsageError(f"{where} = {value}: at most {LARGEST[key]} can be counted")
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
