"""What is listed: the data's instruments with their tokens, and the dump that clients download."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alphapanda.data.instruments import read_master
from alphapanda.errors import OutsideError
from alphapanda.model.calendar import Calendar
from alphapanda.model.contracts import by_name
from alphapanda.model.instruments import Exchange, Instrument, Master, OptionType, Segment
from alphapanda.model.money import text

HEADER = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry", "strike",
    "tick_size", "lot_size", "instrument_type", "segment", "exchange",
)  # fmt: skip
INDEX_BYTE = 9
SEGMENT_BYTES = {
    Exchange.NSE: 1, Exchange.NFO: 2, Exchange.CDS: 3, Exchange.BSE: 4, Exchange.BFO: 5,
    Exchange.BCD: 6, Exchange.MCX: 7, Exchange.NCO: 12,
}  # fmt: skip
"""The last byte of a token."""
FIRST_INVENTED = 8_000_001
"""Exchange tokens of instruments that no file names: larger than real ones, and small enough that
instrument tokens stay below 2^31, which some clients need."""
TICK = 500
"""Rs 0.05, where no file says."""
UNITS = {Exchange.CDS: 1000, Exchange.BCD: 1000}
"""What a quantity of 1 is worth in units of the underlying; elsewhere 1."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as the exchange lists it."""

    instrument: Instrument
    token: int
    line: tuple[str, ...]
    """Its row of the dump."""

    @property
    def key(self) -> str:
        """EXCHANGE:SYMBOL."""
        return self.instrument.name

    @property
    def exchange(self) -> str:
        """The exchange's code."""
        return self.instrument.exchange.name

    @property
    def symbol(self) -> str:
        """The symbol within its exchange."""
        return self.instrument.symbol

    @property
    def is_index(self) -> bool:
        """Whether it can't be traded."""
        return self.instrument.segment == Segment.INDEX

    @property
    def multiplier(self) -> int:
        """Units of the underlying in a quantity of 1."""
        return UNITS.get(self.instrument.exchange, 1)


class Listings:
    """Every listing, by key and by token, and the dump's rows."""

    def __init__(self, listings: Iterable[Listing], others: Sequence[tuple[str, ...]] = ()) -> None:
        self.all = tuple(listings)
        self.by_key = {listing.key: listing for listing in self.all}
        self.by_token = {listing.token: listing for listing in self.all}
        self._others = tuple(others)

    def replaced(self, listings: Iterable[Listing]) -> Listings:
        """Return these with other listings in the place of their own."""
        return Listings(listings, self._others)

    def dump(self, exchange: str | None = None, closes: Mapping[str, int] | None = None) -> str:
        """Return the dump as CSV, of one exchange or of all.

        `closes` are last prices of the day before, scaled, by key: each day's dump is another.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        closes, at = closes or {}, HEADER.index("last_price")
        own = [
            (*one.line[:at], text(closes.get(one.key, 0)), *one.line[at + 1 :]) if one.key in closes
            else one.line for one in self.all
        ]  # fmt: skip
        lines = [*own, *self._others]
        writer.writerows(line for line in lines if exchange in (None, line[-1]))
        return out.getvalue()


def listings_of(names: Sequence[str], files: Sequence[Path]) -> tuple[Listings, list[str]]:
    """Return the listings of the data's instruments, completed from files; and notes.

    Other rows of the files are in the dump too, without prices.

    Raises:
        UsageError: a file is no Kite instruments file.
        OutsideError: a file can't be read.
    """
    known: dict[str, Instrument] = {}
    rows: dict[str, tuple[str, ...]] = {}
    for file in files:
        known.update({instrument.name: instrument for instrument in read_master(file)})
        rows.update(rows_of(file))
    complete = Master(known.values())
    taken = {int(row[0]) for row in rows.values()}
    tokens = invented(taken)
    listings, missing = [], []
    for name in names:
        if name in known:
            instrument = complete.get(name)
            listings.append(Listing(instrument, instrument.token, rows[name]))
        else:
            missing.append(name)
            listings.append(assumed(name, tokens))
    notes = []
    if missing:
        named = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        notes.append(
            f"tokens, ticks and lots of {len(missing)} instruments are made up, as no --instruments"
            f" file has them: {named}"
        )
    of_data = set(names)
    return Listings(listings, [row for key, row in rows.items() if key not in of_data]), notes


def rows_of(file: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a file's rows by EXCHANGE:SYMBOL, as they are written."""
    try:
        raw = file.read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError) as error:
        raise OutsideError(f"{file}: {error}") from error
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        if len(row) == len(HEADER) and row[0].isdecimal():
            yield f"{row[-1]}:{row[2]}", tuple(row)


def invented(taken: set[int]) -> Iterator[int]:
    """Yield exchange tokens that no file has."""
    used = {token >> 8 for token in taken}
    number = FIRST_INVENTED
    while True:
        if number not in used:
            yield number
        number += 1


def assumed(name: str, tokens: Iterator[int]) -> Listing:
    """Return the listing of an instrument that no file has."""
    instrument = by_name(name, Calendar.nse())
    index = instrument.segment == Segment.INDEX
    exchange_token = next(tokens)
    token = exchange_token << 8 | (INDEX_BYTE if index else SEGMENT_BYTES[instrument.exchange])
    tick = 0 if index else instrument.tick_size or TICK
    instrument = replace(instrument, token=token, tick_size=tick)
    return Listing(instrument, token, line_of(instrument, exchange_token))


def line_of(instrument: Instrument, exchange_token: int) -> tuple[str, ...]:
    """Return an instrument's row of the dump."""
    exchange, kinds = instrument.exchange.name, {OptionType.CALL: "CE", OptionType.PUT: "PE"}
    kind, segment = "EQ", exchange
    if instrument.segment == Segment.INDEX:
        segment = "INDICES"
    elif instrument.segment == Segment.FUTURES:
        kind, segment = "FUT", f"{exchange}-FUT"
    elif instrument.segment == Segment.OPTIONS:
        kind, segment = kinds[instrument.option_type], f"{exchange}-OPT"
    values: Mapping[str, object] = {
        "instrument_token": instrument.token, "exchange_token": exchange_token,
        "tradingsymbol": instrument.symbol, "name": instrument.underlying or instrument.symbol,
        "last_price": 0, "expiry": instrument.expiry or "", "strike": text(instrument.strike),
        "tick_size": text(instrument.tick_size),
        "lot_size": 0 if segment == "INDICES" else instrument.lot_size,
        "instrument_type": kind, "segment": segment, "exchange": exchange,
    }  # fmt: skip
    return tuple(str(values[name]) for name in HEADER)
