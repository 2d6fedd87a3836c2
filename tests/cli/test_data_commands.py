"""`alphapanda data`: what each word prints, refuses and returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from tests.support.running import Told, command, left, session

BARS = """Date,Px Open,Px High,Px Low,Px Close,Name
04-08-2025 09:15,100,101,99,100,INFY
04-08-2025 09:16,100,101,99,100,INFY
04-08-2025 09:17,100,101,99,oops,INFY
"""
MAPS = [f"--map={name}=Px {name.title()}" for name in ("open", "high", "low", "close")]


@pytest.fixture
def data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Run `alphapanda data ...` with everything in a folder of the test's own."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *words: command("data", *words, capsys=capsys)


def facts(told: Told) -> dict[str, Any]:
    assert told.status == 0, told.err
    return dict(json.loads(told.out))


def test_a_mapping_is_said_once(data: Any, tmp_path: Path) -> None:
    """The first file is mapped and the mapping kept; the next is read by its name."""
    (tmp_path / "one.csv").write_text(BARS)
    (tmp_path / "two.csv").write_text(BARS.replace("04-08", "05-08"))
    maps = [*MAPS, "--map=instrument=Name", "--save-map=desk"]
    first = facts(data("import", "one.csv", *maps, "--json"))
    assert (first["new"], first["dropped"]["no close that can be read"]["first"]) == (
        2,
        "one.csv, row 3",
    )
    assert facts(data("import", "two.csv", "--mapping", "desk", "--json"))["new"] == 2
    (held,) = facts(data("list", "--json"))["holdings"]
    assert (held["instrument"], held["interval"], held["days"], held["rows"]) == (
        "NSE:INFY",
        "1m",
        2,
        4,
    )
    assert "Did you mean desk" in data("import", "two.csv", "--mapping", "dask").line


def test_import_list_show_check_in_words(data: Any) -> None:
    """The tables name what came in, what is held, an instrument's days, and a clean bill."""
    source = session(kind="bar", rows=20_000)
    told = data("import", source)
    assert told.status == 0
    assert "new" in told.out
    assert "nothing new" in data("import", source).out
    assert "NSE:PANDA" in data("list").out
    shown = data("show", "PANDA", "--rows", "2").out
    assert "2025-08-04 09:15:00" in shown
    assert "2025-08-04 15:29:00" in shown
    clean = data("check")
    assert (clean.status, "no findings" in clean.out) == (0, True)


def test_findings_are_status_1(data: Any, tmp_path: Path) -> None:
    """A check with findings says so to the shell too, in the table and as JSON."""
    (tmp_path / "x_1m.csv").write_text(
        "time,symbol,open,high,low,close\n2025-08-03 09:15:00,X,1,2,1,2\n"
    )
    told = data("check", "x_1m.csv")
    assert told.status == 1
    assert "row on a closed day" in told.out
    told = data("check", "x_1m.csv", "--json")
    assert told.status == 1
    assert [each["kind"] for each in json.loads(told.out)["findings"]] == ["row on a closed day"]


def test_synth_is_seeded(data: Any, tmp_path: Path) -> None:
    """The same seed gives the same bytes, another gives others, and the file can be imported."""
    small = ("--instruments", "2", "--ticks", "60", "--json")
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        facts(data("synth", "--out", f"{name}.parquet", "--seed", seed, *small))
    a, b, c = ((tmp_path / f"{name}.parquet").read_bytes() for name in "abc")
    assert a == b != c
    assert facts(data("import", "a.parquet", "--json"))["new"] == 120


@pytest.mark.parametrize(("words", "message"), [
    (("import", "absent.csv"), "does not exist"),
    (("import", "x.csv", "--kind", "candle"), "write tick, bar or quote"),
    (("import", "x.csv", "--stamps", "middle"), "write start or end"),
    (("import", "x.csv", "--qty-scale", "0"), "--qty-scale 0"),
    (("import", "x.csv", "--interval", "soon"), "'soon' is not an interval"),
    (("import", "x.csv", "--map", "close"), "write NAME=VALUE"),
    (("import", "x.csv", "--mapping", "none"), "--save-map NAME"),
    (("list",), "is no catalogue: make one with alphapanda data import"),
    (("show", "INFY"), "is no catalogue"),
    (("check",), "is no catalogue"),
    (("check", "absent.csv"), "does not exist"),
    (("check", "--calendar", "bse"), "--calendar bse"),
    (("check", "--from", "2025-08-05", "--to", "2025-08-04"), "lies after"),
    (("synth", "--days", "0"), "days: 0 is below 1"),
    (("synth", "--from", "today"), "write a date"),
    (("synth", "--kind", "quote"), "write tick or bar"),
])  # fmt: skip
def test_mistakes_are_one_line_and_leave_nothing(
    data: Any, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    """Exit status 2, one line that says what to write, and no file."""
    told = data(*words)
    assert told.status == 2
    assert message in told.line
    assert [
        path.name for path in tmp_path.rglob("*") if path.name != ".lock" and path.is_file()
    ] == []


def test_an_instrument_that_is_not_there(data: Any) -> None:
    """`show` and `list` say which names are like it."""
    data("import", session())
    assert "Did you mean PANDA" in data("show", "PANDAS").line
    assert "Did you mean PANDA" in data("list", "PANDAS").line
    assert "there is 2025-08-04" in data("show", "PANDA", "--from", "2030-01-01").line


def test_a_made_up_chain_is_traded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`synth --chain` makes what a strategy on options needs: strikes, expiries, the share."""
    monkeypatch.chdir(tmp_path)
    words = ("--days", "2", "--instruments", "2", "--ticks", "2000", "--chain", "6", "--json")
    made = json.loads(command("data", "synth", *words, capsys=capsys).out)
    assert made["chain"] == "synth-chain.parquet"
    assert left(tmp_path) == ["synth-chain.parquet", "synth.csv", "synth.parquet"]
    told = command(
        "backtest", "short_straddle", "--data", "synth*.parquet", "--instruments", "synth.csv",
        "--limits", "wide", "--no-jit", "--json", "--out", "run", capsys=capsys,
    )  # fmt: skip
    fills = alphapanda.load("run").table("fills").to_pylist()
    assert json.loads(told.out)["open_positions"] == {}
    opened = [fill["instrument"] for fill in fills if fill["position"] < 0]
    assert sorted(name[-2:] for name in opened) == ["CE", "CE", "PE", "PE"]


def test_styles_of_synth_are_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no market is like is refused by its option's name, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    for words in (("--chain", "0"), ("--correlation", "2"), ("--halts", "3"), ("--jumps", "-1")):
        told = command("data", "synth", *words, capsys=capsys)
        assert told.status == 2
        assert words[0].strip("-") in told.line
    assert left(tmp_path) == []
