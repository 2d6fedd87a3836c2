"""What trading costs: dated rates of brokerage, taxes and fees, and the exact contract note.

Rates are integers in 1e-7 of turnover (0.03 % is 3,000), money is scaled (1 = Rs 0.0001). A charge
is `portion(turnover, rate)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.classes import BASE, ChargeClass, Funds, charge_class, class_of
from alphapanda.model.dated import TABLES, a_date, in_force, read_table, rows_of
from alphapanda.model.instruments import Exchange, Instrument, Product
from alphapanda.model.money import PAISA, SCALE, to_rupees, to_scaled

__all__ = ["ChargeClass", "charge_class"]

RATE = 10_000_000
"""The rate that is the whole turnover."""

TURNOVER_BOUND = 1 << 62
"""`portion` is exact in int64 for turnovers up to this (and rates up to RATE)."""


class Rates(NamedTuple):
    """The rates in force on a day for one class and exchange."""

    brokerage: int = 0
    brokerage_cap: int = 0
    """Money per executed order, 0: no cap."""
    brokerage_flat: int = 0
    """Money per executed order in place of the rate, 0: the rate holds."""
    stt_buy: int = 0
    stt_sell: int = 0
    exchange: int = 0
    """With the exchange's investor protection fund."""
    sebi: int = 0
    stamp_buy: int = 0
    gst: int = 0
    """Of brokerage + exchange + SEBI."""
    dp: int = 0
    """Money per share and day when sold from demat, with GST; not on the contract note."""
    dp_btst: int = 0
    """The same when all that is sold was bought the day before."""
    square_off_fee: int = 0
    """Money per order the broker squares off, with GST."""
    exercise_stt: int = 0
    """Of the intrinsic value of an exercised option."""
    settlement_brokerage: int = 0
    """Money per contract exercised, assigned or closed out at expiry; of a future at most that."""
    physical: int = 0
    """Brokerage in its place on the value of a contract that is settled in shares."""
    physical_netted: int = 0
    """The same where other contracts take the shares back."""
    note_rounding: int = 0
    """1: STT and stamp duty to the rupee, the rest to the paisa, once per contract note; of
    commodities stamp duty to the paisa too."""


MONEY = frozenset({
    "brokerage_cap", "brokerage_flat", "dp", "dp_btst", "square_off_fee", "settlement_brokerage",
})  # fmt: skip
"""Parts that are amounts of money, not rates."""


def portion(turnover: int, rate: int) -> int:
    """Return turnover x rate / 1e7, rounded half up, with no intermediate beyond int64."""
    whole = turnover // 10_000_000
    rest = turnover - whole * 10_000_000
    return whole * rate + (rest * rate + 5_000_000) // 10_000_000


class _Step(NamedTuple):
    value: int
    approximate: bool


_Key = tuple[ChargeClass, Exchange]
_Parts = dict[str, list[tuple[date, _Step]]]


class Schedule:
    """Rates by day, class and exchange."""

    def __init__(
        self, name: str, table: Mapping[_Key, _Parts] | None, fixed: Rates | None = None,
        *, funds: Funds | None = None,
    ) -> None:  # fmt: skip
        """Use `zerodha`, `none`, `flat` or `parse`."""
        self.name = name
        self._table = table if table is not None else {}
        self._fixed = fixed
        self._funds = Funds.builtin() if funds is None else funds

    @classmethod
    def zerodha(cls, file: Path | None = None) -> Schedule:
        """Return Zerodha's charges, with a user's dated TOML file laid over them.

        Raises: UsageError for a file that does not fit.
        """
        if file is None:
            return _zerodha()
        table = {key: dict(parts) for key, parts in _zerodha()._table.items()}
        content = read_table(file)
        funds = Funds.builtin().laid_over(file, content)
        if "rate" in content or "etf" not in content:
            table = _laid_over(table, file, content)
        return cls(str(file), table, funds=funds)

    @classmethod
    def none(cls) -> Schedule:
        """Return the schedule that charges nothing."""
        return cls("none", None, Rates())

    @classmethod
    def flat(cls, text: str) -> Schedule:
        """Return a schedule of one brokerage rate a side ("0.03%"), no cap, nothing else.

        Raises: UsageError for a text that is no such rate.
        """
        return cls(text, None, Rates(brokerage=parse_rate(text)))

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Return the schedule a user names: zerodha, none, 0.03% or a TOML file.

        Raises: UsageError for anything else.
        """
        if text == "zerodha":
            return cls.zerodha()
        if text == "none":
            return cls.none()
        if text.endswith(".toml"):
            return cls.zerodha(Path(text))
        if text.endswith("%"):
            return cls.flat(text)
        hint = did_you_mean(text, ("zerodha", "none"))
        raise UsageError(
            f"costs {text!r}: give zerodha, none, a rate a side such as 0.03%, or a .toml file "
            f"laid over Zerodha's rates.{hint}"
        )

    @property
    def is_plain(self) -> bool:
        """Whether anything is charged alike, so that any series can be."""
        return self._fixed is not None

    def class_of(self, instrument: Instrument, product: Product, day: date) -> ChargeClass:
        """Return the class under which an instrument's trades of a day are charged."""
        return class_of(instrument, product, self._funds.kind_of(instrument, day))

    def looks_like_fund(self, instrument: Instrument, day: date) -> bool:
        """Whether a share is in no list of ETFs though its name sounds like one's."""
        return self._fixed is None and self._funds.looks_like(instrument, day)

    def rates(self, day: date, charge_class: ChargeClass, exchange: Exchange) -> Rates:
        """Return the rates of a day; before a part's first date its earliest value holds.

        Raises: UsageError when nothing is known of the class on that exchange.
        """
        if self._fixed is not None:
            return self._fixed
        parts = self._parts(charge_class, exchange)
        return Rates(**{part: _step(steps, day).value for part, steps in parts.items()})

    def first_date(self, charge_class: ChargeClass, exchange: Exchange) -> date:
        """Return the day from which every part is dated; before it an earliest value stands in.

        Raises: UsageError when nothing is known of the class on that exchange.
        """
        if self._fixed is not None:
            return date.min
        return max(steps[0][0] for steps in self._parts(charge_class, exchange).values())

    def dates(self, charge_class: ChargeClass, exchange: Exchange) -> list[date]:
        """Return the days on which any part changes, rising.

        Raises: UsageError when nothing is known of the class on that exchange.
        """
        if self._fixed is not None:
            return []
        parts = self._parts(charge_class, exchange).values()
        return sorted({day for steps in parts for day, _ in steps})

    def doubts(self, day: date, charge_class: ChargeClass, exchange: Exchange) -> list[str]:
        """Return, as phrases for a summary, which of a day's rates are not known for certain.

        Raises: UsageError when nothing is known of the class on that exchange.
        """
        if self._fixed is not None:
            return []
        found = []
        for part, steps in self._parts(charge_class, exchange).items():
            if day < steps[0][0]:
                found.append(f"charges: {part} unknown before {steps[0][0]}, that day's rate taken")
            elif _step(steps, day).approximate:
                found.append(f"charges: {part} approximate")
        return found

    def _parts(self, charge_class: ChargeClass, exchange: Exchange) -> _Parts:
        base = BASE.get(charge_class, charge_class)
        if (base, exchange) not in self._table:
            raise UsageError(
                f"no charges are known for {base.name} on {exchange.name}. Give them in a "
                "TOML file (--costs FILE.toml, of the form of alphapanda/model/"
                "tables/charges_zerodha.toml), or choose --costs none or a rate such as 0.03%."
            )
        return {**self._table[base, exchange], **self._table.get((charge_class, exchange), {})}


def parse_rate(text: str) -> int:
    """Return a percentage ("0.03%") in 1e-7.

    Raises: UsageError when it is none, finer than 0.00001 %, negative or above 100 %.
    """
    number = text.removesuffix("%").strip()
    try:
        exact = Decimal(number) * (RATE // 100)
    except InvalidOperation as error:
        raise UsageError(f"{text!r} is not a percentage (write 0.03%).") from error
    if number == text or not exact.is_finite() or not 0 <= exact <= RATE:
        raise UsageError(f"{text!r} is not a percentage from 0% to 100% (write 0.03%).")
    if exact != int(exact):
        raise UsageError(f"{text!r} is finer than 0.00001%.")
    return int(exact)


def _step(steps: list[tuple[date, _Step]], day: date) -> _Step:
    return in_force(steps, day) or steps[0][1]


@cache
def _zerodha() -> Schedule:
    path = TABLES / "charges_zerodha.toml"
    return Schedule("zerodha", _laid_over({}, path, read_table(path)))


def _laid_over(
    table: dict[_Key, _Parts], path: Path, content: dict[str, Any]
) -> dict[_Key, _Parts]:  # fmt: skip
    for number, row in enumerate(rows_of(path, content, "rate"), 1):
        where = f"{path}, [[rate]] number {number}"
        part = _member(where, "part", row.get("part"), Rates._fields)
        steps = _read_steps(where, part, row.get("steps"))
        for class_name in _names(where, "classes", row, ChargeClass.__members__):
            for exchange in _names(where, "exchanges", row, Exchange.__members__):
                parts = table.setdefault((ChargeClass[class_name], Exchange[exchange]), {})
                merged = dict(parts.get(part, ())) | steps
                parts[part] = sorted(merged.items())
    return table


def _read_steps(where: str, part: str, steps: object) -> dict[date, _Step]:
    if not isinstance(steps, list) or not steps or not isinstance(steps[0], dict):
        raise UsageError(f'{where}: no steps, such as [{{ from = 2024-10-01, rate = "0.1%" }}].')
    found: dict[date, _Step] = {}
    for step in steps:
        day = a_date(step.get("from"), f"{where}, from")
        found[day] = _Step(_value(where, part, step), step.get("approximate", False) is True)
    return found


def _value(where: str, part: str, step: Mapping[str, Any]) -> int:
    unit = "value" if part == "note_rounding" else "rupees" if part in MONEY else "rate"
    if unit not in step:
        raise UsageError(f"{where}: a step of {part} needs `{unit}`.")
    text = str(step[unit])
    try:
        if unit == "value":
            return ("0", "1").index(text)
        return parse_rate(text) if unit == "rate" else _money(text)
    except (UsageError, ValueError, InvalidOperation) as error:
        wanted = {
            "rate": f": {error}",
            "rupees": " is not an amount from 0 to 1,000,000 rupees.",
            "value": " is neither 0 nor 1.",
        }
        raise UsageError(f"{where}, {part}: {text!r}{wanted[unit]}") from error


def _money(text: str) -> int:
    exact = Decimal(text)
    if not 0 <= exact <= 1_000_000 or to_rupees(to_scaled(exact)) != exact:
        raise ValueError(text)
    return to_scaled(exact)


def _names(where: str, field: str, row: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    names = row.get(field)
    if not isinstance(names, list) or not names:
        raise UsageError(f"{where}: {field} is missing, such as {[*known][:2]}.")
    return [_member(where, field, name, known) for name in names]


def _member(where: str, field: str, name: object, known: Iterable[str]) -> str:
    known = tuple(known)
    if name not in known:
        hint = did_you_mean(str(name), known)
        raise UsageError(f"{where}, {field}: {name!r} is none of {', '.join(known)}.{hint}")
    return str(name)


class NoteFill(NamedTuple):
    """One fill as a contract note lists it."""

    buy: bool
    quantity: int
    price: int
    order: int
    """Fills of one order share its number."""


class Note(NamedTuple):
    """A day's contract note of one class and exchange, in scaled money."""

    turnover: int
    brokerage: int
    stt: int
    exchange: int
    sebi: int
    stamp: int
    gst: int
    total: int
    """All charges; the turnover is no part of it."""


def contract_note(fills: Iterable[NoteFill], rates: Rates) -> Note:
    """Return the exact note of a day on which fills of one class and exchange are all there is.

    Every part is computed from the day's sums in unlimited integers and rounded once: with
    `note_rounding` STT and stamp duty to the rupee and the rest to the paisa, without it all to the
    unit; GST is computed from unrounded parts. An order pays brokerage once, however many fills it
    has.
    """
    fills = list(fills)
    buy = sum(fill.quantity * fill.price for fill in fills if fill.buy)
    sell = sum(fill.quantity * fill.price for fill in fills if not fill.buy)
    brokerage = _brokerage(fills, rates)
    exchange = (buy + sell) * rates.exchange
    sebi = (buy + sell) * rates.sebi
    tax = (brokerage + exchange + sebi) * rates.gst
    rupee, paisa = (SCALE, PAISA) if rates.note_rounding else (1, 1)
    parts = (
        _rounded(brokerage, RATE, paisa),
        _rounded(buy * rates.stt_buy + sell * rates.stt_sell, RATE, rupee),
        _rounded(exchange, RATE, paisa),
        _rounded(sebi, RATE, paisa),
        _rounded(buy * rates.stamp_buy, RATE, rupee),
        _rounded(tax, RATE * RATE, paisa),
    )
    return Note(buy + sell, *parts, total=sum(parts))


def _brokerage(fills: Iterable[NoteFill], rates: Rates) -> int:
    # In 1e-7 of a unit, like every part before it is rounded.
    values: dict[int, int] = {}
    for fill in fills:
        values[fill.order] = values.get(fill.order, 0) + fill.quantity * fill.price
    if rates.brokerage_flat:
        return len(values) * rates.brokerage_flat * RATE
    due = (value * rates.brokerage for value in values.values())
    if rates.brokerage_cap:
        return sum(min(amount, rates.brokerage_cap * RATE) for amount in due)
    return sum(due)


def _rounded(amount: int, scale: int, unit: int) -> int:
    # Half up to a multiple of `unit`; all charges are positive.
    step = scale * unit
    return (amount + step // 2) // step * unit
