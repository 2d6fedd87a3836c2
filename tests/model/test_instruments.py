"""Instruments, masters and freeze quantities."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from alphapanda.errors import UsageError
from alphapanda.model.instruments import (
    Exchange,
    Freezes,
    Instrument,
    Master,
    Masters,
    OptionType,
    Segment,
    split_name,
)

DAY = date(2025, 9, 24)


def share(name: str, token: int = 0) -> Instrument:
    """Return a share of lot 1 and tick 0.05."""
    return Instrument(name, Exchange[name[:3]], Segment.EQUITY, 500, 1, token)


def future(name: str, underlying: str, freeze: int = 0) -> Instrument:
    """Return a future of lot 75."""
    exchange = Exchange[name[:3]]
    return Instrument(
        name, exchange, Segment.FUTURES, 500, 75, freeze_quantity=freeze, underlying=underlying
    )


def test_without_a_master_a_name_is_a_share_of_lot_one() -> None:
    """The stated default: lot 1, every price allowed."""
    infy = Instrument.assumed("NSE:INFY")
    assert infy == Instrument("NSE:INFY", Exchange.NSE, Segment.EQUITY, 0, 1)
    assert Instrument.assumed("INFY") == infy
    assert infy.symbol == "INFY"
    assert infy.freeze_quantity == 0
    assert Instrument.assumed("NSE:NIFTY 50").symbol == "NIFTY 50"


@pytest.mark.parametrize(
    ("name", "segment", "option_type"),
    [
        ("NFO:NIFTY25DECFUT", Segment.FUTURES, OptionType.NONE),
        ("NFO:NIFTY25D0226000CE", Segment.OPTIONS, OptionType.CALL),
        ("BFO:SENSEX25D0485000PE", Segment.OPTIONS, OptionType.PUT),
    ],
)
def test_without_a_master_a_derivative_is_told_by_its_name(
    name: str, segment: Segment, option_type: OptionType
) -> None:
    """FUT, CE and PE tell the segment."""
    assumed = Instrument.assumed(name)
    assert (assumed.segment, assumed.option_type, assumed.lot_size) == (segment, option_type, 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NSR:INFY", "Did you mean NSE"),
        ("NSE:", "no symbol"),
        ("", "no symbol"),
        ("MCX:GOLDEN", "neither a future"),
    ],
)
def test_names_that_mean_nothing_are_refused(name: str, said: str) -> None:
    """The message says what is wrong with the name."""
    with pytest.raises(UsageError, match=said):
        Instrument.assumed(name)


def test_a_symbol_may_contain_a_colon() -> None:
    """Only the first colon ends the exchange."""
    assert split_name("NSE:A:B") == (Exchange.NSE, "A:B")


def test_a_master_finds_its_instruments() -> None:
    """By name, by iteration, by count."""
    master = Master([share("NSE:INFY"), share("NSE:TCS")], DAY, "nse.csv")
    assert master.get("NSE:TCS").name == "NSE:TCS"
    assert [instrument.symbol for instrument in master] == ["INFY", "TCS"]
    assert "NSE:INFY" in master
    assert "NSE:WIPRO" not in master
    assert len(master) == 2
    assert master.exchanges == {Exchange.NSE}


@pytest.mark.parametrize(
    ("asked", "meant"), [("NSE:INFI", "NSE:INFY"), ("INFY", "NSE:INFY"), ("nse:infy", "NSE:INFY")]
)
def test_an_unknown_name_gets_a_hint(asked: str, meant: str) -> None:
    """Typing errors, a forgotten exchange and lower case are recognised; the source is named."""
    master = Master([share("NSE:INFY"), share("NSE:TCS")], DAY, "nse.csv")
    with pytest.raises(UsageError, match=rf"not in nse\.csv of 2025-09-24.* Did you mean {meant}"):
        master.get(asked)


def test_a_name_given_twice_is_refused() -> None:
    """A name means one instrument."""
    with pytest.raises(UsageError, match="NSE:INFY comes twice"):
        Master([share("NSE:INFY"), share("NSE:INFY")])


def test_a_share_has_derivatives_when_there_are_futures_on_it() -> None:
    """On NSE and BSE alike; commodity futures of the same name don't count."""
    master = Master([
        share("NSE:INFY"), share("BSE:INFY"), share("NSE:TCS"), share("NSE:GOLD"),
        future("NFO:INFY25SEPFUT", "INFY"), future("MCX:GOLD25OCTFUT", "GOLD"),
    ])  # fmt: skip
    has = {instrument.name: instrument.has_derivatives for instrument in master}
    assert has["NSE:INFY"]
    assert has["BSE:INFY"]
    assert not has["NSE:TCS"]
    assert not has["NSE:GOLD"]
    assert master.get("NSE:INFY").has_derivatives


def test_freeze_quantities_are_dated() -> None:
    """Before the first date there is no limit; an undated master has none."""
    freezes = Freezes.builtin()
    assert freezes.at("BANKNIFTY", date(2025, 7, 31)) == 0
    assert freezes.at("BANKNIFTY", date(2025, 8, 31)) == 600
    assert freezes.at("BANKNIFTY", date(2025, 9, 1)) == 900
    assert freezes.at("BANKNIFTY", date(2030, 1, 1)) == 600
    assert freezes.at("INFY", DAY) == 0
    assert freezes.at("NIFTY", None) == 0
    contract = future("NFO:NIFTY25SEPFUT", "NIFTY")
    assert Master([contract], DAY).get(contract.name).freeze_quantity == 1800
    assert Master([contract]).get(contract.name).freeze_quantity == 0


def test_a_quantity_an_instrument_came_with_is_kept() -> None:
    """The table fills in only what is not known."""
    contract = future("NFO:NIFTY25SEPFUT", "NIFTY", freeze=40)
    assert Master([contract], DAY).get(contract.name).freeze_quantity == 40


def test_a_users_freeze_file_is_laid_over(tmp_path: Path) -> None:
    """Its days replace or add; everything else stays."""
    path = tmp_path / "freeze.toml"
    path.write_text('[[freeze]]\nfrom = 2025-09-01\nsource = "me"\nBANKNIFTY = 7\nINFY = 40000\n')
    freezes = Freezes.load(path)
    assert freezes.at("BANKNIFTY", DAY) == 7
    assert freezes.at("BANKNIFTY", date(2025, 8, 1)) == 600
    assert freezes.at("INFY", DAY) == 40000
    assert freezes.at("NIFTY", DAY) == 1800
    assert Freezes.builtin().at("INFY", DAY) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"no \[\[freeze\]\] table"),
        ("[[freeze]]\nNIFTY = 1800", "number 1, from: None is not a date"),
        ("[[freeze]]\nfrom = 2025-09-01\nNIFTY = '1800'", "NIFTY: '1800' is not a quantity"),
        ("[[freeze]]\nfrom = 2025-09-01\nNIFTY = -1", "NIFTY: -1 is not a quantity"),
    ],
)
def test_a_freeze_file_that_does_not_fit_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The message names the file and the entry."""
    path = tmp_path / "freeze.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        Freezes.load(path)


def masters() -> Masters:
    """Return two NSE masters and a later one of NFO."""
    return Masters(
        [
            Master([share("NSE:INFY", token=2)], date(2025, 8, 13), "b.csv"),
            Master([share("NSE:INFY", token=1), share("NSE:GONE")], date(2025, 7, 14), "a.csv"),
            Master(
                [future("NFO:INFY25SEPFUT", "INFY"), future("NFO:NIFTY25SEPFUT", "NIFTY")],
                date(2025, 8, 20),
                "f.csv",
            ),
        ]
    )


def test_the_newest_master_not_after_the_day_is_used() -> None:
    """Exchange by exchange, and it sets has_derivatives across them."""
    on_the_day = masters().at(date(2025, 8, 20))
    assert on_the_day.get("NSE:INFY").token == 2
    assert on_the_day.get("NSE:INFY").has_derivatives
    assert "NSE:GONE" not in on_the_day
    assert on_the_day.notes == ()
    assert on_the_day.as_of == date(2025, 8, 20)
    assert on_the_day.source == "b.csv, f.csv"
    assert masters().at(date(2025, 8, 12)).get("NSE:INFY").token == 1


def test_an_earlier_day_gets_the_earliest_master_and_a_note() -> None:
    """What stood in for what can be said in a summary."""
    early = masters().at(date(2025, 7, 1))
    assert early.get("NSE:INFY").token == 1
    assert early.notes == (
        "NSE instruments of 2025-07-14 stand in for 2025-07-01: there are none older.",
        "NFO instruments of 2025-08-20 stand in for 2025-07-01: there are none older.",
    )


def test_freeze_quantities_are_those_of_the_day_asked_for() -> None:
    """Not those of the master's own day."""
    several = masters()
    assert several.at(date(2025, 7, 1)).get("NFO:NIFTY25SEPFUT").freeze_quantity == 0
    assert several.at(date(2025, 9, 30)).get("NFO:NIFTY25SEPFUT").freeze_quantity == 1800
    assert several.at(date(2025, 7, 1)).get("NFO:NIFTY25SEPFUT").freeze_quantity == 0


def test_an_undated_master_is_older_than_all_and_needs_no_note() -> None:
    """A file without a date is used where no dated one is."""
    undated = Masters([Master([share("NSE:INFY")], None, "x.csv")])
    assert undated.at(DAY).notes == ()
    with pytest.raises(UsageError, match="no instrument master"):
        Masters([])
