"""Code that is not what a run was made with: told apart, never run unasked, and never mixed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from alphapanda.faults import VARIABLE
from alphapanda.journal.journal import FILE, Journal, JournalWriter
from tests.support.running import Told, process, session

STRATEGY = '''
import sizes
from alphapanda import ema, strategy, target
from lots.rounding import rounded

@strategy(compiled=False)
class Cross:
    """Long while the fast average is above the slow one."""
    fast = ema(20)
    slow = ema(60)

    def on_tick(self, ctx):
        if self.fast.value > self.slow.value:
            target(ctx, rounded(sizes.QUANTITY))
        elif self.fast.value < self.slow.value:
            target(ctx, 0)
'''
FILES = {
    "cross.py": STRATEGY,
    "sizes.py": "from more import QUANTITY\n",
    "more.py": "QUANTITY = 5\n",
    "lots/__init__.py": "",
    "lots/rounding.py": "from .steps import STEP\ndef rounded(n):\n    return n // STEP * STEP\n",
    "lots/steps.py": "STEP = 1\n",
}
OTHER = {
    "sizes.py": "QUANTITY = 50\n",
    "more.py": "QUANTITY = 50\n",
    "lots/rounding.py": "def rounded(n):\n    return 10 * n\n",
    "lots/steps.py": "STEP = 2\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a strategy and the modules beside it that it imports."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def paper(folder: Path, **variables: str) -> Told:
    words = ["paper", "cross.py", "--feed", f"replay:{session(1, 3_000)}", "--speed", "max",
             "--limits", "wide", "--no-jit", "--json", "--out", "run"]  # fmt: skip
    return process(*words, cwd=folder, **variables)


def recorded(folder: Path) -> dict[str, Any]:
    told = process("backtest", "cross.py", "--data", session(1, 3_000), "--limits", "wide",
                   "--no-jit", "--journal", "--json", "--out", "run", cwd=folder)  # fmt: skip
    assert told.status == 0, told.err
    found: dict[str, Any] = json.loads(told.out)
    assert found["fills"] > 10
    return found


def test_a_changed_module_does_not_go_on_with_a_run(folder: Path) -> None:
    """Whichever module was changed since, near or far, the restart names it and adds nothing.

    As it was, the run goes on and ends as one that never stopped.
    """
    assert paper(folder, **{VARIABLE: "batch kept:2"}).status < 0
    before = (folder / "run" / FILE).read_bytes()
    for name, text in OTHER.items():
        (folder / name).write_text(text)
        told = paper(folder)
        assert told.status == 2, told.err
        assert "begun otherwise" in told.line
        module = name.removesuffix(".py").replace("/", ".")
        assert re.search(rf"the module [\w., ]*\b{re.escape(module)}\b", told.line)
        assert (folder / "run" / FILE).read_bytes() == before
        (folder / name).write_text(FILES[name])
    told = paper(folder)
    assert told.status == 0, told.err
    assert json.loads(told.out)["digest"] == recorded_elsewhere(folder)["digest"]
    assert process("verify", "run", cwd=folder).status == 0


def recorded_elsewhere(folder: Path) -> dict[str, Any]:
    (folder / "run").rename(folder / "paper")
    found = recorded(folder)
    (folder / "run").rename(folder / "backtest")
    (folder / "paper").rename(folder / "run")
    return found


@pytest.mark.parametrize("change", ["changed", "gone", "the strategy", "all gone"])
def test_the_code_of_then_runs_only_when_asked_for(folder: Path, change: str) -> None:
    """Changed or gone, verify says what is not as it was; asked to, it runs what was kept."""
    recorded(folder)
    assert process("verify", "run", cwd=folder).status == 0
    if change == "changed":
        (folder / "more.py").write_text(OTHER["more.py"])
    elif change == "the strategy":
        (folder / "cross.py").write_text(STRATEGY.replace("60", "61"))
    else:
        for name in FILES if change == "all gone" else ["lots/steps.py"]:
            (folder / name).unlink()
    refused = process("verify", "run", cwd=folder)
    assert refused.status == 2, refused.err
    assert "--recorded-code" in refused.line
    told = process("verify", "run", "--recorded-code", "--json", cwd=folder)
    assert told.status == 0, told.err
    found = json.loads(told.out)
    assert found["identical"]
    assert "the code of the journal ran" in found["notes"][0]


def made_anew(run: Path, **changes: Any) -> None:
    """Write a run's journal again with another manifest."""
    journal = Journal.open(run)
    batches, statuses = list(journal.batches()), journal.contents.statuses
    manifest = {**journal.contents.manifest, **changes}
    del manifest["format"]
    (run / FILE).unlink()
    writer = JournalWriter.create(run / FILE, manifest)
    for batch in batches:
        writer.batch(batch.columns, batch.controls, batch.envelopes, batch.missed)
    for status in statuses:
        writer.status(**status)
    writer.close()


def test_a_journal_of_other_code_is_said_to_be_that(folder: Path) -> None:
    """Verify does not call it different; it is shown, listed and projected as any other."""
    given = {"cwd": folder, "ALPHAPANDA_BASE_DIR": str(folder)}
    (folder / "runs").mkdir()
    fills = recorded(folder)["fills"]
    (folder / "run").rename(folder / "runs" / "run")
    run = folder / "runs" / "run"
    made_anew(run, code="ab" * 32, packages={"alphapanda": "0.0.1", "numpy": "1", "numba": "1"})
    told = process("verify", "run", **given)
    assert told.status == 2
    assert "made by code abababababab (release 0.0.1)" in told.err
    assert "DIFFERENT" not in told.out
    shown = json.loads(process("runs", "show", "run", "--json", **given).out)
    assert shown["events"]["order_filled"] == fills
    assert (
        json.loads(process("runs", "list", "--json", **given).out)["runs"][0]["status"] == "ended"
    )
    assert process("db", "upgrade", **given).status == 0
    projected = process("project", "run", "--json", **given)
    assert projected.status == 0, projected.err
    assert json.loads(projected.out)["events"] == shown["envelopes"]


def test_other_versions_of_packages_are_told(folder: Path) -> None:
    """Another Python, NumPy or numba: a run does not go on with it, and verify has a note."""
    assert paper(folder, **{VARIABLE: "batch kept:2"}).status < 0
    packages = Journal.open(folder / "run").contents.manifest["packages"]
    made_anew(folder / "run", python="3.9.1", packages={**packages, "numba": "0.1"})
    told = paper(folder)
    assert told.status == 2
    assert "python 3.9.1" in told.line
    assert "numba 0.1" in told.line
    verified = json.loads(process("verify", "run", "--json", cwd=folder).out)
    assert verified["identical"]
    assert any("recorded with numba 0.1" in note for note in verified["notes"])


def test_another_account_does_not_go_on_with_a_run(folder: Path) -> None:
    """Whose run it is belongs to what it is."""
    assert paper(folder, **{VARIABLE: "batch kept:2"}).status < 0
    told = paper(folder, ALPHAPANDA_ACCOUNT_ID="another")
    assert told.status == 2
    assert "account_id" in told.line


def test_what_a_strategy_reads_besides_is_found_by_its_decisions(folder: Path) -> None:
    """A file that it reads when it is loaded has changed: no traceback, and nothing is added."""
    text = STRATEGY.replace("import sizes", "import sizes\nfrom pathlib import Path").replace(
        "sizes.QUANTITY", "int((Path(__file__).parent / 'size.txt').read_text())"
    )
    (folder / "cross.py").write_text(text)
    (folder / "size.txt").write_text("5")
    assert paper(folder, **{VARIABLE: "batch kept:2"}).status < 0
    before = (folder / "run" / FILE).read_bytes()
    (folder / "size.txt").write_text("50")
    told = paper(folder)
    assert told.status == 2, told.err
    assert "comes out otherwise now" in told.line
    assert (folder / "run" / FILE).read_bytes() == before
