"""How a run stands, by its journal and by the board, and the nightly's comparison with paper."""

from __future__ import annotations

import asyncio
import shutil
from datetime import date
from pathlib import Path

import pytest

from alphapanda import notebook
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.notebook.nightly import a_day
from alphapanda.notebook.standing import BoardSource, JournalSource
from alphapanda.projection.changes import of_order, of_pnl, of_position
from alphapanda.projection.live import Change, LocalLive
from alphapanda.projection.rows import Row
from tests.support.running import MONDAY, command, session, with_strategies


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a base folder with a paper run that has ended."""
    folder = with_strategies(tmp_path_factory.mktemp("base"))
    shutil.copy(session(), folder / "day.parquet")
    return folder


@pytest.fixture(scope="module")
def ended(base: Path, request: pytest.FixtureRequest) -> Path:
    """Return the folder of a paper run that has ended."""
    from alphapanda import cli  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALPHAPANDA_BASE_DIR", str(base))
        words = ("paper", "ema_cross", "--no-jit", "--feed", f"replay:{base / 'day.parquet'}")
        assert cli.carry_out((*words, "--speed", "max", "--out", str(base / "runs" / "mine"))) == 0
    return base / "runs" / "mine"


@pytest.fixture(autouse=True)
def _here(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(base))


def test_the_journal_says_how_a_run_stands(ended: Path) -> None:
    """Positions and P&L are those of the run's own summary; read on, nothing changes."""
    from alphapanda import load  # noqa: PLC0415

    source = JournalSource(ended)
    for _ in range(2):
        made = source.read()
        summary = load(ended).summary
        held = {f"{name} {each}": qty for (name, each), qty in made.positions.items() if qty}
        assert held == summary["open_positions"]
        assert made.pnl == {"ema_cross": summary["pnl"]}
        assert (made.status, made.over, len(made.orders)) == ("ended", True, 10)
        assert {each[4] for each in made.orders.values()} == {"filled"}
    told = notebook.watch("mine").text()
    assert told.startswith("mine: ended; last row of 2025-08-04 15:30:")
    with pytest.raises(UsageError, match="has ended"):
        notebook.control("mine")
    with pytest.raises(UsageError, match="no folder with a journal"):
        notebook.watch("nine")


def test_the_board_says_the_same() -> None:
    """What the projection puts on a board is shown as positions, P&L and orders."""
    about = {"broker": "paper", "run_id": "r-1", "strategy": "s", "instrument": "NSE:A"}
    rows = [
        of_position(Row(**about, quantity=-5, cost=0, realised=0, charges=0)),
        of_pnl(Row(**about, pnl=12_500, realised=0, unrealised=0, charges=0)),
        of_order(Row(**about, order_id=7, side="sell", quantity=5, price=1_000_000, filled=5,
                     status="filled")),
        Change("paper", "r-1", "run", "r-1", {"status": "running"}),
        Change("paper", "r-1", "stages", "order_filled", {"count": 1, "last_ns": 10**18}),
    ]  # fmt: skip
    live = LocalLive()

    async def look() -> object:
        source = BoardSource(live, Broker.PAPER, "r-1")
        await source.look()
        live.put(rows)
        return await source.look()

    made = asyncio.run(look())
    assert made.positions == {("s", "NSE:A"): -5}  # type: ignore[attr-defined]
    assert made.pnl == {"s": "1.25"}  # type: ignore[attr-defined]
    assert made.orders == {7: ["s", "NSE:A", "sell 5", "100.00", "filled"]}  # type: ignore[attr-defined]
    assert (made.status, made.row_ns, made.over) == ("running", 10**18, False)  # type: ignore[attr-defined]


def test_the_same_rows_give_the_same(ended: Path) -> None:
    """A paper run's strategies, run again over its recording, give its digest."""
    assert notebook.paper_runs(MONDAY) == [ended]
    assert notebook.paper_runs(date(2025, 8, 5)) == []
    found = notebook.against_paper(ended)
    assert (found.trouble, found.rows) == ("", "of the same files")
    assert found.digest == found.again != ""


def test_other_rows_name_the_fill_that_differs(ended: Path, base: Path) -> None:
    """Where the recording is another now, that is said, and the first fill that differs."""
    kept = (base / "day.parquet").read_bytes()
    shutil.copy(session(2, 2_500), base / "day.parquet")
    try:
        found = notebook.against_paper(ended)
        assert found.rows == "of files that are not as they were"
        assert found.trouble.startswith("fill 1 differs: 2025-08-04")
        (base / "day.parquet").unlink()
        assert "could not be run again" in notebook.against_paper(ended).trouble
    finally:
        (base / "day.parquet").write_bytes(kept)


@pytest.mark.parametrize("text", ["20260115x", "15-01-2026", "", None, 20260115, float("nan")])
def test_a_day_is_a_day(text: object) -> None:
    """What papermill's command line makes of a day that is not in quotes is refused."""
    with pytest.raises(UsageError, match="write a day as text, '2026-01-15'"):
        a_day("day", text)


def test_no_database_no_active_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    """Without one nothing is active; with one, that nothing is, is said."""
    assert notebook.active_strategies() == {}
    assert command("db", "upgrade", capsys=capsys).status == 0
    with pytest.raises(UsageError, match="none is active"):
        notebook.active_strategies()
