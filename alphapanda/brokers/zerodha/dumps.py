"""Kite's list of instruments, a file a day: fetched, judged, and kept; the last good one stays."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from alphapanda import files, log
from alphapanda.brokers.zerodha.clocks import HOUR, time_text
from alphapanda.data.instruments import COLUMNS, day_of, read_master
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.calendar import DAY, IST, Calendar, ist_date
from alphapanda.model.instruments import Exchange, Instrument, Master

if TYPE_CHECKING:
    from alphapanda.brokers.zerodha.client import Client

LOG = log.get("zerodha.instruments")
MADE_BY_NS = 8 * HOUR + HOUR // 2
"""Of a day in India: Kite's list of the day is there from then on."""
LEAST_SHARE = 0.8
"""Of the rows that an exchange had the day before."""
LEAST_ROWS = {"NSE": 1_000, "BSE": 1_000, "NFO": 1_000, "BFO": 100}
"""Of Zerodha's own list, whatever was there before."""
SHOWN = 5


@dataclass(slots=True)
class Survey:
    """What a list holds, as text: before it is trusted."""

    rows: Counter[str] = field(default_factory=Counter)
    """By exchange, all of them."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Rows of exchanges that this version does not know."""
    repeated: list[str] = field(default_factory=list)
    """Instruments whose token another has too."""
    odd_tokens: list[str] = field(default_factory=list)
    """Instruments whose token does not end in their exchange's number for itself."""


@dataclass(slots=True)
class Fetched:
    """A list that was judged and kept."""

    path: Path
    day: date
    new: bool
    """Whether it was fetched now."""
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def path_of(folder: Path, day: date) -> Path:
    """Return where a day's list is kept."""
    return folder / f"instruments_{day:%Y%m%d}.csv.gz"


def kept(folder: Path) -> dict[date, Path]:
    """Return the lists that are kept, by day in order."""
    found = [(day_of(path), path) for path in sorted(folder.glob("instruments_*.csv*"))]
    return dict(sorted((day, path) for day, path in found if day is not None))


def newest(folder: Path, *, until: date | None = None) -> tuple[date, Path]:
    """Return the newest list that is kept, of a day at the latest.

    Raises:
        UsageError: if there is none.
    """
    found = [(day, path) for day, path in kept(folder).items() if until is None or day <= until]
    if not found:
        raise UsageError(f"no list of instruments in {folder}: alphapanda instruments fetch")
    return found[-1]


def todays(folder: Path, now_ns: int) -> Master:
    """Return the instruments of today.

    Raises:
        UsageError: if today's list is not there: tokens and lots of another day serve no order.
    """
    today = ist_date(now_ns)
    path = path_of(folder, today)
    if not path.is_file():
        raise UsageError(
            f"the list of instruments of {today} is not there, and another day's is not used: "
            "alphapanda instruments fetch"
        )
    return read_master(path)


def fetch(client: Client, folder: Path, *, again: bool = False) -> Fetched:
    """Fetch today's list, judge it, and keep it; one that is there already is not fetched.

    Raises:
        UsageError: before 08:30 in India.
        OutsideError: if it is not as it must be; what was kept before stays.
    """
    now_ns = client.clock()
    today = ist_date(now_ns)
    path = path_of(folder, today)
    if path.is_file() and not again:
        return Fetched(path, today, new=False)
    if (now_ns + IST) % DAY < MADE_BY_NS:
        raise UsageError(
            f"it is {time_text(now_ns)}: Kite's list of the day is made by 08:30; fetch it then"
        )
    content = client.download()
    before = [(day, old) for day, old in kept(folder).items() if day < today]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as partial:
            partial.write_bytes(gzip.compress(content, 6, mtime=0))
            fetched = judged(content, partial, today, before, simulator=client.addresses.simulator)
    except OSError as error:
        raise OutsideError(f"can't write {path}: {error.strerror or error}") from error
    fetched.path = path
    fetched.notes = [note.replace(str(partial), path.name) for note in fetched.notes]
    for note in fetched.notes:
        LOG.warning("instruments", note=note)
    LOG.info("instruments kept", day=str(today), rows=sum(fetched.rows.values()))
    return fetched


def judged(
    content: bytes, partial: Path, today: date, before: list[tuple[date, Path]],
    *, simulator: bool,
) -> Fetched:  # fmt: skip
    """Return what a list holds, once it is as it must be.

    Raises:
        OutsideError: if it is not.
    """
    try:
        master = read_master(partial, as_of=today)
        found = survey(content.decode("utf-8-sig"))
    except (UsageError, UnicodeDecodeError) as error:
        reason = str(error).replace(str(partial), "the file")
        raise OutsideError(f"Kite's list of instruments does not fit: {reason} {STAYS}") from None
    if found.repeated:
        raise refusal(f"instruments share a token: {few(found.repeated)}")
    known = Counter(instrument.exchange.name for instrument in master)
    if not simulator:
        for exchange, least in LEAST_ROWS.items():
            if known[exchange] < least:
                raise refusal(
                    f"{known[exchange]} rows of {exchange}; there are never under {least}"
                )
    if before:
        compare(known, content, before[-1], today)
    return Fetched(partial, today, new=True, rows=dict(known), notes=[*notes(found, master)])


STAYS = "The list that was kept before stays; try again later."


def refusal(why: str) -> OutsideError:
    """Return the error of a list that is not taken."""
    return OutsideError(f"Kite's list of instruments is not taken: {why}. {STAYS}")


def compare(
    known: Mapping[str, int], content: bytes, before: tuple[date, Path], today: date
) -> None:
    """Refuse a list that has lost much since the day before, or is that of the day before."""
    day, path = before
    old = path.read_bytes()
    text = gzip.decompress(old) if old[:2] == b"\x1f\x8b" else old
    same = hashlib.sha256(text).digest() == hashlib.sha256(content).digest()
    if same and Calendar.nse().is_trading_day(today):
        raise refusal(f"it is that of {day}, byte for byte")
    for exchange, count in Counter(i.exchange.name for i in read_master(path)).items():
        if known.get(exchange, 0) < LEAST_SHARE * count:
            raise refusal(
                f"{known.get(exchange, 0)} rows of {exchange}, {count} on {day}: under "
                f"{LEAST_SHARE:.0%}"
            )


def survey(text: str) -> Survey:
    """Return what a list holds, row for row."""
    found = Survey()
    tokens: dict[str, str] = {}
    place = {name: at for at, name in enumerate(COLUMNS)}
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    next(rows)
    for row in rows:
        if len(row) != len(COLUMNS):
            continue
        exchange = row[place["exchange"]]
        name = f"{exchange}:{row[place['tradingsymbol']]}"
        found.rows[exchange] += 1
        if exchange not in Exchange.__members__:
            found.unknown[exchange] += 1
            continue
        token, own = row[place["instrument_token"]], row[place["exchange_token"]]
        first = tokens.setdefault(token, name)
        if first != name:
            found.repeated.append(f"{first} and {name}")
        if not (token.isdecimal() and own.isdecimal() and int(token) >> 8 == int(own)):
            found.odd_tokens.append(name)
    return found


def notes(found: Survey, master: Master) -> Iterator[str]:
    """Yield what a person should know of a list that was taken."""
    for exchange, count in sorted(found.unknown.items()):
        yield f"{count} rows of the exchange {exchange or '(none)'}, which is not known: left out"
    if found.odd_tokens:
        yield (
            f"{len(found.odd_tokens)} tokens do not end in the exchange's own number: "
            f"{few(found.odd_tokens)}"
        )
    yield from master.notes


def few(names: list[str]) -> str:
    """Return the first of some names."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


FACTS = ("token", "lot_size", "tick_size", "expiry", "strike", "segment", "option_type")
"""What must not change unseen."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of the instruments between two days."""

    first: date
    last: date
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    changed: Mapping[str, Mapping[str, tuple[object, object]]]
    """By name and fact, what was and what is."""


def difference(first: Master, last: Master) -> Difference:
    """Return what became of the instruments between two lists."""
    old = {instrument.name: instrument for instrument in first}
    new = {instrument.name: instrument for instrument in last}
    changed = {
        name: facts for name in new if name in old and (facts := changes(old[name], new[name]))
    }
    assert first.as_of is not None
    assert last.as_of is not None
    return Difference(
        first.as_of, last.as_of, tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())), changed,
    )  # fmt: skip


def changes(old: Instrument, new: Instrument) -> dict[str, tuple[object, object]]:
    """Return the facts of an instrument that are others now."""
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in FACTS}
    return {name: (before, after) for name, (before, after) in pairs.items() if before != after}
