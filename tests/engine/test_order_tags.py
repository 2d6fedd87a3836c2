"""Why an order was asked for: from `tag=` in a hook to the event, the tables and the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from tests.support.running import session

TAGGED = """
from alphapanda import bracket, buy_limit, cancel_all, close, sell, state, strategy, target

def leave(ctx, tag):
    close(ctx, tag=tag)

@strategy(compiled=COMPILED)
class Tagged:
    turn = state(0)

    def on_tick(self, ctx):
        self.turn += 1
        if self.turn % 40 == 5:
            target(ctx, 3, tag="up" if ctx.last % 1000 == 0 else "up-odd")
        elif self.turn % 40 == 15:
            leave(ctx, tag="done")
        elif self.turn % 40 == 25:
            buy_limit(ctx, 1, ctx.last - ctx.last % 500 - 5_000, tag="dip")
        elif self.turn % 40 == 28:
            cancel_all(ctx)
        elif self.turn % 40 == 30:
            sell(ctx, 10_000_000, tag="too-much")
        elif self.turn % 40 == 35:
            target(ctx, 1)
"""


def written(folder: Path, *, compiled: bool = True, text: str = TAGGED) -> str:
    """Return the path of the file of the strategy."""
    file = folder / "tagged.py"
    file.write_text(text.replace("COMPILED", str(compiled)))
    return str(file)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a run of it, in plain Python, with a folder and a journal."""
    folder = tmp_path_factory.mktemp("tagged")
    return alphapanda.backtest(
        written(folder), session(1), jit=False, out=folder / "run", journal=True
    )


def test_every_table_says_why(plain: Any) -> None:
    """Fills, trades, orders that were cancelled and refusals have the tag, or none."""
    fills = plain.table("fills", "pandas")
    assert set(fills["tag"].dropna()) == {"up", "up-odd", "done"}
    assert fills["tag"].isna().any()
    trades = plain.table("trades", "pandas")
    assert "up-odd" in set(trades["entry_tag"])
    assert set(trades["exit_tag"].dropna()) == {"done"}
    orders = plain.table("orders", "pandas")
    assert set(orders["tag"][orders["status"] == "cancelled"]) == {"dip"}
    assert set(plain.table("rejections", "pandas")["tag"]) == {"too-much"}
    by_order = {row["order"]: row["tag"] for row in plain.table("orders").to_pylist()}
    assert all(by_order[row["order"]] == row["tag"] for row in plain.table("fills").to_pylist())


def test_without_a_folder_it_is_the_same(plain: Any, tmp_path: Path) -> None:
    """The tables of a run that is kept in memory alone are those of its folder."""
    again = alphapanda.backtest(written(tmp_path), session(1), jit=False)
    assert again.digest == plain.digest
    for name in ("orders", "rejections", "fills"):
        assert again.table(name).to_pylist() == plain.table(name).to_pylist()


@pytest.mark.core
def test_compiled_and_by_python_alike(plain: Any, tmp_path: Path) -> None:
    """In each way of running it, the same bytes."""
    quick = alphapanda.backtest(written(tmp_path), session(1), tier="quick")
    assert (quick.summary["tier"], quick.digest) == ("quick", plain.digest)
    hooks = alphapanda.backtest(written(tmp_path, compiled=False), session(1), jit=False)
    assert hooks.digest == plain.digest


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('leave(ctx, tag="done")', "leave(ctx, 7)", "leave(): too many positional arguments"),
        ("def leave(ctx, tag):", "def leave(ctx, tag=7):", "leave(): tag has a default"),
        ("    close(ctx, tag=tag)", "    tag = 7\n    close(ctx, tag=tag)", "can't be set"),
        ("    close(ctx, tag=tag)", "    why = 7\n    close(ctx, tag=why)", "tag=why: write"),
    ],
)
def test_a_number_is_never_taken_for_a_tag(
    before: str, after: str, said: str, tmp_path: Path
) -> None:
    """Compiled it would be some tag, in Python an error: it is refused on its way, too."""
    text = TAGGED.replace(before, after)
    assert text != TAGGED
    with pytest.raises(alphapanda.UsageError, match=re.escape(said)):
        alphapanda.backtest(written(tmp_path, text=text), session(1))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('tag="Gap Up"', "tag 'Gap Up': write up to 12 of a-z, 0-9 and -"),
        ("tag=self.turn", 'tag=self.turn: write the text itself, tag="gap-up"'),
        ("tag=7", 'tag=7: write the text itself, tag="gap-up"'),
        ("tag='#1'", "tag '#1': write up to 12 of a-z, 0-9 and -"),
        ("7", "buy_limit(): too many positional arguments; tag= is named"),
    ],
)
def test_what_is_no_tag_is_refused(given: str, said: str, tmp_path: Path) -> None:
    """With file and line, before anything runs."""
    text = TAGGED.replace('tag="dip"', given)
    with pytest.raises(alphapanda.UsageError, match=re.escape(said)) as refused:
        alphapanda.backtest(written(tmp_path, text=text), session(1))
    assert "tagged.py:18" in str(refused.value)
    uncompiled = written(tmp_path, text=TAGGED.replace('tag="dip"', 'tag="Gap Up"'), compiled=False)
    with pytest.raises(alphapanda.UsageError, match="tag 'Gap Up'"):
        alphapanda.backtest(uncompiled, session(1))
    uncompiled = written(tmp_path, text=TAGGED.replace('tag="dip"', "7"), compiled=False)
    with pytest.raises(alphapanda.UsageError, match="tag 7: write a text"):
        alphapanda.backtest(uncompiled, session(1))
