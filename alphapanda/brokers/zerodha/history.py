"""Candles from Kite into the catalogue: span by span, each kept once it is there.

What was asked for and answered is written down beside the catalogue, so that the same command goes
on where it was stopped and asks nothing twice. Days that are not over are asked for again.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from alphapanda import files, log
from alphapanda.brokers.zerodha.again import patiently
from alphapanda.brokers.zerodha.candles import Candles, Interval, Span, ask, spans
from alphapanda.data import catalogue
from alphapanda.data.importers.importing import import_files
from alphapanda.data.importers.source import Wanted
from alphapanda.data.importers.writing import STAMP
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.calendar import Calendar, ist_date
from alphapanda.model.instruments import Instrument, Segment

if TYPE_CHECKING:
    from alphapanda.brokers.zerodha.client import Client

LOG = log.get("zerodha.history")
LEDGER = "fetched.json"
"""In the catalogue's folder: which days were asked for."""
FIELDS = ("open", "high", "low", "close", "volume", "oi")
Progress = Callable[[str, int, int], None]


class HistoryRequest(NamedTuple):
    """Candles that are wanted."""

    instruments: Sequence[Instrument]
    interval: Interval
    first: date
    last: date
    oi: bool = False
    continuous: bool = False


@dataclass(slots=True)
class Account:
    """What came of one instrument."""

    name: str
    asked: int = 0
    """Calls."""
    before: int = 0
    """Days that were asked for by an earlier command."""
    new: int = 0
    """Candles that were not there."""
    already: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    gaps: list[date] = field(default_factory=list)
    """Trading days, of those asked for now, of which Kite has no candle."""


def refuse_odd(request: HistoryRequest, today: date) -> None:
    """Refuse a request that Kite would not, or not honestly, answer."""
    if request.first > request.last:
        raise UsageError(f"--from {request.first} is after --to {request.last}")
    if request.last > today:
        raise UsageError(f"--to {request.last} is after today, {today}")
    for instrument in request.instruments:
        future = instrument.segment == Segment.FUTURES
        if request.continuous and not (future and request.interval.name == "day"):
            raise UsageError(
                f"--continuous: {instrument.name}: Kite joins day candles of futures only, so "
                "write a future and --interval day"
            )
        if request.oi and instrument.expiry is None:
            raise UsageError(f"--oi: {instrument.name} has no open interest: leave it out")


def fetch(
    client: Client, root: Path, request: HistoryRequest, *, progress: Progress | None = None,
    calendar: Calendar | None = None,
) -> list[Account]:  # fmt: skip
    """Bring candles into a catalogue, and return what came of each instrument.

    Raises:
        UsageError: for a request that can't be.
        OutsideError: if Kite or the disk fail; what was kept stays, and the command goes on.
    """
    today = ist_date(client.clock())
    refuse_odd(request, today)
    ledger = Ledger(root)
    accounts = {instrument.name: Account(instrument.name) for instrument in request.instruments}
    plan = [
        (instrument, span)
        for instrument in request.instruments
        for span in left(request, instrument, ledger, accounts[instrument.name])
    ]
    for number, (instrument, span) in enumerate(plan):
        candles = patiently(lambda at=instrument, of=span: ask(
            client, at.token, request.interval, of, oi=request.oi, continuous=request.continuous
        ))  # type: ignore[misc]  # fmt: skip
        account = accounts[instrument.name]
        account.asked += 1
        keep(root, instrument, request, candles, account)
        note_gaps(account, candles, span, request, calendar or Calendar.nse(), today)
        over = min(span.last, today - timedelta(1))
        # An empty answer may be a fault of that hour: those days are asked for again.
        if span.first <= over and len(candles.ts):
            ledger.add(key_of(request, instrument), Span(span.first, over))
        if progress is not None:
            progress(instrument.name, number + 1, len(plan))
    return [*accounts.values()]


def left(
    request: HistoryRequest, instrument: Instrument, ledger: Ledger, account: Account
) -> list[Span]:
    """Return the spans that were not asked for yet."""
    every = range((request.last - request.first).days + 1)
    days = [request.first + timedelta(n) for n in every]
    known = ledger.days(key_of(request, instrument), request.interval)
    wanted = [day for day in days if day not in known]
    account.before = len(days) - len(wanted)
    return [*spans(wanted, request.interval.days)]


def key_of(request: HistoryRequest, instrument: Instrument) -> str:
    """Return under which words the days of an instrument are written down."""
    words = [instrument.name, request.interval.name]
    words += ["oi"] * request.oi + ["continuous"] * request.continuous
    return " ".join(words)


def keep(
    root: Path, instrument: Instrument, request: HistoryRequest, candles: Candles, account: Account
) -> None:  # fmt: skip
    """Bring the candles of an answer into the catalogue."""
    account.dropped.update(candles.dropped)
    if not len(candles.ts):
        return
    columns = {
        name: pa.array(candles.values[:, at], pa.float64())
        if at < 4
        else pa.array(candles.values[:, at].astype("int64"))
        for at, name in enumerate(FIELDS[: candles.values.shape[1]])
    }
    table = pa.table({
        "ts": pa.array(candles.ts, pa.int64()).cast(pa.timestamp("ns", "UTC")).cast(STAMP),
        "instrument": pa.array([instrument.name] * len(candles.ts)), **columns,
    })  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="alphapanda-fetch-") as folder:
        path = Path(folder) / "candles.parquet"
        pq.write_table(table, path)
        became = import_files(root, [path], Wanted(kind="bar", interval_ns=request.interval.ns))
    account.new += became.new
    account.already += became.already
    for why, (count, _) in became.dropped.items():
        account.dropped[why] += count


def note_gaps(
    account: Account, candles: Candles, span: Span, request: HistoryRequest,
    calendar: Calendar, today: date,
) -> None:  # fmt: skip
    """Note the trading days that are over and of which no candle came."""
    there = candles.days
    last = min(span.last, today - timedelta(1))
    if span.first <= last:
        account.gaps += [day for day in calendar.days(span.first, last) if day not in there]


class Ledger:
    """The days that were asked for, by instrument and interval."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / LEDGER
        self._known: dict[str, list[list[str]]] = {}
        try:
            self._known = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            raise OutsideError(
                f"{self._path} can't be read ({error}): remove it; days are asked for again then"
            ) from error

    def days(self, key: str, interval: Interval) -> set[date]:
        """Return the days that need not be asked for; those whose files are gone do."""
        parts = [
            part for part in catalogue.parts(self._root)
            if part.kind == "bar" and part.interval_ns == interval.ns
        ]  # fmt: skip
        known: set[date] = set()
        for first, last in self._known.get(key, []):
            span = Span(date.fromisoformat(first), date.fromisoformat(last))
            if any(part.within(*span) for part in parts):
                known |= {
                    span.first + timedelta(n) for n in range((span.last - span.first).days + 1)
                }
        return known

    def add(self, key: str, span: Span) -> None:
        """Write down that days were asked for, and that candles came."""
        self._known.setdefault(key, []).append([str(span.first), str(span.last)])
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            files.write_text(self._path, json.dumps(self._known, indent=1))
        except OSError as error:
            raise OutsideError(f"can't write {self._path}: {error.strerror or error}") from error
