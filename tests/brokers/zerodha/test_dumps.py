"""A day's list of instruments: judged before it is kept, the last good one stays."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from alphapanda.brokers.zerodha import again, clocks, dumps
from alphapanda.brokers.zerodha.client import Client
from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.brokers.zerodha.quotes import limits_of, with_circuits
from alphapanda.config.settings import Settings
from alphapanda.data.instruments import COLUMNS, read_master
from alphapanda.errors import OutsideError, UsageError
from alphapanda.model.instruments import Exchange, Instrument, Segment
from alphapanda.store.database import Database
from alphapanda.store.listing import Loaded, load
from alphapanda.store.market import Instrument as Row
from tests.support.kite import DAY_NS, TOKEN, Kite, Reply, failure, success
from tests.support.servers import databases
from tests.support.shared import shared

DAY = date(2025, 8, 25)
NEXT_NS = DAY_NS + 24 * 3_600 * 10**9


def line(token: int, symbol: str, exchange: str = "NSE", **change: object) -> str:
    facts = {
        "instrument_token": token * 256 + 1, "exchange_token": token, "tradingsymbol": symbol,
        "name": "", "last_price": 0, "expiry": "", "strike": 0, "tick_size": 0.05, "lot_size": 1,
        "instrument_type": "EQ", "segment": exchange, "exchange": exchange, **change,
    }  # fmt: skip
    return ",".join(str(facts[name]) for name in COLUMNS)


HEAD = ",".join(COLUMNS)
LINES = [line(n, f"SYM{n}") for n in range(1, 21)]


def csv(lines: list[str], head: str = HEAD) -> bytes:
    return "\n".join([head, *lines, ""]).encode()


@pytest.fixture(autouse=True)
def _clock_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "READ_AGAIN_S", -1.0)


@pytest.fixture
def client(kite: Kite, tmp_path: Path) -> Client:
    return open_client(kite.settings(tmp_path), token=TOKEN)


def offer(kite: Kite, content: bytes, kind: str = "text/csv") -> None:
    packed = Reply(body=gzip.compress(content), kind=kind, headers=(("Content-Encoding", "gzip"),))
    kite.routes["GET /instruments"] = lambda _: packed


def test_a_list_is_fetched_once_a_day(kite: Kite, client: Client, tmp_path: Path) -> None:
    """It is kept by its day, with every symbol as it is; the second time nothing is asked."""
    odd = [line(401, "M&M"), line(402, "BAJAJ-AUTO"), line(403, "SGB AUG28"), line(404, "A.B")]
    offer(kite, csv([*LINES, *odd]))
    done = dumps.fetch(client, tmp_path)
    assert (done.path.name, done.new, dict(done.rows)) == (
        "instruments_20250825.csv.gz", True, {"NSE": 24},
    )  # fmt: skip
    master = dumps.todays(tmp_path, DAY_NS)
    assert {"NSE:M&M", "NSE:BAJAJ-AUTO", "NSE:SGB AUG28", "NSE:A.B"} <= {i.name for i in master}
    assert not dumps.fetch(client, tmp_path).new
    assert len(kite.calls) == 1
    with pytest.raises(UsageError, match="alphapanda instruments fetch"):
        dumps.todays(tmp_path, NEXT_NS)


def test_what_is_new_is_left_out_and_counted(kite: Kite, client: Client, tmp_path: Path) -> None:
    """An exchange nobody knows, a type nobody knows: the rest of the list is there."""
    new = [line(1, "US30", "GLOBAL"), line(2, "X", "MOON"), line(3, "Y", "MOON"),
           line(990, "Z", instrument_type="SWAP")]  # fmt: skip
    offer(kite, csv([*LINES, *new]))
    done = dumps.fetch(client, tmp_path)
    assert done.rows == {"NSE": 20}
    told = " ".join(done.notes)
    assert "2 rows of the exchange MOON" in told
    assert "3 rows of the instruments file do not fit" in told
    assert "partial" not in told


BAD = [
    (csv([]), "no instrument"),
    (csv(LINES, HEAD.replace("lot_size", "lots")), "lot_size"),
    (csv([*LINES, LINES[0]]), "already"),
    (csv([*LINES, line(1, "ANOTHER")]), "share a token"),
    (csv(LINES[:15]), "under 80%"),
    (csv(LINES), "byte for byte"),
    (csv([*LINES, "1,2,3"]), "columns"),
    (b"\xff\xfe", "UTF-8"),
]


@pytest.mark.parametrize(("content", "why"), BAD)
def test_a_bad_list_is_refused_and_the_last_stays(
    kite: Kite, client: Client, tmp_path: Path, content: bytes, why: str
) -> None:
    """What is no list, or has lost much, or is yesterday's, leaves the folder as it was."""
    offer(kite, csv(LINES))
    dumps.fetch(client, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kite.now_ns = NEXT_NS
    offer(kite, content)
    with pytest.raises(OutsideError, match=why):
        dumps.fetch(client, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert dumps.newest(tmp_path)[0] == DAY


def test_failures_keep_the_last_one(kite: Kite, client: Client, tmp_path: Path) -> None:
    """JSON in place of the list, an error, or too early a time: refused with what to do."""
    kite.routes["GET /instruments"] = lambda _: success({})
    with pytest.raises(OutsideError, match="no file of instruments"):
        dumps.fetch(client, tmp_path)
    kite.routes["GET /instruments"] = lambda _: failure(503, "NetworkException", "down")
    with pytest.raises(OutsideError, match="down"):
        dumps.fetch(client, tmp_path)
    kite.now_ns = DAY_NS - 3_600 * 10**9
    with pytest.raises(UsageError, match="08:30"):
        dumps.fetch(client, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_zerodhas_own_list_is_never_small(tmp_path: Path) -> None:
    """Twenty rows are a simulator's; of Zerodha they are no list."""
    partial = tmp_path / "x.csv"
    partial.write_bytes(csv(LINES))
    with pytest.raises(OutsideError, match="never under"):
        dumps.judged(csv(LINES), partial, DAY, [], simulator=False)


def test_a_byte_order_mark_is_no_fault(kite: Kite, client: Client, tmp_path: Path) -> None:
    """A mark before the header is passed over, and counts for nothing."""
    offer(kite, b"\xef\xbb\xbf" + csv(LINES))
    assert dumps.fetch(client, tmp_path).rows == {"NSE": 20}


def test_odd_tokens_are_told(kite: Kite, client: Client, tmp_path: Path) -> None:
    """A token that is not the exchange's number and a segment is taken, and said."""
    offer(kite, csv([*LINES, line(77, "ODD", instrument_token=5)]))
    assert any("NSE:ODD" in note for note in dumps.fetch(client, tmp_path).notes)


def test_days_are_compared(tmp_path: Path) -> None:
    """A new token, lot, tick and expiry are named; what came and went too."""
    first, last = tmp_path / "instruments_20250825.csv", tmp_path / "instruments_20250826.csv"
    future = line(900, "X25AUGFUT", "NFO", instrument_type="FUT", expiry="2025-08-28", lot_size=50)
    first.write_bytes(csv([*LINES, future]))
    moved = line(900, "X25AUGFUT", "NFO", instrument_type="FUT", expiry="2025-08-26", lot_size=75)
    changed = [line(501, "SYM1"), line(2, "SYM2", tick_size=0.1), *LINES[2:-1], moved]
    last.write_bytes(csv([*changed, line(600, "FRESH")]))
    found = dumps.difference(read_master(first), read_master(last))
    assert set(found.changed) == {"NSE:SYM1", "NSE:SYM2", "NFO:X25AUGFUT"}
    assert found.changed["NSE:SYM1"] == {"token": (257, 501 * 256 + 1)}
    assert found.changed["NSE:SYM2"] == {"tick_size": (500, 1_000)}
    assert set(found.changed["NFO:X25AUGFUT"]) == {"lot_size", "expiry"}
    assert (found.appeared, found.vanished) == (("NSE:FRESH",), ("NSE:SYM20",))


def test_the_official_sample_is_read(tmp_path: Path) -> None:
    """The list that Kite itself publishes as a sample is taken, whole."""
    content = shared("kite-mocks", "instruments_all.csv").read_bytes()
    partial = tmp_path / "x.csv"
    partial.write_bytes(content)
    done = dumps.judged(content, partial, DAY, [], simulator=True)
    assert sum(done.rows.values()) == content.count(b"\n") - 1
    assert not any("token" in note for note in done.notes)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: csv([t])))
def test_nothing_in_a_list_raises_what_is_not_ours(content: bytes) -> None:
    """Whatever is in the file, it is taken or refused in words."""
    partial = FUZZED / "fuzz.csv"
    partial.write_bytes(content)
    with suppress(OutsideError):
        dumps.judged(content, partial, DAY, [], simulator=True)


FUZZED = Path()


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    globals()["FUZZED"] = tmp_path_factory.mktemp("fuzz")


SHARES = [
    Instrument(f"NSE:SYM{n}", Exchange.NSE, Segment.EQUITY, 500, 1, n * 256 + 1)
    for n in range(1, 5_001)
]


def test_circuits_come_by_quotes(kite: Kite, client: Client) -> None:
    """500 names a call; a name without a quote has no limit, rather than a limit of 0."""

    def quote(asked: Any) -> Reply:
        names = [value for _, value in asked.query]
        assert len(names) <= 500
        return success({
            name: {"lower_circuit_limit": 90.05, "upper_circuit_limit": 110.1}
            for name in names if name != "NSE:SYM7"
        })  # fmt: skip

    kite.routes["GET /quote"] = quote
    found = with_circuits(client, SHARES[:501])
    assert found.unknown == ("NSE:SYM7",)
    assert (found.instruments[0].lower_circuit, found.instruments[0].upper_circuit) == (
        900_500, 1_101_000,
    )  # fmt: skip
    assert len(kite.calls) == 2


def test_circuits_are_asked_for_again_where_the_key_was_busy(
    kite: Kite, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two programs that start at once share Kite's one call for quotes a second."""
    monkeypatch.setattr(again, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("alphapanda.brokers.zerodha.client.SLOWER_S", 0.01)
    busy = failure(429, "NetworkException", "Too many requests")
    answers = [busy, success({"NSE:SYM1": {"lower_circuit_limit": 9, "upper_circuit_limit": 11}})]
    kite.routes["GET /quote"] = lambda _asked: answers.pop(0)
    assert with_circuits(client, SHARES[:1]).unknown == ()
    assert answers == []


@pytest.mark.parametrize(
    "quote",
    [None, [], {}, {"lower_circuit_limit": None, "upper_circuit_limit": 5},
     {"lower_circuit_limit": 9, "upper_circuit_limit": 5},
     {"lower_circuit_limit": "x", "upper_circuit_limit": 1e30},
     {"lower_circuit_limit": float("nan"), "upper_circuit_limit": 5}],
)  # fmt: skip
def test_odd_limits_are_not_known(quote: Any) -> None:
    """What is no pair of prices is no limit."""
    assert limits_of(quote) == (0, 0)


@pytest.fixture
def stored(tmp_path: Path, templates: databases.Templates) -> Iterator[Settings]:
    with templates.migrated(tmp_path, "") as settings:
        yield settings


def test_the_table_follows_the_lists(stored: Settings) -> None:
    """A row that changed ends on that day and another begins; loaded twice nothing changes."""
    first, second, third = date(2025, 8, 25), date(2025, 8, 26), date(2025, 8, 27)
    moved = [replace(SHARES[0], lot_size=2), *SHARES[1:-1]]

    async def run() -> tuple[list[Loaded], list[Row]]:
        database = Database(stored)
        await database.start()
        try:
            loads = []
            for listed, day in ((SHARES, first), (SHARES, first), (moved, second), (moved, second),
                                (SHARES, third)):  # fmt: skip
                async with database.session(writes=True) as session:
                    loads.append(await load(session, listed, day))
                    await session.commit()
            async with database.session() as session:
                wanted = select(Row).where(Row.name.in_(["NSE:SYM1", "NSE:SYM5000"]))
                return loads, list(await session.scalars(wanted.order_by(Row.name, Row.valid_from)))
        finally:
            await database.stop()

    loads, rows = asyncio.run(run())
    assert loads == [
        (5_000, 0, 0, 0), (5_000, 0, 0, 0), (0, 1, 1, 4_998), (0, 1, 1, 4_998), (1, 1, 0, 4_998),
    ]  # fmt: skip
    spans = [(row.name, row.lot_size, row.valid_from, row.valid_to) for row in rows]
    assert spans == [
        ("NSE:SYM1", 1, first, second), ("NSE:SYM1", 2, second, third),
        ("NSE:SYM1", 1, third, None),
        ("NSE:SYM5000", 1, first, second), ("NSE:SYM5000", 1, third, None),
    ]  # fmt: skip
