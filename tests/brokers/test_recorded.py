"""Recordings come back as they were written: rows, clock and gaps; runs on them are one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alphapanda
from alphapanda.brokers.recorded import BESIDE, FACTS, RecordedSource, open_kept, recording_at
from alphapanda.errors import UsageError
from alphapanda.events.feeds import Feed, LiveGap, Portion
from alphapanda.model.calendar import DAY, day_start_ns
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Exchange, Instrument, Segment
from alphapanda.model.money import BOUND
from alphapanda.runs import options
from alphapanda.runs.plan import open_recording
from alphapanda.runtime.recording import Parquet
from tests.support.contracts import check_source, on
from tests.support.running import ROOT

DAYS = (date(2025, 8, 4), date(2025, 8, 5))
OPEN_NS = day_start_ns(DAYS[0]) + (9 * 60 + 20) * 60 * 10**9
SECOND = 10**9
NAMES = ("NSE:TCS", "NSE:INFY")
"""Not in the order of the alphabet: rows are numbered as the feed numbers them."""
LISTED = tuple(
    Instrument(name, Exchange.NSE, Segment.EQUITY, 500, 1, token, upper_circuit=90_000_000)
    for name, token in zip(NAMES, (2953217, 408065), strict=True)
)
COLUMNS = frozenset({"last", "qty", "volume", "bid", "bid_qty", "ask", "ask_qty", "oi"})
FEED = Feed("kite:2025-08-04-abc", "tick", 0, COLUMNS, NAMES, LISTED, DAYS, None)
STRATEGY = str(ROOT / "strategies" / "ema_cross.py")
PER_DAY = 400


def rows_of(day: int) -> Columns:
    """Return rows of a day: two names in turn, two each second, later ones 1 ns behind."""
    n = np.arange(PER_DAY)
    last = 15_000_000 + 5_000 * (n % 23) - 7_500 * (n % 5)
    ts = OPEN_NS + day * DAY + n // 4 * 2 * SECOND + n % 4
    return Columns.of(
        ts=ts, row=n % 2, last=last, qty=np.ones(PER_DAY), volume=n + 1, bid=last - 500,
        bid_qty=n % 7, ask=last + 500, ask_qty=n % 5, oi=np.zeros(PER_DAY),
    )  # fmt: skip


def portions() -> Iterator[Portion]:
    """Yield both days as a live feed does: in small parts, with the clock between two seconds."""
    for day in range(len(DAYS)):
        rows = rows_of(day)
        for at in range(0, PER_DAY, 4):
            yield Portion(0, rows.slice(at, at + 4))
            yield Portion(0, Columns.of(), int(rows.ts[at]))  # it is there already
            yield Portion(0, Columns.of(), int(rows.ts[at]) + SECOND)


def write(folder: Path, given: Iterator[Portion], feed: Feed = FEED) -> Path:
    """Write a recording."""
    folder.mkdir()
    writer = Parquet(folder, feed)
    for number, portion in enumerate(given):
        writer.take(portion)
        if number % 200 == 0:
            writer.flush()
    writer.take_gap(LiveGap(OPEN_NS, OPEN_NS + SECOND, 2, "closed 1006"))
    writer.flush()
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recording of two days."""
    return write(tmp_path_factory.mktemp("recorded") / "kept", portions())


def test_it_is_read_as_it_was_written(kept: Path) -> None:
    """Each row to the bit, in its order, under its number; the clock where no row had been."""
    source = RecordedSource(open_kept(kept), data=(str(kept),))
    found = [portion.columns for portion in source.rows(0, on)]
    made = [rows_of(day) for day in range(len(DAYS))]
    for name in Columns._fields:
        whole = np.concatenate([getattr(each, name) for each in found])
        assert whole.tobytes() == np.concatenate([getattr(e, name) for e in made]).tobytes(), name
    assert source.feed._replace(id="", rows=None) == FEED._replace(id="")
    assert source.feed.rows == 2 * PER_DAY
    assert len(source.origin.clocks) == 2 * PER_DAY // 4
    assert not set(source.origin.clocks) & set(np.concatenate([e.ts for e in made]).tolist())
    assert any("1 gaps" in note for note in source.origin.notes)
    check_source(
        lambda _: RecordedSource(open_kept(kept), data=("x",), slice_rows=7), places=(0, 1, 7, 500)
    )


PRICE = st.integers(0, BOUND)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(PRICE, PRICE, st.integers(0, (1 << 53) - 1)), min_size=1, max_size=20))
def test_prices_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[int, int, int]]
) -> None:
    """Rupees as floats hold every price that can be."""
    last, bid, qty = np.array(given, np.int64).T
    zero = np.zeros(len(given))
    rows = Columns.of(
        ts=OPEN_NS + np.arange(len(given)), row=zero, last=last, qty=qty, volume=zero, bid=bid,
        bid_qty=zero, ask=zero, ask_qty=zero, oi=zero,
    )  # fmt: skip
    folder = write(tmp_path_factory.mktemp("prices") / "kept", iter([Portion(0, rows)]))
    (part,) = RecordedSource(open_kept(folder), data=()).rows(0, on)
    assert part.columns.last.tobytes() == rows.last.tobytes()
    assert part.columns.bid.tobytes() == rows.bid.tobytes()
    assert part.columns.qty.tobytes() == rows.qty.tobytes()


def run(data: Path, **more: Any) -> Any:
    """Backtest on a recording."""
    return alphapanda.backtest(STRATEGY, str(data), params={"fast": 3, "slow": 8}, jit=False,
                               limits="wide", **more)  # fmt: skip


def test_backtest_sweep_and_journal_are_one_run(kept: Path, tmp_path: Path) -> None:
    """The clock is in all of them; a day of a recording is the day recorded alone."""
    whole = run(kept, out=tmp_path / "run", journal=True).summary
    assert whole["fills"] > 0
    assert run(tmp_path / "run").summary["digest"] == whole["digest"]
    swept = alphapanda.sweep(STRATEGY, str(kept), grid={"fast": [3], "slow": [8]}, jit=False,
                             limits="wide", metric="pnl")  # fmt: skip
    (figures,) = swept.table.to_pylist()
    assert (figures["fills"], figures["pnl"]) == (whole["fills"], Decimal(whole["pnl"]))
    first = run(kept, to=str(DAYS[0])).summary["digest"]
    one = FEED._replace(days=DAYS[:1])
    alone = write(tmp_path / "alone", (p for n, p in enumerate(portions()) if n < 300), one)
    assert run(alone).summary["digest"] == first
    assert run(kept, from_=str(DAYS[1])).summary["digest"] != first


def test_what_would_change_rows_is_refused(kept: Path, tmp_path: Path) -> None:
    """Scales, names of columns, another kind; a second path; days that are not in it."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"qty_scale": 2}, "--qty-scale"), ({"price_scale": 2}, "--price-scale"),
        ({"map": ["last=price"]}, "--map"), ({"kind": "bar"}, "--kind"),
        ({"interval": "1m"}, "--interval"), ({"from": "2026-01-01"}, "no rows of the days"),
        ({"data": [str(kept), str(tmp_path)]}, "alone"),
    ]  # fmt: skip
    for more, word in wrong:
        given = options.make({"data": [str(kept)], **more}, trades=False)
        with pytest.raises(UsageError, match=word), open_recording(given, ()):
            pass
    told = options.make({"data": [str(kept)], "repair": True, "instruments": ["x.csv"]},
                        trades=False)  # fmt: skip
    with open_recording(told, ()) as source:
        notes = " ".join(source.origin.notes)
    assert "--repair drops none" in notes
    assert "--instruments is not read" in notes


def test_a_folder_of_ticks_alone_is_no_recording(kept: Path, tmp_path: Path) -> None:
    """Ordinary Parquet is read as ever, the recording's own files too when they are named."""
    assert recording_at(kept)
    assert recording_at(kept / FACTS)
    assert not recording_at(kept / "ticks-000001.parquet")
    assert not recording_at(tmp_path)
    given = options.make({"data": [str(kept / "*.parquet")]}, trades=False)
    with open_recording(given, ()) as source:
        assert source.feed.rows == 2 * PER_DAY
        assert source.origin.clocks == ()


@pytest.mark.parametrize(("file", "content", "word"), [
    (FACTS, b"{}", "describes no recording"), (FACTS, b"\xff", "describes no recording"),
    (FACTS, b'{"format": 9}', "another release"), ("ticks-000001.parquet", b"x", "no part"),
    (f"{BESIDE}/controls-000001.parquet", b"x", "no part"),
])  # fmt: skip
def test_what_is_damaged_is_named(tmp_path: Path, file: str, content: bytes, word: str) -> None:
    """The message names the file."""
    folder = write(tmp_path / "kept", portions())
    (folder / file).write_bytes(content)
    with pytest.raises(UsageError, match=word) as refused:
        RecordedSource(open_kept(folder), data=())
    assert file in str(refused.value)


def test_rows_out_of_order_or_of_nobody_are_refused(tmp_path: Path) -> None:
    """Somebody wrote into the folder: nothing is sorted or left out in silence."""
    folder = write(tmp_path / "kept", portions())
    first = min(folder.glob("*.parquet"))
    table = pq.read_table(first)
    pq.write_table(table.take(pa.array(range(table.num_rows))[::-1]), first)
    with pytest.raises(UsageError, match="order of time"):
        RecordedSource(open_kept(folder), data=())
    names = pa.array(["NSE:WHO"] * table.num_rows)
    pq.write_table(table.set_column(1, "instrument", names), first)
    with pytest.raises(UsageError, match="does not have"):
        RecordedSource(open_kept(folder), data=())
    facts = json.loads((folder / FACTS).read_text())
    assert facts["market"]["names"] == list(NAMES)
