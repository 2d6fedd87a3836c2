"""Charges, against published calculator panels, Kite's own sample and exact arithmetic."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alphapanda.errors import UsageError
from alphapanda.model.charges import (
    RATE,
    TURNOVER_BOUND,
    ChargeClass,
    NoteFill,
    Rates,
    Schedule,
    charge_class,
    contract_note,
    parse_rate,
    portion,
)
from alphapanda.model.instruments import Exchange, Product, Segment
from alphapanda.model.money import to_rupees, to_scaled
from tests.support.shared import shared

ZERODHA = Schedule.zerodha()
PANELS_OF = date(2026, 9, 1)
KEYS = [
    (ChargeClass.DELIVERY, Exchange.NSE),
    (ChargeClass.DELIVERY, Exchange.BSE),
    (ChargeClass.INTRADAY, Exchange.NSE),
    (ChargeClass.INTRADAY, Exchange.BSE),
    (ChargeClass.FUTURES, Exchange.NFO),
    (ChargeClass.FUTURES, Exchange.BFO),
    (ChargeClass.OPTIONS, Exchange.NFO),
    (ChargeClass.OPTIONS, Exchange.BFO),
]
INT64 = 1 << 63


def half_up(turnover: int, rate: int) -> int:
    """Return the exact value of a portion."""
    return (Fraction(turnover * rate, RATE) + Fraction(1, 2)).__floor__()


TURNOVERS = st.one_of(
    st.integers(0, TURNOVER_BOUND),
    st.integers(TURNOVER_BOUND - 10**8, TURNOVER_BOUND),
    st.integers(0, 10**8),
)
RATES = st.one_of(st.integers(0, RATE), st.sampled_from([0, 1, RATE - 1, RATE]))


@given(TURNOVERS, RATES)
@example(TURNOVER_BOUND, RATE)
@example(TURNOVER_BOUND, RATE - 1)
@example(92_000_000_000 * 10_000, 10_000)
@example(5_000_000, 1)
@example(4_999_999, 1)
def test_a_portion_is_exact_half_up(turnover: int, rate: int) -> None:
    """Equal to fractions of unlimited integers, up to the stated bound."""
    assert portion(turnover, rate) == half_up(turnover, rate)


class Checked(int):
    """An integer that refuses to leave int64, as a result of + - * // at least."""

    @classmethod
    def of(cls, value: int) -> Checked:
        """Return the value, checked."""
        assert -INT64 <= value < INT64, value
        return cls(value)

    def __add__(self, other: int) -> Checked:
        return Checked.of(int(self) + int(other))

    def __sub__(self, other: int) -> Checked:
        return Checked.of(int(self) - int(other))

    def __mul__(self, other: int) -> Checked:
        return Checked.of(int(self) * int(other))

    def __floordiv__(self, other: int) -> Checked:
        return Checked.of(int(self) // int(other))


@given(TURNOVERS, RATES)
@example(TURNOVER_BOUND, RATE)
@example(TURNOVER_BOUND - 1, RATE)
def test_no_intermediate_of_a_portion_leaves_int64(turnover: int, rate: int) -> None:
    """Compiled code would wrap in silence."""
    assert portion(Checked(turnover), Checked(rate)) == half_up(turnover, rate)


def test_a_portion_compiles_unchanged() -> None:
    """The same function in machine integers, at the bounds."""
    numba = pytest.importorskip("numba")
    compiled = numba.njit(portion)
    for turnover in (0, 1, 4_999_999, 5_000_000, TURNOVER_BOUND - 1, TURNOVER_BOUND):
        for rate in (0, 1, 3_553, 1_800_000, RATE):
            assert compiled(turnover, rate) == half_up(turnover, rate)


PANELS = [
    (6, "589", "797", 20, "27720 40 24 9.85 0.03 0 8.98 82.86"),
    (7, "476", "280", 20, "15120 40 8 4.91 0.02 0 8.09 61.02"),
    (2, "1000", "1100", 400, "840000 40 110 25.79 0.84 12 11.99 200.62"),
    (1, "1000", "1100", 400, "840000 0 840 31.50 0.84 60 5.82 938.16"),
    (5, "500", "760", 20, "25200 7.56 8 0 0.03 0 1.37 16.96"),
]
"""Panels of Zerodha's calculator: turnover, brokerage, STT, exchange, SEBI, stamp, GST, total."""


@pytest.mark.parametrize(("key", "buy", "sell", "quantity", "wanted"), PANELS)
def test_the_calculators_panels_recompute_to_the_paisa(
    key: int, buy: str, sell: str, quantity: int, wanted: str
) -> None:
    """Five worked examples of 2026-09-01, every item."""
    fills = [
        NoteFill(True, quantity, to_scaled(buy), 1),
        NoteFill(False, quantity, to_scaled(sell), 2),
    ]
    note = contract_note(fills, ZERODHA.rates(PANELS_OF, *KEYS[key]))
    assert [to_rupees(part) for part in note] == [Decimal(part) for part in wanted.split()]


@pytest.mark.parametrize(("key", "buy", "sell", "quantity", "wanted"), PANELS)
def test_an_order_pays_brokerage_once_however_it_is_filled(
    key: int, buy: str, sell: str, quantity: int, wanted: str
) -> None:
    """Filled one by one the note is the same."""
    fills = [NoteFill(True, 1, to_scaled(buy), 1)] * quantity
    fills += [NoteFill(False, 1, to_scaled(sell), 2)] * quantity
    note = contract_note(fills, ZERODHA.rates(PANELS_OF, *KEYS[key]))
    assert to_rupees(note.total) == Decimal(wanted.rsplit(maxsplit=1)[-1])


def test_kites_sample_of_2023_fits_the_rates_of_2023() -> None:
    """Exchange, SEBI and STT of the sample's share and option, which are of July 2023, unrounded.

    Its GST leaves out the investor protection fund (1e-6, of premium 5e-6), which ours does not.
    """
    sample = json.loads(shared("kite-mocks", "virtual_contract_note.json").read_text())["data"]
    for place, key, fund in ((0, 0, 10), (2, 6, 50)):
        order, charges = sample[place], sample[place]["charges"]
        value = to_scaled(order["price"]) * order["quantity"]
        rates = ZERODHA.rates(date(2023, 7, 3), *KEYS[key])
        buys = order["transaction_type"] == "BUY"
        stt = rates.stt_buy if buys else rates.stt_sell
        for part, rate in (
            ("exchange_turnover_charge", rates.exchange),
            ("sebi_turnover_charge", rates.sebi),
            ("transaction_tax", stt),
        ):
            exact = Fraction(value * rate, RATE * 10_000)
            assert abs(exact - Fraction(str(charges[part]))) < Fraction(1, 10**9), part
        taxed = Fraction(value * (rates.exchange - fund + rates.sebi), RATE) + rates.brokerage_flat
        assert abs(taxed * rates.gst / RATE / 10_000 - Fraction(str(charges["gst"]["total"]))) < (
            Fraction(1, 10**9)
        )


FILLS = st.lists(
    st.builds(
        NoteFill,
        st.booleans(),
        st.integers(1, 100_000),
        st.integers(1, 100_000 * 10_000),
        st.integers(1, 4),
    ),
    max_size=8,
)


def naive_note(fills: list[NoteFill], rates: Rates) -> list[Decimal]:
    """Return brokerage, STT, exchange, SEBI, stamp, GST in rupees, by decimals and fill by fill."""
    part = {name: Decimal(rate) / RATE for name, rate in rates._asdict().items()}
    value = [(fill, Decimal(fill.quantity) * fill.price / 10_000) for fill in fills]
    turnover = sum((v for _, v in value), Decimal(0))
    brokerage = Decimal(0)
    for order in {fill.order for fill in fills}:
        due = sum((v for fill, v in value if fill.order == order), Decimal(0)) * part["brokerage"]
        if rates.brokerage_cap:
            due = min(due, Decimal(rates.brokerage_cap) / 10_000)
        brokerage += Decimal(rates.brokerage_flat) / 10_000 if rates.brokerage_flat else due
    stt = sum((v * part["stt_buy" if f.buy else "stt_sell"] for f, v in value), Decimal(0))
    stamp = sum((v * part["stamp_buy"] for f, v in value if f.buy), Decimal(0))
    exchange, sebi = turnover * part["exchange"], turnover * part["sebi"]
    gst = (brokerage + exchange + sebi) * part["gst"]
    paisa, rupee = Decimal("0.01"), Decimal(1)
    return [
        amount.quantize(unit, ROUND_HALF_UP)
        for amount, unit in (
            (brokerage, paisa), (stt, rupee), (exchange, paisa), (sebi, paisa), (stamp, rupee),
            (gst, paisa),
        )
    ]  # fmt: skip


@given(FILLS, st.sampled_from(KEYS), st.dates(date(2013, 1, 1), date(2027, 1, 1)))
def test_a_note_equals_a_naive_recount(
    fills: list[NoteFill], key: tuple[ChargeClass, Exchange], day: date
) -> None:
    """In decimals, on any day, for any class; the total is the sum of the rounded parts."""
    rates = ZERODHA.rates(day, *key)
    note = contract_note(fills, rates)
    assert [to_rupees(part) for part in note[1:7]] == naive_note(fills, rates)
    assert note.total == sum(note[1:7])
    assert note.turnover == sum(fill.quantity * fill.price for fill in fills)


def test_nothing_traded_costs_nothing() -> None:
    """An empty note is all zero."""
    assert contract_note([], ZERODHA.rates(PANELS_OF, *KEYS[0])) == (0,) * 8


@pytest.mark.parametrize(
    ("key", "part", "days"),
    [
        (4, "stt_sell", {"2023-03-31": 1000, "2024-09-30": 1250, "2026-03-31": 2000}),
        (4, "stt_sell", {"2023-04-01": 1250, "2024-10-01": 2000, "2026-04-01": 5000}),
        (6, "stt_sell", {"2016-05-31": 1700, "2023-03-31": 5000, "2024-09-30": 6250}),
        (6, "stt_sell", {"2023-04-01": 6250, "2026-03-31": 10000, "2026-04-01": 15000}),
        (7, "exercise_stt", {"2026-03-31": 12500, "2026-04-01": 15000}),
        (0, "exchange", {"2020-12-31": 325, "2021-01-01": 345, "2023-03-31": 345}),
        (0, "exchange", {"2023-04-01": 335, "2024-10-01": 307, "2026-09-01": 307}),
        (6, "exchange", {"2023-03-31": 5300, "2023-04-01": 5050, "2024-10-01": 3553}),
        (2, "sebi", {"2020-05-31": 10, "2020-06-01": 5, "2021-03-31": 5, "2021-04-01": 10}),
        (2, "gst", {"2016-06-01": 1_500_000, "2017-06-30": 1_500_000, "2017-07-01": 1_800_000}),
        (0, "dp", {"2026-09-01": 153_400}),
        (2, "dp", {"2026-09-01": 0}),
        (4, "square_off_fee", {"2026-09-01": 590_000}),
        (0, "square_off_fee", {"2026-09-01": 0}),
    ],
)  # fmt: skip
def test_rates_change_on_their_days(key: int, part: str, days: dict[str, int]) -> None:
    """The last day of the old rate and the first of the new one."""
    for day, rate in days.items():
        assert getattr(ZERODHA.rates(date.fromisoformat(day), *KEYS[key]), part) == rate, day


@pytest.mark.parametrize("key", KEYS)
def test_before_the_first_date_the_earliest_rate_holds_and_is_told(
    key: tuple[ChargeClass, Exchange],
) -> None:
    """Callers can ask, part by part."""
    first = ZERODHA.first_date(*key)
    early = date(2000, 1, 1)
    assert len(ZERODHA.doubts(early, *key)) >= 9
    assert any("unknown before" in doubt for doubt in ZERODHA.doubts(first - timedelta(1), *key))
    assert not any("unknown before" in doubt for doubt in ZERODHA.doubts(first, *key))
    assert ZERODHA.doubts(PANELS_OF, *key) == [], "known in full on the panels' day"
    assert (
        ZERODHA.rates(early, *key).exchange == ZERODHA.rates(ZERODHA.dates(*key)[0], *key).exchange
    )


@pytest.mark.parametrize("key", KEYS)
def test_after_the_last_listed_day_nothing_changes(key: tuple[ChargeClass, Exchange]) -> None:
    """A run need only look at `dates` for new rates."""
    days = ZERODHA.dates(*key)
    assert days == sorted(set(days))
    for day in (days[-1] + timedelta(n) for n in (1, 100, 10_000)):
        assert ZERODHA.rates(day, *key) == ZERODHA.rates(days[-1], *key)


@given(st.sampled_from(KEYS), st.dates(date(2013, 1, 1), date(2027, 1, 1)))
def test_rates_of_a_day_are_those_of_the_last_listed_day(
    key: tuple[ChargeClass, Exchange], day: date
) -> None:
    """Whatever the day."""
    days = ZERODHA.dates(*key)
    last = max((d for d in days if d <= day), default=days[0])
    assert ZERODHA.rates(day, *key) == ZERODHA.rates(last, *key)


@pytest.mark.parametrize("exchange", [Exchange.MCX, Exchange.CDS, Exchange.BCD, Exchange.NCO])
def test_charges_nowhere_published_are_refused(exchange: Exchange) -> None:
    """The message says what to do."""
    with pytest.raises(UsageError, match=rf"FUTURES on {exchange.name}.*TOML file"):
        ZERODHA.rates(PANELS_OF, ChargeClass.FUTURES, exchange)


MINE = """
[[rate]]
part = "exchange"
classes = ["FUTURES"]
exchanges = ["MCX"]
steps = [{ from = 2024-10-01, rate = "0.0021%" }, { from = 2023-01-01, rate = "0.0026%" }]
[[rate]]
part = "brokerage_flat"
classes = ["FUTURES", "OPTIONS"]
exchanges = ["MCX", "NFO"]
steps = [{ from = 2023-01-01, rupees = 20 }]
[[rate]]
part = "note_rounding"
classes = ["FUTURES"]
exchanges = ["MCX"]
steps = [{ from = 2023-01-01, value = 1 }]
"""


def test_a_users_file_is_laid_over(tmp_path: Path) -> None:
    """New exchanges, other steps; what is not named stays, and the shipped table is not touched."""
    path = tmp_path / "costs.toml"
    path.write_text(MINE)
    mine = Schedule.parse(str(path))
    rates = mine.rates(date(2024, 9, 30), ChargeClass.FUTURES, Exchange.MCX)
    assert rates == Rates(exchange=260, brokerage_flat=200_000, note_rounding=1)
    assert mine.rates(PANELS_OF, ChargeClass.FUTURES, Exchange.NFO).brokerage_flat == 200_000
    assert mine.rates(PANELS_OF, *KEYS[0]) == ZERODHA.rates(PANELS_OF, *KEYS[0])
    assert ZERODHA.rates(PANELS_OF, ChargeClass.FUTURES, Exchange.NFO).brokerage_flat == 0
    with pytest.raises(UsageError, match="on MCX"):
        ZERODHA.rates(PANELS_OF, ChargeClass.FUTURES, Exchange.MCX)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"exchange"\n', '"exchang"\n', "number 1, part: 'exchang' .* Did you mean exchange"),
        ('classes = ["FUTURES"]', 'classes = ["FUTURE"]', "number 1, classes: 'FUTURE'"),
        ('classes = ["FUTURES", "OPTIONS"]', "", "number 2: classes is missing"),
        ('"MCX", "NFO"', '"MCXX", "NFO"', "number 2, exchanges: 'MCXX' is none of"),
        ("steps = [{ from = 2023-01-01, rupees = 20 }]", "", "number 2: no steps"),
        ("rupees = 20", 'rate = "1%"', "a step of brokerage_flat needs `rupees`"),
        ("rupees = 20", 'rupees = "many"', "'many' is not an amount"),
        ("rupees = 20", "rupees = -1", "'-1' is not an amount from 0"),
        ("rupees = 20", "rupees = nan", "'nan' is not an amount"),
        ("rupees = 20", "rupees = 0.00001", "is not an amount"),
        ('"0.0021%"', '"0.0021"', "number 1, exchange: '0.0021'.* is not a percentage"),
        ("value = 1", "value = 2", "note_rounding: '2' is neither 0 nor 1"),
        ("from = 2024-10-01", 'from = "2024-10-01"', "is not a date"),
        ("steps = [{ from = 2023-01-01, value = 1 }]", "steps = [1]", "number 3: no steps"),
    ],
)  # fmt: skip
def test_a_users_file_that_does_not_fit_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """The message names the file, the entry and the value."""
    assert old in MINE
    path = tmp_path / "costs.toml"
    path.write_text(MINE.replace(old, new, 1))
    with pytest.raises(UsageError, match=rf"costs\.toml, .*{said}"):
        Schedule.zerodha(path)


def test_a_flat_rate_is_all_there_is() -> None:
    """One brokerage rate a side, on any exchange and day, no cap, nothing rounded."""
    flat = Schedule.parse("0.03%")
    assert flat.name == "0.03%"
    assert flat.rates(PANELS_OF, ChargeClass.OPTIONS, Exchange.MCX) == Rates(brokerage=3_000)
    fills = [NoteFill(True, 1, to_scaled("1000000.01"), 1)]
    note = contract_note(fills, Rates(brokerage=3_000))
    assert note.total == note.brokerage == to_scaled("300")
    assert flat.doubts(PANELS_OF, *KEYS[0]) == flat.dates(*KEYS[0]) == []
    assert flat.first_date(*KEYS[0]) == date.min


def test_none_charges_nothing() -> None:
    """On any exchange."""
    assert Schedule.parse("none").rates(PANELS_OF, ChargeClass.FUTURES, Exchange.MCX) == Rates()
    assert Schedule.parse("zerodha") is ZERODHA


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zerodah", "Did you mean zerodha"),
        ("0.03", "give zerodha, none"),
        ("", "give zerodha, none"),
        ("much%", "not a percentage"),
        ("%", "not a percentage"),
        ("-0.1%", "from 0% to 100%"),
        ("100.1%", "from 0% to 100%"),
        ("nan%", "from 0% to 100%"),
        ("inf%", "from 0% to 100%"),
        ("0.000001%", "finer than 0.00001%"),
        ("absent.toml", "cannot be read"),
    ],
)
def test_other_costs_are_refused(text: str, said: str) -> None:
    """The message says what would do."""
    with pytest.raises(UsageError, match=said):
        Schedule.parse(text)


@given(st.integers(0, RATE))
def test_every_rate_has_a_text(rate: int) -> None:
    """In percent, with or without spaces."""
    text = f"{Decimal(rate) / (RATE // 100)}"
    assert parse_rate(f"{text}%") == parse_rate(f" {text} %") == rate


@pytest.mark.parametrize(
    ("segment", "product", "wanted"),
    [
        (Segment.EQUITY, Product.CNC, ChargeClass.DELIVERY),
        (Segment.EQUITY, Product.MIS, ChargeClass.INTRADAY),
        (Segment.INDEX, Product.CNC, ChargeClass.DELIVERY),
        (Segment.INDEX, Product.MIS, ChargeClass.INTRADAY),
        (Segment.FUTURES, Product.MIS, ChargeClass.FUTURES),
        (Segment.FUTURES, Product.NRML, ChargeClass.FUTURES),
        (Segment.OPTIONS, Product.NRML, ChargeClass.OPTIONS),
    ],
)
def test_trades_fall_into_classes(segment: Segment, product: Product, wanted: ChargeClass) -> None:
    """An index counts as a share."""
    assert charge_class(segment, product) is wanted
