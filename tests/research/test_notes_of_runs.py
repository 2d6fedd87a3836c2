"""What did not happen in a run is told: by which rule, when, and what settles it, worst first."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from alphapanda.cli.show import result_table
from alphapanda.model.notes import Note, Rank, in_order, loud
from alphapanda.research.notebook import card
from tests.support.plain_strategies import Asker, Turner
from tests.support.running import session


def limits(folder: Path, text: str) -> str:
    path = folder / "limits.toml"
    path.write_text(f"[strategy]\n{text}\n")
    return str(path)


def texts(result: Any) -> dict[str, str]:
    """Return what terminal and notebook show of a result."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(width=200)
    with console.capture() as shown:
        console.print(result_table(result, width=200))
    return {"terminal": shown.get(), "notebook": card(result)}


def test_notes_come_worst_first() -> None:
    """By rank, then as they came, each once; a plain string is only good to know."""
    notes = ["c", Note("b", Rank.ASSUMED), Note("a", Rank.BROKEN), "c", Note("d", Rank.ASSUMED)]
    assert in_order(notes) == ["a", "b", "d", "c"]
    assert loud(in_order(notes)) == 1


def test_a_run_that_a_rule_stopped_says_so_first(tmp_path: Path) -> None:
    """The rule, the second, what it stopped and the option: in JSON, terminal and notebook."""
    result = alphapanda.backtest(
        Turner, session(1, 1_000), limits=limits(tmp_path, "loss = 5"), params={"charges": 200}
    )
    first = result.summary["notes"][0]
    assert first.startswith("LOSS_LIMIT stopped turner at 2025-08-04 ")
    assert "--limits FILE with another loss, or --limits wide, lifts it" in first
    assert result.summary["loud_notes"] >= 1
    assert result.summary["requests"]["refused"] > 0
    for shown in texts(result).values():
        assert "LOSS_LIMIT stopped turner" in shown
    assert texts(result)["terminal"].startswith("warning: LOSS_LIMIT stopped")


def test_refusals_name_the_rule_and_the_option(tmp_path: Path) -> None:
    """One note a rule, with how many of how many, and the first of them."""
    result = alphapanda.backtest(Turner, session(1, 1_000), limits=limits(tmp_path, "value = 1"))
    told = result.summary["requests"]
    assert told["total"] == told["refused"] > 0
    note = next(note for note in result.summary["notes"] if note.startswith("VALUE_LIMIT"))
    assert f"{told['refused']} refused (of {told['total']}" in note.replace(",", "")
    assert result.summary["loud_notes"] == 1


def test_expired_orders_are_rows_and_a_note() -> None:
    """An order that never filled is no fill, and both tables say what became of it."""
    result = alphapanda.backtest(Asker, session(1, 1_000))
    told = result.summary["requests"]
    assert (told["total"], told["expired"], told["filled"]) == (1, 1, 0)
    assert any("1 of 1 order requests expired" in note for note in result.summary["notes"])
    for shown in texts(result).values():
        assert "expired" in shown
    assert result.table("orders")["status"].to_pylist() == ["expired"]


def test_nothing_asked_for_is_told() -> None:
    """A run without an order says that there was none."""
    result = alphapanda.backtest(Turner, session(1, 50), params={"window": 1_000})
    assert result.summary["requests"]["total"] == 0
    assert any("asked for no order" in note for note in result.summary["notes"])


def test_days_without_rows_are_counted_and_told(tmp_path: Path) -> None:
    """A hole in the data is days without a return, not days that never were."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = pq.read_table(session(1, 300, days=4))
    name = next(n for n in table.column_names if "time" in n or n in ("ts", "date"))
    days = pc.strftime(table[name].cast(pa.timestamp("us", tz="Asia/Kolkata")), format="%Y-%m-%d")
    path = tmp_path / "holes.parquet"
    pq.write_table(table.filter(pc.not_equal(days, "2025-08-06")), path)
    result = alphapanda.backtest(Turner, path, jit=False)
    assert (result.summary["days"], result.stats["days"]) == (3, 4)
    assert result.days["return"].tolist()[2] == 0
    assert any(
        "1 of 4 trading days have no rows (first 2025-08-06)" in note
        for note in result.summary["notes"]
    )


def test_an_interrupt_ends_the_cell_and_keeps_the_part() -> None:
    """Ctrl-C raises in Python, with what was run; the figures are of those days alone."""

    def stop(done: int, _total: int, _fills: int) -> None:
        if done > 9_000:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stopped:
        alphapanda.backtest(Turner, session(1, 5_000, days=5), progress=stop, batch=1_000)
    result = stopped.value.result  # type: ignore[attr-defined]
    assert isinstance(stopped.value, alphapanda.Interrupted)
    assert result.summary["status"] == "interrupted"
    assert (result.summary["days"], result.stats["days"]) == (2, 2)
    assert result.summary["to"] == "2025-08-05"
    assert result.summary["notes"][0].startswith("interrupted on 2025-08-05: 2 of 5 days")
    assert result.stats["exposure"] <= 1
