"""The ticker's packets, against packets of the real server and what other clients read in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alphapanda.kitesim.listings import Listing
from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.packets import Mode, fits, frame, packet
from alphapanda.model.instruments import Exchange, Instrument, Segment
from tests.support.shared import shared

EXCHANGES = {1: Exchange.NSE, 2: Exchange.NFO, 3: Exchange.CDS, 4: Exchange.BSE, 5: Exchange.BFO,
             6: Exchange.BCD, 7: Exchange.MCX, 12: Exchange.NCO, 9: Exchange.NSE}  # fmt: skip


def listing(token: int) -> Listing:
    """Return a listing whose exchange its token tells."""
    exchange = EXCHANGES[token & 0xFF]
    segment = Segment.INDEX if token & 0xFF == 9 else Segment.EQUITY
    name = f"{exchange.name}:X"
    return Listing(Instrument(name, exchange, segment, 5, 1, token=token), token, ())


def quote_of(tick: dict[str, Any]) -> Quote:
    """Return the quote that a decoded packet shows."""
    day = tick.get("ohlc", {})
    prices = {name: round(day.get(name, 0) * 10_000) for name in ("open", "high", "low", "close")}
    return Quote(
        listing(tick["instrument_token"]), last=round(tick["last_price"] * 10_000),
        qty=tick.get("last_traded_quantity", 0), volume=tick.get("volume_traded", 0),
        value=round(tick.get("average_traded_price", 0) * 10_000), valued=1,
        bid_qty=tick.get("total_buy_quantity", 0), ask_qty=tick.get("total_sell_quantity", 0),
        **prices,
    )  # fmt: skip


def samples() -> list[Any]:
    """Return packets with what the Python client makes of them."""
    text = shared("kite-mocks", "ticker-packets.json").read_text()
    content = json.loads(text)
    return [sample for group in content.values() if isinstance(group, list) for sample in group]


def test_quote_and_ltp_packets_are_byte_for_byte_the_real_ones() -> None:
    """Every recorded packet of these modes is made again out of its decoded fields."""
    compared = 0
    for sample in samples():
        tick = (sample.get("decoded") or [{}])[0]
        real = bytes.fromhex(sample["frame_hex"])[4:]
        if not tick.get("tradable"):
            continue
        compared += 1
        made = packet(quote_of(tick), Mode(tick["mode"]))
        assert len(made) == len(real)
        same = 44 if tick["mode"] == "full" else len(real)  # times and depth come behind
        assert made[:same].hex() == real[:same].hex(), sample["name"]
    assert compared >= 4


@pytest.mark.parametrize(
    ("token", "price", "raw"),
    [(0x101, 15_000_000, 150_000), (0x103, 905_025, 905_025_000), (0x106, 905_025, 905_025),
     (0x10C, 905_025, 905_025), (0x107, 905_000, 9_050), (0x109, 260_000_500, 2_600_005)],
)  # fmt: skip
def test_prices_are_in_the_units_of_their_segment(token: int, price: int, raw: int) -> None:
    """Paise; 10 millionths of a rupee on CDS; 10 thousandths on BCD and NCO."""
    made = packet(Quote(listing(token), last=price), Mode.LTP)
    assert int.from_bytes(made[4:8], "big") == raw


def test_each_mode_has_its_length() -> None:
    """8, 44 and 184 bytes; of an index 8, 28 and 32."""
    share, index = (Quote(listing(token), last=10_000, ts=10**18) for token in (0x101, 0x109))
    assert [len(packet(share, mode)) for mode in Mode] == [8, 44, 184]
    assert [len(packet(index, mode)) for mode in Mode] == [8, 28, 32]
    assert frame([b"a" * 8]) == b"\x00\x01\x00\x08" + b"a" * 8


def test_what_no_packet_can_hold_is_not_sent_wrong() -> None:
    """A price above four bytes of paise does not fit, and is counted, not cut."""
    assert fits(Quote(listing(0x101), last=429_496_729_500))
    assert not fits(Quote(listing(0x101), last=429_496_740_000))
    assert not fits(Quote(listing(0x101), last=10_000, volume=1 << 32))
