"""Sources of market rows: each keeps to the port, and while nothing comes it says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from alphapanda import config
from alphapanda.brokers.pacing import Pace, parse_speed
from alphapanda.brokers.ports import MarketSource
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from alphapanda.runs import options
from alphapanda.runs.plan import bind, load_strategies, open_recording, rules_of
from alphapanda.runs.runner import feed_all, start
from alphapanda.runtime.sources import SOURCES, parse_feed
from tests.support.contracts import check_source, joined, on
from tests.support.running import ROOT, session
from tests.support.sources import ListSource

ROWS = 3_000
STRATEGY = str(ROOT / "strategies" / "ema_cross.py")


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Yield a stack on which recordings stay open."""
    with ExitStack() as stack:
        yield stack


def recording(stack: ExitStack, slice_rows: int | None) -> MarketSource:
    """Return a recording, open."""
    chosen = options.make({"data": [session(2, ROWS)]}, trades=False)
    return stack.enter_context(open_recording(chosen, (), slice_rows=slice_rows))


@pytest.mark.parametrize("slice_rows", [None, 7, 1_024])
def test_a_recording_is_a_source(slice_rows: int | None, opened: ExitStack) -> None:
    """Whole or in slices it has the same rows, from any place on."""
    check_source(lambda _: recording(opened, slice_rows), places=(0, 1, 1_023, 1_024, 2 * ROWS))


def test_a_list_is_a_source(opened: ExitStack) -> None:
    """The source of the tests keeps to the port too."""
    source = recording(opened, 100)
    batches = [portion.columns for portion in source.rows(0, on)]
    feed = source.feed
    check_source(lambda _: ListSource(feed, batches), places=(0, 1, 100, 101, 2 * ROWS))


def test_a_run_on_a_list_is_the_run_on_the_recording(opened: ExitStack) -> None:
    """A core can't tell which source its rows came from."""
    chosen = options.make({"strategies": STRATEGY, "data": [session(2, ROWS)], "no_jit": True})
    specs, arguments = load_strategies(chosen, config.load().strategies_dir)
    source = opened.enter_context(open_recording(chosen, specs))
    batches = [portion.columns for portion in source.rows(0, on)]
    digests = []
    for each in (source, ListSource(source.feed, batches)):
        plan = bind(chosen, rules_of(chosen), each, specs, arguments)
        run = start(plan, each, None, cache_dir=config.load().cache_dir)
        feed_all(run, None)
        assert run.session.rows == 2 * ROWS
        digests.append(run.gatherer.digest.hexdigest())
    assert digests[0] == digests[1]


def test_a_paced_recording_gives_a_sign_while_it_waits() -> None:
    """Between two rows that are far apart empty portions come, so that commands are seen."""
    batch = Columns.of(ts=np.array([10**9, 10**9 + 40 * 10**9]), row=[0, 0], last=[1, 1])
    parts = [part.rows for part in Pace(speed=1_000).parts(batch, on)]
    assert parts[0] == parts[-1] == 1
    assert parts[1:-1]
    assert set(parts[1:-1]) == {0}


def test_a_wait_ends_when_asked() -> None:
    """A stop is seen while the next row is far away, and no further row is given."""
    batch = Columns.of(ts=np.array([10**9, 600 * 10**9]), row=[0, 0], last=[1, 1])
    signs = iter(range(10))
    parts = Pace(speed=1).parts(batch, lambda: next(signs) > 7)
    assert sum(part.rows for part in parts) == 1


def test_feeds_are_looked_up_in_one_table() -> None:
    """Every kind of feed can be asked for as its line of the table writes it."""
    for word, kind in SOURCES.items():
        chosen = parse_feed([f"{word}:there"])
        assert (chosen.word, chosen.kind, chosen.places) == (word, kind, ["there"])
    with pytest.raises(UsageError, match="Did you mean replay"):
        parse_feed(["reply:x"])
    with pytest.raises(UsageError, match="write replay:PATH"):
        parse_feed(["replay:"])
    with pytest.raises(UsageError, match="write one --feed"):
        parse_feed(["bus:a", "bus:b"])
    with pytest.raises(UsageError, match="--speed"):
        parse_feed(["bus:"]).speed("10x")
    assert parse_feed(["replay:a", "replay:b"]).speed("max") == parse_speed("max")


def test_rows_are_joined_as_they_came(opened: ExitStack) -> None:
    """Portions put together are the recording."""
    assert joined(recording(opened, 7)).rows == 2 * ROWS
