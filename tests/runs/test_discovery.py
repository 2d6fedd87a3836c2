"""The contract of every file in strategies/: loads, is documented, clean, and the same each run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import alphapanda as ap
from alphapanda.engine.compiler import lint
from alphapanda.engine.compiler.declared import HOOKS, Spec
from alphapanda.runs.discovery import in_file
from tests.support.running import ROOT, session

FILES = sorted((ROOT / "strategies").glob("*.py"))
every_strategy = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def loaded(file: Path) -> Spec:
    """Return the file's one strategy."""
    return in_file(str(file))


@every_strategy
def test_is_documented(file: Path) -> None:
    """File and class say what they do; the file is named as the class is."""
    spec = loaded(file)
    assert spec.name == file.stem
    assert len(spec.doc) > 20
    assert spec.doc.endswith(".")


@every_strategy
def test_parameters_are_bounded_and_documented(file: Path) -> None:
    """Each parameter has a meaning and a bound, and its default keeps it."""
    spec = loaded(file)
    assert spec.params
    for name, param in spec.params.items():
        assert param.doc, name
        assert (param.ge, param.gt) != (None, None), name
    assert spec.arguments({}) == {name: param.default for name, param in spec.params.items()}


@every_strategy
def test_hooks_are_known_and_clean(file: Path) -> None:
    """It declares hooks, and nothing in them that compiled code may not say."""
    spec = loaded(file)
    assert set(spec.hooks) <= set(HOOKS)
    if spec.compiled:
        lint.check(spec)


@every_strategy
def test_is_the_same_where_the_package_is_installed(file: Path, tmp_path: Path) -> None:
    """Functions beside the class are its own also in site-packages, where examples come to lie."""
    installed = tmp_path / "site-packages" / "alphapanda" / "strategies" / file.name
    installed.parent.mkdir(parents=True)
    installed.write_text(file.read_text())
    spec = loaded(installed)
    if spec.compiled:
        lint.check(spec)


@every_strategy
@pytest.mark.parametrize("kind", ["tick", "bar"])
def test_runs_and_runs_the_same(file: Path, kind: str) -> None:
    """On a made-up session, of ticks and of bars, it runs through and twice alike."""
    spec = loaded(file)
    data = session(2, 800, 2, kind)
    legs = {"instrument": ["NSE:PANDA", "NSE:BAMBOO"]} if spec.binding.legs else {}
    results: list[Any] = [ap.backtest(str(file), data, jit=False, **legs) for _ in range(2)]
    first, second = (result.summary for result in results)
    assert first["status"] == "complete"
    assert first["ticks"] == results[0].summary["ticks"] > 0
    assert first["digest"] == second["digest"]
    assert first["equity"] == second["equity"]


def test_legs_are_told_apart() -> None:
    """Legs are bound in the order in which they are named."""
    near_far = [
        ap.backtest("spread", session(2, 3_000), jit=False, instrument=names).summary["digest"]
        for names in (["NSE:PANDA", "NSE:BAMBOO"], ["NSE:BAMBOO", "NSE:PANDA"])
    ]
    assert near_far[0] != near_far[1]
