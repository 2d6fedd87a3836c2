"""A live feed from end to end: a day's login, list and ticks into a run, which replays the same."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.brokers.zerodha import clocks, dumps, sessions
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.dialling import Limits
from alphapanda.brokers.zerodha.live_feed import Hours, LiveFeed, feed_of
from alphapanda.brokers.zerodha.quotes import Circuits
from alphapanda.data.instruments import COLUMNS
from alphapanda.errors import UsageError
from alphapanda.events.events import decode, encode
from alphapanda.events.feeds import live_gap
from alphapanda.journal.journal import Journal
from alphapanda.model.calendar import Calendar, ist_date
from alphapanda.model.instruments import Exchange, Instrument, Segment
from alphapanda.model.rows import Control
from alphapanda.runtime import live
from tests.support.ducks import query
from tests.support.kite import API_KEY, API_SECRET, DAY_NS, MASTER_KEY, TOKEN, USER, Kite, success
from tests.support.kite_ticker import Act, Desk, cut, framed, full, stay, ticking
from tests.support.running import command, with_strategies
from tests.support.servers import databases

SECOND = 10**9
INFY, TCS = 408065, 2953217
OPEN_NS = DAY_NS + 60 * SECOND
TICKS = 60
CLOSED_NS = DAY_NS + 7 * 3_600 * SECOND
FEED = "kite:NSE:INFY,NSE:TCS"


@pytest.fixture
def base(
    kite: Kite, tmp_path: Path, templates: databases.Templates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give a base folder with a session, today's list and strategies."""
    monkeypatch.setattr(clocks, "READ_AGAIN_S", 0.1)
    # The day of these tests passes in bursts: on a busy machine its ticks arrive minutes late.
    monkeypatch.setattr(live, "LATE_NS", 3_600 * SECOND)
    kite.now_ns = OPEN_NS
    kite.routes["GET /user/profile"] = lambda _: success({"user_id": USER, "exchanges": ["NSE"]})
    kite.routes["GET /quote"] = lambda _: success({})
    with templates.migrated(tmp_path, "") as settings:
        folder = settings.base_dir
        with_strategies(folder)
        mine = kite.settings(folder)
        addresses = addresses_of(mine)
        with sessions.database_of(mine) as (runner, database):
            runner.run(sessions.save(
                database, addresses, user_id=USER, token=TOKEN, now_ns=kite.now_ns
            ))  # fmt: skip
        rows = [f"{token},{token >> 8},{name},,0,,0,0.05,1,EQ,NSE,NSE"
                for token, name in ((INFY, "INFY"), (TCS, "TCS"))]  # fmt: skip
        path = dumps.path_of(mine.instruments_dir, ist_date(kite.now_ns))
        path.parent.mkdir()
        path.write_bytes(gzip.compress("\n".join([",".join(COLUMNS), *rows]).encode()))
        yield folder


def environment(kite: Kite, base: Path, feed_url: str) -> dict[str, str]:
    values = {
        "USER_ID": USER, "API_KEY": API_KEY, "API_SECRET": API_SECRET, "ENABLED": "true",
        "API_URL": kite.url, "FEED_URL": feed_url, "LOGIN_URL": f"{kite.url}/connect/login",
    }  # fmt: skip
    return {
        "ALPHAPANDA_BASE_DIR": str(base), "ALPHAPANDA_SECURITY__KEY": MASTER_KEY,
        "ALPHAPANDA_LOGS__CONSOLE": "off",
        **{f"ALPHAPANDA_ZERODHA__{name}": text for name, text in values.items()},
    }  # fmt: skip


def day(kite: Kite) -> Act:
    """Return a day's ticks, one a second, with a lost connection, then the evening."""
    done = [0]

    async def act(desk: Desk, connection: Any) -> None:
        while done[0] < TICKS:
            done[0] += 1
            n = done[0]
            kite.now_ns = OPEN_NS + n * SECOND
            stamp = kite.now_ns // SECOND
            price = 150_000 + 25 * (n % 17) - 35 * (n % 5)
            one = full(INFY, price, stamp=stamp, volume=10 * n)
            await connection.send(framed(one, full(TCS, 2 * price, stamp=stamp, volume=n), one))
            await asyncio.sleep(0.01)
            if n == TICKS // 2:
                await cut(desk, connection)
                return
        await asyncio.sleep(1)
        kite.now_ns = CLOSED_NS
        await stay(desk, connection)

    return act


def test_paper_on_live_ticks_replays_the_same(
    kite: Kite, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run on ticks, with a lost line in it, ends with the day; its journal proves it."""
    with ticking(day(kite)) as url:
        for name, value in environment(kite, base, url).items():
            monkeypatch.setenv(name, value)
        out = base / "runs" / "live"
        done = command(
            "paper", "ema_cross", "--feed", FEED, "--no-jit", "--json", "--out", str(out),
            "--param", "fast=3", "--param", "slow=8", capsys=capsys,
        )  # fmt: skip
    assert done.status == 0, done.err
    summary = json.loads((out / "summary.json").read_text())
    assert summary["repairs"]["exact repeats"] == TICKS
    assert summary["repairs"]["connections lost"] == 1
    journal = Journal.open(out)
    batches = [*journal.batches()]
    assert sum(batch.columns.rows for batch in batches) == 2 * TICKS
    times = [ts for batch in batches for ts in batch.columns.ts.tolist()]
    assert times == sorted(set(times)), "times grow"
    kinds = [int(kind) for batch in batches for kind in batch.controls["kind"]]
    assert {Control.PHASE, Control.SQUARE_OFF, Control.DAY_END} <= {*map(Control, kinds)}
    proof = command("verify", str(out), "--json", capsys=capsys)
    assert (proof.status, json.loads(proof.out)["identical"]) == (0, True)


def test_ticks_are_recorded_and_replayed(
    kite: Kite, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`record` keeps every tick in order, as a folder that a backtest takes."""
    with ticking(day(kite)) as url:
        for name, value in environment(kite, base, url).items():
            monkeypatch.setenv(name, value)
        out = base / "kept"
        done = command("record", "--feed", FEED, "--out", str(out), "--json", capsys=capsys)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["rows"], found["dropped"]["exact repeats"]) == (2 * TICKS, TICKS)
    beside = query(
        f"SELECT kind, count(*) FROM read_parquet('{out}/_controls/*.parquet') GROUP BY ALL"
    )
    assert dict(beside)["gap"] == 1
    assert dict(beside).get("time", 0) == found["clocks"]
    rows = query(
        f"SELECT instrument, last, volume FROM read_parquet('{out}/*.parquet') ORDER BY ts LIMIT 2"
    )
    assert rows == [("NSE:INFY", 1_499.9, 10), ("NSE:TCS", 2_999.8, 1)]
    again = command("backtest", "ema_cross", "--data", str(out), "--no-jit", "--json",
                    "--out", str(base / "again"), capsys=capsys)  # fmt: skip
    assert again.status == 0, again.err


def lost_and_found(kite: Kite) -> Act:
    """Return what sends a tick, is lost, sends the same again, as Kite does, and then a new one."""
    stamp = OPEN_NS // SECOND

    async def act(desk: Desk, connection: Any) -> None:
        old = framed(full(INFY, 150_000, stamp=stamp), full(TCS, 300_000, stamp=stamp))
        await connection.send(old)
        if len(desk.queries) == 1:
            await asyncio.sleep(0.2)
            await cut(desk, connection)
            return
        await connection.send('{"type": "order", "data": {"order_id": "77"}}')
        await connection.send(framed(full(INFY, 150_100, stamp=stamp + 1, volume=2)))
        await stay(desk, connection)

    return act


def test_a_gap_is_told_until_each_instrument_has_something_new(kite: Kite, base: Path) -> None:
    """Marked while stale, the gap told, the order book read again, circuits when they change."""
    settings = kite.settings(base)
    today = ist_date(OPEN_NS)
    listed = [Instrument(f"NSE:{name}", Exchange.NSE, Segment.EQUITY, 500, 1, token)
              for name, token in (("INFY", INFY), ("TCS", TCS))]  # fmt: skip
    wider = [replace(listed[0], lower_circuit=13_000_000, upper_circuit=17_000_000), listed[1]]
    reports: list[Report] = []
    reread: list[str] = []
    marks: list[tuple[list[int], bool]] = []

    def now() -> int:
        return OPEN_NS

    async def run(url: str) -> LiveFeed:
        made = LiveFeed(
            settings, addresses_of(settings)._replace(feed=url), listed, clock=now,
            hours=Hours(Calendar.nse(), listed, today), limits=Limits(first_wait_s=0.05),
            late_ns=60 * SECOND, read=lambda _: Circuits((*wider,), ()), every_s=0.05,
        )  # fmt: skip
        heard = asyncio.Event()

        def look(kinds: set[int]) -> None:
            if ReportKind.CIRCUIT in kinds and len(marks) == 2:
                heard.set()

        def hear(report: Report) -> None:
            reports.append(report)
            look({each.kind for each in reports})

        def mark(rows: Sequence[int], stale: bool) -> None:
            marks.append((list(rows), stale))
            look({each.kind for each in reports})

        made.hear, made.mark, made.reread = hear, mark, reread.append
        await made.start()
        await asyncio.wait_for(heard.wait(), 60)
        await made.stop()
        return made

    with ticking(lost_and_found(kite)) as url:
        made = asyncio.run(run(url))
    assert marks == [([0, 1], True), ([0], False)]
    assert made.gaps.stale.tolist() == [1]
    circuits = [(r.row, r.price, r.trigger) for r in reports if r.kind == ReportKind.CIRCUIT]
    assert circuits == [(0, 13_000_000, 17_000_000)]
    assert reread == ["", "77"]
    (gap,) = made.take_gaps()
    assert (gap.after_ns, gap.before_ns) == (OPEN_NS + 1, OPEN_NS + SECOND)
    assert gap.instruments == 2
    assert made.dropped["gaps, in which nothing could come"] == 1
    told = live_gap("kite:x", 3, gap)
    assert decode(encode(told)) == told
    assert (told.data.first, told.data.last, told.data.before_ns) == (3, 2, gap.before_ns)


REFUSED = [
    ("kite:NSE:INFY,NSE:NOBODY", "NOBODY", 2),
    ("kite:", "write its instruments", 2),
    ("kite:" + ",".join(f"NSE:N{n}" for n in range(9_001)), "Kite has 9,000 for a key", 2),
]


@pytest.mark.parametrize(("feed", "message", "status"), REFUSED, ids=["nobody", "none", "too many"])
def test_feeds_that_can_not_be(
    kite: Kite, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    feed: str, message: str, status: int,
) -> None:  # fmt: skip
    """An instrument that is not listed, or none: refused before anything is dialled."""
    for name, value in environment(kite, base, "ws://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    done = command("paper", "ema_cross", "--feed", feed, "--no-jit", capsys=capsys)
    assert done.status == status
    assert message in done.err


def test_without_session_or_list_nothing_begins(
    kite: Kite, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 3 and the login to type; without today's list the command that fetches it."""
    for name, value in environment(kite, base, "ws://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    words = ("paper", "ema_cross", "--feed", FEED, "--no-jit")
    kite.now_ns = OPEN_NS + 20 * 3_600 * SECOND
    late = command(*words, capsys=capsys)
    assert late.status == 2
    assert "alphapanda instruments fetch" in late.err
    kite.now_ns = OPEN_NS + 24 * 3_600 * SECOND
    over = command(*words, capsys=capsys)
    assert over.status == 3
    assert "alphapanda login zerodha" in over.err


SHARE = Instrument("NSE:INFY", Exchange.NSE, Segment.EQUITY, 500, 1, INFY)


def test_hours_are_the_calendars() -> None:
    """The clock runs from the first phase to the last; a holiday, and an evening, are refused."""
    today = ist_date(DAY_NS)
    hours = Hours(Calendar.nse(), [SHARE], today)
    assert hours.trading(DAY_NS)
    assert not hours.trading(DAY_NS - 60 * SECOND)
    assert hours.running(DAY_NS - 60 * SECOND)
    assert not hours.running(CLOSED_NS)
    with pytest.raises(UsageError, match="over for today"):
        hours.refuse_over(CLOSED_NS)
    sunday = Hours(Calendar.nse(), [SHARE], ist_date(DAY_NS - 24 * 3_600 * SECOND))
    with pytest.raises(UsageError, match="no trading day"):
        sunday.refuse_over(DAY_NS - 24 * 3_600 * SECOND)
    assert feed_of([SHARE], today).id != feed_of([SHARE], ist_date(CLOSED_NS + 10**14)).id
