"""The table of options: what is written is read, kept in a manifest, read again, written again."""

from __future__ import annotations

import json
import shlex
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alphapanda.cli.flags import SHARED
from alphapanda.errors import UsageError
from alphapanda.model.instruments import Product
from alphapanda.model.rows import LimitFill
from alphapanda.runs import options
from alphapanda.runs.command_line import again
from alphapanda.runs.options import ROWS, Options, make, restored, stored

GIVEN: dict[str, Any] = {
    "data": ["/there/ticks.parquet"], "instrument": ["INFY", "TCS"],
    "instruments": ["/there/kite.csv"],
    "map": ["price=last"], "kind": "tick", "interval": "1m", "bars": "15m", "repair": True,
    "qty_scale": "100",
    "price_scale": "10",
    "keep_repeats": True, "no_warm": True,
    "exchange": "BSE", "from": "2025-08-04", "to": "2025-08-08", "cash": "250000.5",
    "costs": "0.03%", "limits": "wide", "calendar": "always", "product": "MIS", "latency": "50.5ms",
    "slippage": "0.0237%", "limit_fill": "queue", "volume_share": "12.5%", "seed": "9",
    "open_orders": "500",
}  # fmt: skip
"""Each option that shapes a result, not at its default."""
APART = "fills"
"""It sets three of the others and can't stand beside them: it has a test of its own below."""
OTHER = {"batch": "500", "no_jit": True, "tier": "full", "journal": True, "out": "runs/x"}


def manifest(of: Options, *files: str, params: Any = None) -> dict[str, Any]:
    """Return the part of a manifest that says how to make a run again, as it lies in a file."""
    facts = {
        "options": stored(of),
        "strategies": [{"file": file, "params": params or {"fast": 5}} for file in files],
    }
    return dict(json.loads(json.dumps(facts)))


def made() -> Options:
    """Return options of which none is at its default."""
    return make({"strategy": "ema_cross", **GIVEN, **OTHER})


def shaping(of: Options) -> dict[str, Any]:
    """Return what shapes a result."""
    return {row.field: getattr(of, row.field) for row in ROWS.values() if row.opt.shapes}


def test_every_option_is_tried_here() -> None:
    """The table and these tests name the same options; each flag of the commands is one of them."""
    assert set(ROWS) == {*GIVEN, *OTHER, APART}
    assert set(SHARED) - {"params"} == set(ROWS) - {"journal", "out"}
    assert {name for name, row in ROWS.items() if row.opt.shapes} == {*GIVEN, APART}
    kept = stored(made())
    others = [row for name, row in ROWS.items() if name != APART]
    assert all(kept[row.field] != options.as_json(row.default) for row in others)


def test_values_have_their_types() -> None:
    """Texts become dates, ints, members and paths."""
    of = made()
    assert (of.first, of.last) == (date(2025, 8, 4), date(2025, 8, 8))
    assert (of.cash, of.latency, of.slippage) == (2_500_005_000, 50_500_000, 2_370)
    assert (of.product, of.limit_fill, of.volume_share) == (Product.MIS, LimitFill.QUEUE, 1_250_000)
    assert (of.jit, of.journal, of.out, of.map) == (False, True, Path("runs/x"), {"price": "last"})
    assert make({"strategy": "x", "data": "y", "jit": False}).jit is False


def test_a_manifest_gives_the_same_options() -> None:
    """What a manifest keeps is read back as it was, types and all."""
    for of in (made(), make({"strategy": "ema_cross", "data": "ticks.parquet"})):
        kept = manifest(of)["options"]
        back = restored(kept, ["ema_cross"])
        assert back == of
        assert [type(getattr(back, n)) for n in kept] == [type(getattr(of, n)) for n in kept]


def test_the_command_of_a_manifest_means_the_same() -> None:
    """`run it again` is made of words that are read to the options of the run."""
    of = made()
    words = shlex.split(again(manifest(of, "ema_cross.py")).replace("\\\n", " "))
    assert words[:3] == ["alphapanda", "backtest", "ema_cross.py"]
    given: dict[str, Any] = {"strategy": "ema_cross"}
    rest = iter(words[3:])
    for word in rest:
        name = word.removeprefix("--").replace("-", "_")
        if name in ("repair", "keep_repeats", "no_warm"):
            given[name] = True
        elif name in ("data", "instrument", "instruments", "map", "param"):
            given.setdefault(name, []).append(next(rest))
        else:
            given[name] = next(rest)
    assert given.pop("param") == ["fast=5"]
    assert shaping(make(given)) == shaping(of)


def test_the_run_file_of_a_manifest_means_the_same() -> None:
    """Several strategies are written as a run file, tables of columns and parameters too."""
    of = made()
    params = {"fast": 5, "note": 'a "b"', "on": True}
    file = tomllib.loads(again(manifest(of, "ema_cross.py", "sma_cross.py", params=params)))
    assert [each["params"] for each in file["strategies"]] == [params, params]
    assert shaping(make(file)) == shaping(of)


def test_a_profile_is_kept_by_its_name_and_its_values(tmp_path: Path) -> None:
    """A manifest is read back without the file; to run it again the file alone is named."""
    profile = tmp_path / "mine.toml"
    profile.write_text("latency = '5ms'\nslippage = '1bp'\nvolume_share = '20%'\n")
    of = make({"strategy": "ema_cross", "data": ["/there/ticks.parquet"], "fills": str(profile)})
    assert (of.latency, of.slippage, of.volume_share) == (5_000_000, 1_000, 2_000_000)
    assert len(of.fills_sha256) == 64
    for text in (again(manifest(of, "a.py")), again(manifest(of, "a.py", "b.py"))):
        assert str(profile) in text
        assert "latency" not in text
    assert shaping(make(tomllib.loads(again(manifest(of, "a.py", "b.py"))))) == shaping(of)
    kept = manifest(of)["options"]
    profile.unlink()
    assert restored(kept, ["ema_cross"]) == of


def test_defaults_go_without_saying() -> None:
    """Nothing is written of an option that was left at its default; files have whole paths."""
    of = make({"strategy": "ema_cross", "data": "/some/where/ticks.parquet"})
    assert again(manifest(of, "/some/ema_cross.py")).split(" \\\n  ") == [
        "alphapanda backtest /some/ema_cross.py", "--param fast=5",
        "--data /some/where/ticks.parquet",
    ]  # fmt: skip
    of = make({"strategy": "x", "data": "y", "costs": "some/rates.toml", "limits": "/a/b.toml"})
    text = again(manifest(of, "x.py"))
    assert f"--costs {Path.cwd() / 'some' / 'rates.toml'}" in text
    assert "--limits /a/b.toml" in text


@pytest.mark.parametrize(("given", "said"), [
    ({"jit": "yes"}, "--jit yes: write true or false"),
    ({"no_jit": 1}, "--no-jit 1: write true or false"),
    ({"first": "x"}, "--from x: write a date, 2025-08-29"),
    ({"to": "x"}, "--to x: write a date, 2025-08-29"),
    ({"out": 5}, "--out 5: write one text"),
    ({"map": 5}, "--map 5: write NAME = COLUMN"),
    ({"instrument": ""}, "--instrument : write one text or several"),
    ({"limit_fil": "x"}, "there is no option 'limit_fil'. Did you mean limit_fill"),
    ({"product": 1}, "--product 1: write CNC, MIS or NRML"),
])  # fmt: skip
def test_what_cannot_be_read_is_named(given: dict[str, Any], said: str) -> None:
    """The message has the option as it is written, the value, and what to write."""
    with pytest.raises(UsageError) as caught:
        make({"strategy": "x", "data": "y", **given}, where="run.toml: ")
    assert str(caught.value).startswith(f"run.toml: {said}")


def test_python_writes_from_with_a_dash_below(tmp_path: Path) -> None:
    """`from` is a word of Python, so its keyword is `from_`; the others are as they are."""
    of = options.from_python("x", "y", {"from_": "2025-08-04", "no_jit": True}, cache_dir=tmp_path)
    assert (of.first, of.jit) == (date(2025, 8, 4), False)
    with pytest.raises(UsageError, match="no option 'fom_'"):
        options.from_python("x", "y", {"fom_": "2025-08-04"}, cache_dir=tmp_path)
