"""The laws of the core: batches, two executions, special and general form; and their teeth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.books import orders
from alphapanda.core import execution, matching
from alphapanda.engine.engine import Engine
from alphapanda.engine.tier import Tier
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL, OUT, Control, Out, Reason
from tests.core import every_hook, test_properties
from tests.core.test_properties import MANY
from tests.support.cases import PROGRAMS, Case, cases
from tests.support.harness import MINUTE, Desk, present, share


def output(engine: Engine, columns: Columns, controls: Any) -> bytes:
    """Return all output rows of a batch as bytes."""
    return b"".join(chunk.tobytes() for chunk in engine.feed(columns, controls))


def pieces(case: Case, cuts: Sequence[int]) -> Iterator[tuple[Columns, Any]]:
    """Yield a case in batches, each with the control rows before or inside it."""
    bounds = [0, *sorted(cuts), case.columns.rows]
    taken = 0
    for number, (start, stop) in enumerate(pairwise(bounds)):
        last = number == len(bounds) - 2
        due = len(case.events) if last else int(np.searchsorted(case.events["at"], stop))
        part = case.events[taken:due].copy()
        part["at"] -= start
        taken = due
        yield case.columns.slice(start, stop), part


def engine_of(case: Case) -> Engine:
    """Return a fresh engine for a case."""
    return case.engine()


def cut_anywhere(draw: Any, case: Case) -> list[int]:
    """Draw where a case is cut; empty batches too."""
    return draw(st.lists(st.integers(0, case.columns.rows), max_size=8))


@MANY
@given(case=cases(), data=st.data())
def test_the_core_keeps_its_laws_on_every_day(case: Case, data: Any) -> None:
    """The laws of batches, of snapshots and of the general form: each day is made up once."""
    whole = engine_of(case)
    rows = records(whole, case)
    expected = b"".join(row.tobytes() for row in rows)
    any_cut_gives_the_same_bytes(case, cut_anywhere(data.draw, case), whole, expected)
    row_by_row_gives_the_same_bytes(case, whole, expected)
    a_restored_core_goes_on_the_same(case, data.draw(st.integers(0, case.columns.rows)), expected)
    the_general_form_does_the_same(case, rows)


def any_cut_gives_the_same_bytes(
    case: Case, cuts: Sequence[int], whole: Engine, expected: bytes
) -> None:  # fmt: skip
    """The law of batches: however the input is cut, output and final state are the same bytes."""
    cut = engine_of(case)
    assert b"".join(output(cut, *piece) for piece in pieces(case, cuts)) == expected
    assert cut.snapshot() == whole.snapshot()


def row_by_row_gives_the_same_bytes(case: Case, whole: Engine, expected: bytes) -> None:
    """The law of batches where it is hardest: one row at a time, as a live feed comes."""
    single = engine_of(case)
    parts = pieces(case, range(1, case.columns.rows))
    assert b"".join(output(single, *part) for part in parts) == expected
    assert single.snapshot() == whole.snapshot()


def a_restored_core_goes_on_the_same(case: Case, cut: int, expected: bytes) -> None:
    """A snapshot taken anywhere, put into a new core, has the same future."""
    first, second = pieces(case, [cut])
    engine, other = engine_of(case), engine_of(case)
    before = output(engine, *first)
    other.restore(engine.snapshot())
    after = output(engine, *second)
    assert before + after == expected
    assert output(other, *second) == after
    assert other.snapshot() == engine.snapshot()


def test_a_snapshot_of_another_shape_is_refused() -> None:
    """A snapshot fits only the set-up that it was taken from."""
    small, large = (
        Desk(instruments=[share(f"NSE:{n}") for n in names]).engine([every_hook.Idle], ("ts",))
        for names in ("X", "XY")
    )
    with pytest.raises((AssertionError, ValueError)):
        small.restore(large.snapshot())


def the_general_form_does_the_same(case: Case, rows: Sequence[Any]) -> None:
    """Columns nobody uses and a strategy that does nothing change no row of the first strategy.

    The idle strategy has every hook, timers and bars of its own, so that every flag is on; the
    rows' causes and order numbers stay, as it asks for nothing.
    """
    expected = [row for row in rows if row["strategy"] >= 0]
    columns = {**case.columns._asdict(), "oi": np.arange(case.columns.rows)}
    rich = case.engine(every_hook.Idle, columns=Columns.of(**columns))
    found = records(rich, Case(Columns.of(**columns), case.events, case.desk, case.acts))
    idle = len(case.acts)
    assert [row for row in found if 0 <= row["strategy"] < idle] == expected


def records(engine: Engine, case: Case) -> list[Any]:
    """Return a case's output rows as records."""
    return [row for chunk in engine.feed(case.columns, case.events) for row in chunk.copy()]


# --- two executions: compiled and plain Python give the same bytes ---------------------------


def busy_ticks(rows: int) -> Columns:
    """Return ticks of three instruments with quotes and volume: a core that other tests use."""
    noise = np.random.default_rng(11)
    row = noise.integers(0, 3, rows)
    last = 1_000_000 + np.cumsum(noise.integers(-3, 4, rows)) * 500 + row * 300_000
    near = noise.integers(0, 3, rows) * 500
    return Columns.of(
        ts=every_hook.OPEN + np.cumsum(noise.integers(0, 900_000_000, rows)), row=row, last=last,
        qty=noise.integers(0, 40, rows), volume=np.cumsum(noise.integers(0, 40, rows)),
        bid=last - near, ask=last + 500 + near, bid_qty=noise.integers(1, 60, rows),
        ask_qty=noise.integers(1, 60, rows),
    )  # fmt: skip


def busy_bars(rows: int) -> Columns:
    """Return minute bars of two instruments with volume; the same each time."""
    noise = np.random.default_rng(12)
    last = 1_000_000 + np.cumsum(noise.integers(-6, 7, rows)) * 500
    high, low = last + noise.integers(0, 9, rows) * 500, last - noise.integers(0, 9, rows) * 500
    return Columns.of(
        ts=every_hook.OPEN + (np.arange(rows) // 2 + 1) * MINUTE, row=np.arange(rows) % 2,
        last=last, open=np.clip(last + noise.integers(-9, 10, rows) * 500, low, high),
        high=high, low=low,
        volume=noise.integers(0, 90, rows),
    )  # fmt: skip


WORK = [
    pytest.param(every_hook.Ticks, busy_ticks(4_000), 3, 0, id="ticks"),
    pytest.param(every_hook.Bars, busy_bars(4_000), 2, MINUTE, id="bars"),
]


@pytest.mark.core
@pytest.mark.parametrize(("cls", "columns", "instruments", "interval"), WORK)
def test_compiled_equals_plain(cls: Any, columns: Columns, instruments: int, interval: int) -> None:
    """The law of executions: the same bytes and state, in plain Python and both ways compiled.

    The loop of one piece has ticks' open interest beside all else, which the shared core has not.
    """
    interest = np.random.default_rng(13).integers(0, 9, columns.rows)
    rich = columns if interval else Columns.of(**{**columns._asdict(), "oi": interest})

    def outcome(tier: Tier, columns: Columns) -> tuple[bytes, bytes]:
        desk = every_hook.desk(instruments, interval, tier=tier)
        engine = desk.engine([cls], present(columns))
        assert engine.program.tier == tier
        return output(engine, columns, every_hook.session(columns)), engine.snapshot()

    plain = outcome(Tier.PLAIN, columns)
    assert np.frombuffer(plain[0], CONTROL.fields["ts"][0]).size > 20_000
    assert outcome(Tier.QUICK, columns) == plain
    plain_rich = outcome(Tier.PLAIN, rich)
    assert plain_rich[0] == plain[0]
    assert outcome(Tier.FULL, rich) == plain_rich


@pytest.mark.core
@pytest.mark.parametrize(("cls", "columns", "instruments", "interval"), WORK)
def test_compiled_keeps_the_law_of_batches(
    cls: Any, columns: Columns, instruments: int, interval: int
) -> None:
    """Compiled, single rows give the same bytes as the whole; a restored core goes on the same."""
    desk = every_hook.desk(instruments, interval)
    controls = every_hook.session(columns)
    case = Case(columns, controls, desk, ())
    whole, single, other = (desk.engine([cls], present(columns)) for _ in range(3))
    expected = output(whole, columns, controls)
    found = []
    for number, piece in enumerate(pieces(case, range(1, columns.rows))):
        if number == columns.rows // 2:
            other.restore(single.snapshot())
            single, other = other, single
        found.append(output(single, *piece))
    assert b"".join(found) == expected
    assert single.snapshot() == whole.snapshot()


@pytest.mark.core
@pytest.mark.parametrize(("cls", "columns", "instruments", "interval"), WORK)
def test_commands_are_the_same_compiled(
    cls: Any, columns: Columns, instruments: int, interval: int
) -> None:
    """Under commands, too: compiled and plain Python, whole and row by row, the same bytes."""
    events = every_hook.commanded(columns)
    made = []
    for tier in (Tier.PLAIN, Tier.QUICK):
        desk = every_hook.desk(instruments, interval, tier=tier)
        engine = desk.engine([cls], present(columns))
        made.append((output(engine, columns, events), engine.snapshot()))
    assert made[0] == made[1]
    rows = np.frombuffer(made[0][0], OUT)
    told = rows[rows["type"] == Out.COMMAND]
    assert set(told["a"].tolist()) == set(range(Control.KILL, Control.CANCEL + 1))
    assert {Reason.PAUSED, Reason.OPERATOR} <= set(rows["a"][rows["type"] == Out.CANCEL].tolist())
    desk = every_hook.desk(instruments, interval)
    case, single = Case(columns, events, desk, ()), desk.engine([cls], present(columns))
    found = [output(single, *piece) for piece in pieces(case, range(1, columns.rows))]
    assert b"".join(found) == made[1][0]
    assert single.snapshot() == made[1][1]


# --- teeth: what the properties must notice --------------------------------------------------


def nothing(*_: Any) -> int:
    """Stand in for a function that was forgotten."""
    return 0


def everything(*_: Any) -> int:
    """Stand in for a bound that was forgotten."""
    return execution.UNLIMITED


def lucky(core: Any, order: Any, price: int) -> int:
    """Stand in for slippage that helps."""
    return price - order.qty * 500


BOOKS = test_properties.the_books_equal_a_naive_recount
LEFT = test_properties.nothing_is_left_when_nothing_works
SHARE = test_properties.fills_take_no_more_than_their_share
PRICES = test_properties.prices_are_those_of_the_row
EXITS = test_properties.exits_never_do_more_than_their_entry

SABOTAGE: list[tuple[str, Any, str, Any, Any]] = [
    ("fills book nothing", execution, "book", nothing, LEFT),
    ("funds are never freed", execution, "unblock", nothing, LEFT),
    ("working orders are never counted out", execution, "open_qty", nothing, LEFT),
    ("ends are not said", orders, "emit_end", nothing, LEFT),
    ("sizes have no bound", matching, "available", everything, SHARE),
    ("an exit leaves its sibling", execution, "shrink_sibling", nothing, EXITS),
    ("finished orders keep their slots", matching, "sweep", nothing, BOOKS),
    ("arrivals are said twice", matching, "arrive", None, BOOKS),
    ("slippage helps", matching, "slipped", lucky, PRICES),
    ("exits double", execution, "place_exits", None, EXITS),
]


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is done twice."""

    def twice(*arguments: Any) -> Any:
        function(*arguments)
        return function(*arguments)

    return twice


@pytest.mark.parametrize(
    ("module", "name", "wrong", "law"), [pytest.param(*rest, id=label) for label, *rest in SABOTAGE]
)
def test_sabotage_is_noticed(
    module: Any, name: str, wrong: Any, law: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way of breaking the core makes a property fail that holds without it."""
    monkeypatch.setattr(module, name, wrong or doubled(getattr(module, name)))
    PROGRAMS.clear()
    try:
        assert fails(law)
    finally:
        PROGRAMS.clear()


def test_an_unharmed_core_is_not_accused() -> None:
    """The search that notices sabotage finds nothing where there is none."""

    def all_of_them(case: Case, played: Any) -> None:
        for law in (BOOKS, LEFT, SHARE, PRICES, EXITS):
            law(case, played)

    assert not fails(all_of_them, days=50)


def fails(law: Any, *, days: int = 200) -> bool:
    """Say if a law fails on one of so many days, without looking for the smallest."""
    from hypothesis import Phase, settings  # noqa: PLC0415

    once = settings(MANY, phases=[Phase.generate], max_examples=days, report_multiple_bugs=False)

    def holds(case: Case) -> None:
        law(case, test_properties.run(case))

    try:
        once(given(case=cases(kinds=("sizes", "bars")))(holds))()
    except Exception:  # noqa: BLE001 (whatever it is, it was noticed)
        return True
    return False
