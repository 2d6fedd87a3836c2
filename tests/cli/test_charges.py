"""`alphapanda charges`: contract notes as brokers, forums and calculators have them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import command
from tests.support.worked import KEYS, allowed, examples, words

KEYS_OF_A_NOTE = {
    "brokerage", "stt", "exchange", "sebi", "stamp", "gst", "depository", "square_off",
    "exercise_stt", "settlement_brokerage", "total",
}  # fmt: skip


def note(*words: str, capsys: Any) -> dict[str, Decimal]:
    """Return the note that a command prints."""
    done = command("charges", *words, "--json", capsys=capsys)
    assert done.status == 0, done.err
    return {key: Decimal(value) for key, value in json.loads(done.out).items()}


def test_every_worked_example(capsys: Any) -> None:
    """Each part that an example names, to the paisa or its own tolerance."""
    for example in examples():
        done = command(*words(example), capsys=capsys)
        assert done.status == 0, (example["id"], done.err)
        found = json.loads(done.out)
        assert set(found) == KEYS_OF_A_NOTE
        assert all(isinstance(value, str) for value in found.values())
        parts = [Decimal(value) for key, value in found.items() if key != "total"]
        assert sum(parts) == Decimal(found["total"])
        for part, wanted in example["expected"].items():
            off = abs(float(found[KEYS.get(part, part)]) - wanted)
            assert off <= allowed(example, part), (example["id"], part, found)


def test_a_share_bought_and_sold_on_the_day_is_netted(capsys: Any) -> None:
    """4 lakh each way cost Rs 189.12 as intraday, and not 890 as delivery."""
    both = ("NSE:INFY", "--buy", "400@1000", "--sell", "400@1000", "--date", "2025-06-02")
    assert note(*both, capsys=capsys) == note(*both, "--product", "MIS", capsys=capsys)
    assert note(*both, capsys=capsys)["total"] == Decimal("189.12")
    assert note(*both, "--product", "CNC", capsys=capsys)["stt"] == 800


def test_a_comma_parts_thousands_or_lakhs(capsys: Any) -> None:
    """Both ways of grouping are read; any other comma may be a decimal point, and is refused."""
    day = ("NSE:INFY", "--date", "2025-06-02")
    plain = note(*day, "--buy", "100000@1450.50", capsys=capsys)
    for written in ("1,00,000@1,450.50", "100,000@1,450.50"):
        assert note(*day, "--buy", written, capsys=capsys) == plain


def test_what_is_left_over_is_delivery(capsys: Any) -> None:
    """100 bought, 40 sold: 40 each way are intraday, 60 go to demat."""
    found = note("NSE:INFY", "--buy", "100@1000", "--sell", "40@1010", "--date", "2025-06-02",
                 capsys=capsys)  # fmt: skip
    assert found["brokerage"] == Decimal("12.00") + Decimal("12.12")
    assert found["stt"] == 70  # 0.025 % of 40,400 and 0.1 % of 60,000
    assert found["stamp"] == 10  # 0.003 % of 40,000 and 0.015 % of 60,000


@pytest.mark.parametrize(
    ("name", "exchange", "stt"),
    [
        ("NSE:SETFGOLD", "3.07", 0),
        ("NSE:LIQUIDCASE", "3.07", 0),
        ("BSE:NIFTYBEES", "3.75", 1),
        ("NSE:RELIANCE", "3.07", 100),
        ("NSE:SGBAUG28V", "3.07", 0),
        ("NSE:SGBDE31III-GB", "3.07", 0),
        ("NSE:702GS2031-GS", "3.07", 0),
        ("NSE:1025SCL34B-N1", "3.07", 0),
        ("NSE:EMBASSY-RR", "3.07", 100),
        ("NSE:SGBLINFRA", "3.07", 100),
    ],
)
def test_funds_and_bonds_have_their_own_stt(
    name: str, exchange: str, stt: int, capsys: Any
) -> None:
    """Sold for delivery at Rs 1 lakh."""
    found = note(name, "--sell", "1000@100", "--date", "2025-06-02", capsys=capsys)
    assert (found["exchange"], found["stt"]) == (Decimal(exchange), stt)


@pytest.mark.parametrize(
    ("name", "day", "exchange"),
    [
        ("BFO:SENSEX23O2767000CE", "2023-10-20", "5.00"),
        ("BFO:SENSEX23N0367000CE", "2023-11-03", "37.50"),
        ("BFO:SENSEX24MAY73000CE", "2024-05-20", "49.50"),
        ("BFO:SENSEX5025JUN26000CE", "2025-06-02", "5.00"),
        ("BFO:TCS25JUN3500PE", "2025-06-02", "5.00"),
        ("NFO:TCS25JUN3500PE", "2025-06-02", "35.53"),
    ],
)
def test_options_of_bse_by_their_underlying(
    name: str, day: str, exchange: str, capsys: Any
) -> None:
    """Premium of Rs 1 lakh."""
    found = note(name, "--buy", "1000@100", "--date", day, capsys=capsys)
    assert found["exchange"] == Decimal(exchange)


def test_an_exercised_share_option_pays_for_delivery(capsys: Any) -> None:
    """0.25 % of the strike's value in place of Rs 20."""
    found = note("NFO:TCS25JUN3500CE", "--exercise", "175@20", "--date", "2025-06-26",
                 capsys=capsys)  # fmt: skip
    assert found["settlement_brokerage"] == Decimal("1531.25")
    assert found["gst"] == Decimal("275.63")
    assert found["exercise_stt"] == Decimal("4.375")
    assert found["exercise_stt"] + found["stt"] == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("NSE:NIFTY 50",), "NSE:NIFTY 50 is an index: it cannot be traded"),
        (("BSE:SENSEX",), "BSE:SENSEX is an index"),
        (("CRUDEOIL25DECFUT",), "FUTURES on MCX"),
        (("GOLDM25DEC100000CE",), "OPTIONS on MCX"),
        (("NSE:INFY", "--product", "NRML"), "NSE:INFY is a share: write CNC or MIS"),
        (("NFO:NIFTY25DECFUT", "--product", "CNC"), "is a derivative"),
        (("NSE:INFY", "--product", "MTF"), "--product MTF: write CNC"),
        (("NSE:INFY", "--buy", "100"), "--buy 100: write QTY@PRICE"),
        (("NSE:INFY", "--sell", "0@100"), "--sell 0@100: write QTY@PRICE"),
        (("NSE:INFY", "--sell", "1@100.00001"), "write QTY@PRICE"),
        (("NSE:INFY", "--sell", "100@1450,50"), "write QTY@PRICE"),
        (("NSE:INFY", "--buy", "1,5@1450"), "write QTY@PRICE"),
        (("NFO:NIFTY25DEC26000CE", "--exercise", "75@120,5"), "write QTY@INTRINSIC"),
        (("NSE:INFY", "--buy", "9999999999@99999999"), "too large"),
        (("NSE:INFY", "--exercise", "1@1"), "NSE:INFY is no option"),
        (("NFO:NIFTY25DECFUT", "--exercise", "1@1"), "is no option"),
        (("NFO:NIFTY25DEC26000CE", "--close-out", "1"), "is no future"),
        (("NFO:NIFTY25DECFUT", "--depository", "1"), "in no demat account"),
        (("NSE:INFY", "--depository", "-1"), "a number from 0"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[str, ...], said: str, capsys: Any) -> None:
    """The message says what to write."""
    done = command("charges", *words, "--date", "2025-12-01", capsys=capsys)
    assert done.status == 2
    assert said in done.err


def test_a_file_of_rates_knows_more(tmp_path: Path, capsys: Any) -> None:
    """Commodities by a user's rates: stamp duty to the paisa, CTT to the rupee; an ETF by name."""
    path = tmp_path / "mine.toml"
    rate = '[[rate]]\npart = "{}"\nclasses = ["FUTURES"]\nexchanges = ["MCX"]\nsteps = [{}]\n'
    path.write_text(
        rate.format("stt_sell", '{ from = 2013-07-01, rate = "0.01%" }')
        + rate.format("stamp_buy", '{ from = 2020-07-01, rate = "0.002%" }')
        + rate.format("note_rounding", "{ from = 2013-07-01, value = 1 }")
        + '[[etf]]\nholds = "other"\nfrom = 2024-01-01\nsymbols = ["MINE"]\n'
    )
    found = note("CRUDEOIL25DECFUT", "--buy", "100@5200", "--sell", "100@5260", "--date",
                 "2025-12-01", "--costs", str(path), capsys=capsys)  # fmt: skip
    assert (found["stt"], found["stamp"]) == (53, Decimal("10.40"))
    found = note("NSE:MINE", "--sell", "100@5260", "--date", "2025-12-01", "--costs", str(path),
                 capsys=capsys)  # fmt: skip
    assert found["stt"] == 0


def test_a_note_says_what_it_is_not_sure_of(capsys: Any) -> None:
    """A name that sounds like an ETF's, rates before they are known."""
    done = command("charges", "NSE:NEWNIFTYETF", "--buy", "1@1", "--date", "2025-12-01",
                   capsys=capsys)  # fmt: skip
    assert "sounds like an ETF" in done.out
    done = command("charges", "NSE:INFY", "--buy", "1@1", "--date", "2014-12-01", capsys=capsys)
    assert "exchange unknown before" in done.out
    assert "dp" not in done.out
    assert "Total" in done.out


def test_json_tells_doubts_beside_the_object(capsys: Any) -> None:
    """What the rates are not sure of is on stderr, as the object has amounts alone."""
    words = ("NSE:NEWNIFTYETF", "--buy", "1@1", "--date", "2025-12-01", "--json")
    done = command("charges", *words, capsys=capsys)
    assert set(json.loads(done.out)) == KEYS_OF_A_NOTE
    assert "NEWNIFTYETF sounds like an ETF" in done.err
