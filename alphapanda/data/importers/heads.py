"""The first lines of a text file: a head, none at all, or one that takes several lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from alphapanda.errors import UsageError

Rows = Sequence[Sequence[str]]

NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+(?:[eE][+-]?\d+)?")
STAMP = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/. ]\d{1,2}[-/. ](?:\d{4}|\d{2})(?:[T ,].*)?"
    r"|\d{1,2}[-/ ]?[A-Za-z]{3,9}[-/ ,]*(?:\d{4}|\d{2})(?:[T ,].*)?|(?:19|20)\d{6}(?:[T ].*)?"
    r"|\d{9,19}"
)
CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?|(?:[01]?\d|2[0-3])[0-5]\d(?:[0-5]\d)?|0+")
PRICES = 4
LEAST = 3
"""Values by which a line without a head is known."""


@dataclass(frozen=True, slots=True)
class Head:
    """The names of the columns, and how many lines stand before the first row."""

    names: list[str]
    there: bool = True
    """Whether the first line that is not skipped holds the names."""
    skipped: int = 0


def find_head(path: str, rows: Rows) -> Head:
    """Return the head of these first rows.

    Raises: UsageError when there is none and the values tell no columns.
    """
    filled = [row for row in rows if row]
    if not filled:
        raise UsageError(f"{path} holds no rows: leave it out.")
    width = Counter(map(len, filled)).most_common(1)[0][0]
    at = next((n for n, row in enumerate(rows) if _may_be_head(row, width)), 0)
    first = rows[at]
    values = [cell for cell in first if NUMBER.fullmatch(cell) or STAMP.fullmatch(cell)]
    if len(values) >= LEAST and 2 * len(values) > len([cell for cell in first if cell]):
        return Head(_columns(path, [row for row in rows[at:] if len(row) == len(first)]),
                    there=False, skipped=at)  # fmt: skip
    names = list(first)
    if width > len(names):
        names += [""] * (width - len(names))
    return Head(names, skipped=at)


def _may_be_head(row: Sequence[str], width: int) -> bool:
    return len(row) > 1 and abs(len(row) - width) <= 1 and sum(map(bool, row)) > 1


# Symbol, if any; date or stamp; clock, if any; open, high, low, close; volume; open interest.
def _columns(path: str, rows: Rows) -> list[str]:
    for start in _starts(rows):
        at = len(start)
        if _are_bars([row[at : at + PRICES] for row in rows]):
            rest = ("open", "high", "low", "close", "volume", "oi")
            names = [*start, *rest][: len(rows[0])]
            return names + [""] * (len(rows[0]) - len(names))
    shown = ",".join(rows[0])
    raise UsageError(
        f"{path}: the first line is no head but values ({shown:.60}), and they do not tell the "
        "columns: write the names in a first line, such as date,time,open,high,low,close,volume or "
        "time,symbol,price,qty."
    )


def _starts(rows: Rows) -> Iterator[list[str]]:
    def all_fit(at: int, what: re.Pattern[str]) -> bool:
        return all(at < len(row) and what.fullmatch(row[at]) for row in rows)

    def is_text(at: int) -> bool:
        return all(at < len(row) and row[at] and not NUMBER.fullmatch(row[at]) for row in rows)

    for symbol in (["symbol"] if is_text(0) else []), []:
        at = len(symbol)
        if not all_fit(at, STAMP):
            continue
        after = ["symbol"] if not symbol and is_text(at + 1) and not all_fit(at + 1, CLOCK) else []
        if all_fit(at + 1, CLOCK):
            yield [*symbol, "date", "time"]
        yield [*symbol, "date", *after]


def _are_bars(rows: Rows) -> bool:
    for row in rows:
        if len(row) < PRICES or not all(NUMBER.fullmatch(cell) for cell in row):
            return False
        first, high, low, close = (float(cell.replace(",", "")) for cell in row)
        if not low <= min(first, close) <= max(first, close) <= high:
            return False
    return bool(rows)


# --- downloads whose head takes several lines -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """A table made of a download."""

    head: list[str]
    rows: Iterator[Sequence[str]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """One make of download: how its first rows are known, and what it is read as."""

    fits: Callable[[Rows], bool]
    read: Callable[[str, Iterable[list[str]]], Made]


def _is_yahoo(rows: Rows) -> bool:
    starts = {row[0].lower() for row in rows[:2] if row}
    return len(rows) > 1 and {"price", "ticker"} == starts


def yahoo(path: str, rows: Iterable[list[str]]) -> Made:
    """Return yfinance's CSV (price and ticker lines, then Date) with a symbol in each row."""
    lines = iter(rows)
    top = {row[0].strip().lower(): [c.strip() for c in row] for row in (next(lines), next(lines))}
    columns: dict[str, dict[str, int]] = {}
    for at, (price, ticker) in enumerate(zip(top["price"], top["ticker"], strict=False)):
        if at:
            columns.setdefault(ticker, {})[price.lower()] = at
    prices = list(dict.fromkeys(price for of in columns.values() for price in of))

    def made() -> Iterator[Sequence[str]]:
        for row in lines:
            if not any(row) or row[0].strip().lower() in ("date", "datetime"):
                continue
            for ticker, at in columns.items():
                cells = [row[at[price]] if price in at else "" for price in prices]
                if any(cells):  # a day on which only the others traded
                    yield [row[0], ticker, *cells]

    return Made(["Date", "Symbol", *prices], made(), (f"{path}: yfinance's head of three lines",))


CHAIN_HALF = {
    "oi": "oi", "chng in oi": "chng_in_oi", "volume": "volume", "iv": "iv", "ltp": "ltp",
    "chng": "net_chng", "bid qty": "bid_qty", "bid": "bid_price", "bid price": "bid_price",
    "ask": "ask_price", "ask price": "ask_price", "ask qty": "ask_qty",
}  # fmt: skip
"""Columns of NSE's site on both sides of the strike."""

STRIKES = ("strike", "strike price")


def _is_site_chain(rows: Rows) -> bool:
    return any(
        sum(cell.lower() in STRIKES for cell in row) == 1
        and sum(cell.lower() == "oi" for cell in row) > 1
        for row in rows[:3]
    )


def site_chain(path: str, rows: Iterable[list[str]]) -> Made:
    """Return the option chain that NSE's site lets download, its halves named."""
    lines = iter(rows)
    head: list[str] = []
    for row in lines:
        found = [cell.strip().lower() for cell in row]
        if any(cell in STRIKES for cell in found):
            middle = next(n for n, cell in enumerate(found) if cell in STRIKES)
            sides = ("calls", "puts")
            head = [
                "strike_price" if at == middle
                else f"{sides[at > middle]}_{CHAIN_HALF[cell]}" if cell in CHAIN_HALF else ""
                for at, cell in enumerate(found)
            ]  # fmt: skip
            break
    width = len(head)
    return Made(head, ((row + [""] * width)[:width] for row in lines if any(row)))


DOWNLOADED = (Download(_is_yahoo, yahoo), Download(_is_site_chain, site_chain))
