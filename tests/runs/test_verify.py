"""A run replays bit for bit, and the checker is worth something: each sabotage is found."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import alphapanda
from alphapanda.cli.journals import ENDED
from alphapanda.events.events import EventType, RunStatus, decode, encode
from alphapanda.journal.journal import FILE, STOPPED, Journal, RecordKind
from alphapanda.journal.packing import Batch
from alphapanda.journal.records import DamageError, Reader, Writer
from alphapanda.research.curves import india
from alphapanda.runs.verify import verify
from tests.runs.alike import cut, envelopes, rewritten
from tests.support.harness import cache_dir
from tests.support.running import called, command, left, process, session

pytestmark = pytest.mark.core

STRATEGY = '''
from alphapanda import ema, param, strategy, target

@strategy
class Cross:
    """Long while the fast average is above the slow one."""
    quantity = param(10)
    fast = ema(20)
    slow = ema(60)

    def on_tick(self, ctx):
        if self.fast.value > self.slow.value:
            target(ctx, self.quantity)
        elif self.fast.value < self.slow.value:
            target(ctx, 0)
'''
EMA = "ema_cross"
MINE = """
[strategy]
qty = 10
repeat_window = "1s"
"""
PLAIN = STRATEGY.replace("@strategy", "@strategy(compiled=False)")


def recorded(folder: Path, text: str = STRATEGY, **options: Any) -> Path:
    """Run a strategy with a journal and return the run's folder."""
    (folder / "cross.py").write_text(text)
    options = {"limits": "wide", "batch": 500, **options}
    result = alphapanda.backtest(
        str(folder / "cross.py"), session(), journal=True, out=folder / "run", **options
    )
    assert result.summary["fills"] > 20
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with a journal."""
    return recorded(tmp_path_factory.mktemp("recorded"))


def test_a_run_replays(run: Path) -> None:
    """The same inputs give the same envelopes and the digest of the summary."""
    found = verify(run, cache_dir())
    summary = json.loads((run / "summary.json").read_text())
    assert found.identical
    assert found.digest == found.recorded_digest == summary["digest"]
    assert (found.rows, found.envelopes) == (summary["ticks"], summary["events"])
    assert found.notes == []


@pytest.mark.parametrize("options", [
    {"calendar": "always", "costs": "0.03%", "cash": 5_000_000},
    {"latency": "200ms", "slippage": "2bp", "product": "MIS", "params": ["quantity=3"]},
    {"instrument": []},
], ids=["always", "worse fills", "one instrument"])  # fmt: skip
def test_options_come_back_from_the_journal(tmp_path: Path, options: dict[str, Any]) -> None:
    """Whatever a run was made with, its journal holds what it takes to make its core again."""
    if "instrument" in options:
        names = alphapanda.backtest(EMA, session()).names.instruments
        options = {"instrument": [names[1]]}
    assert verify(recorded(tmp_path, **options), cache_dir()).identical


def test_files_of_rates_and_limits_are_kept(tmp_path: Path) -> None:
    """Limits from a file hold in the replay as they were, though the file has changed since."""
    limits = tmp_path / "mine.toml"
    limits.write_text(MINE)
    run = recorded(tmp_path, limits=str(limits))
    limits.write_text("nonsense")
    assert verify(run, cache_dir()).identical


def test_a_plain_strategy_replays(tmp_path: Path) -> None:
    """A strategy in plain Python replays from its first row."""
    assert verify(recorded(tmp_path, PLAIN, batch=3_000), cache_dir()).identical


def test_the_strategy_of_then_is_run(tmp_path: Path) -> None:
    """Edited or gone since, it replays from the text in the journal, if that is allowed."""
    run = recorded(tmp_path)
    (tmp_path / "cross.py").write_text(STRATEGY.replace("60", "61"))
    assert verify(run, cache_dir(), recorded_code=True).identical
    (tmp_path / "cross.py").unlink()
    assert verify(run, cache_dir(), recorded_code=True).identical


def changed(line: bytes, **data: Any) -> bytes:
    """Return an envelope with other data."""
    envelope = decode(line)
    return encode(type(envelope)(**{
        **{name: getattr(envelope, name) for name in envelope.__struct_fields__},
        "data": type(envelope.data)(**{
            **{name: getattr(envelope.data, name) for name in envelope.data.__struct_fields__},
            **data,
        }),
    }))  # fmt: skip


def fills(batches: list[Batch]) -> list[tuple[int, int]]:
    """Return where fills stand: batch, line."""
    return [
        (b, n) for b, batch in enumerate(batches) for n, line in enumerate(batch.envelopes)
        if decode(line).type == EventType.ORDER_FILLED
    ]  # fmt: skip


def drop_a_fill(batches: list[Batch]) -> int:
    """Leave out a fill."""
    b, n = fills(batches)[5]
    del batches[b].envelopes[n]
    return n


def without_a_fill(batches: list[Batch]) -> list[Batch]:
    """Return the batches of a run with a fill less."""
    drop_a_fill(batches)
    return batches


def book_twice(batches: list[Batch]) -> int:
    """Write a fill twice."""
    b, n = fills(batches)[5]
    batches[b].envelopes.insert(n, batches[b].envelopes[n])
    return n + 1


def out_of_order(batches: list[Batch]) -> int:
    """Write a fill before its acknowledgement."""
    b, n = fills(batches)[5]
    lines = batches[b].envelopes
    lines[n - 1], lines[n] = lines[n], lines[n - 1]
    return n - 1


def another_price(batches: list[Batch]) -> int:
    """Write another price."""
    b, n = fills(batches)[5]
    batches[b].envelopes[n] = changed(batches[b].envelopes[n], price="1.00")
    return n


def copied(run: Path, folder: Path, name: str = "run") -> Path:
    """Return a folder that holds a run's journal alone, to be changed."""
    copy = folder / name
    copy.mkdir(parents=True)
    (copy / FILE).write_bytes((run / FILE).read_bytes())
    return copy


SABOTAGE: list[tuple[Callable[[list[Batch]], int], str]] = [
    (drop_a_fill, "type"), (book_twice, "type"), (out_of_order, "type"),
    (another_price, "data.price"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sabotage", "field"), SABOTAGE, ids=[made.__name__ for made, _ in SABOTAGE]
)
def test_sabotage_is_found(
    run: Path, sabotage: Callable[[list[Batch]], int], field: str, tmp_path: Path
) -> None:
    """What a core with a bug would have written is found, by sequence, topic and field."""
    at = -1

    def change(batches: list[Batch]) -> list[Batch]:
        nonlocal at
        b, _ = fills(batches)[5]
        at = batches[b].seq + sabotage(batches)
        return batches

    copy = copied(run, tmp_path)
    found = verify(rewritten(copy, change), cache_dir())
    assert not found.identical
    assert found.difference is not None
    assert found.difference.seq == at
    assert found.difference.field == field
    assert found.difference.input["kind"] == "market"
    assert found.difference.topic.startswith("replay.")


def test_an_input_that_was_changed_is_found(run: Path, tmp_path: Path) -> None:
    """Another price of one tick comes out as another envelope, caused by that tick or a later."""

    def change(batches: list[Batch]) -> list[Batch]:
        columns = batches[2].columns
        last = columns.last.copy()
        last[100:140] *= 2
        batches[2] = batches[2]._replace(columns=columns._replace(last=last))
        return batches

    copy = copied(run, tmp_path)
    found = verify(rewritten(copy, change), cache_dir())
    assert found.difference is not None
    assert found.difference.input["feed_seq"] >= 1_100


def test_the_command_says_it_by_its_status(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Identical is 0, a difference 1, no journal 2, damage 3; --json says the same."""
    same = command("verify", str(run), "--json", capsys=capsys)
    assert (same.status, json.loads(same.out)["identical"]) == (0, True)
    copy = copied(run, tmp_path)
    other = command("verify", str(rewritten(copy, without_a_fill)), capsys=capsys)
    assert other.status == 1
    assert "DIFFERENT" in other.out
    assert "replay.orders.filled" in other.out
    (tmp_path / "none").mkdir()
    assert command("verify", str(tmp_path / "none"), capsys=capsys).status == 2
    text = bytearray((copy / FILE).read_bytes())
    text[len(text) // 2] ^= 1
    (copy / FILE).write_bytes(text)
    damaged = command("verify", str(copy), capsys=capsys)
    assert damaged.status == 3
    assert "is damaged" in damaged.line


def test_a_batch_left_out_is_damage(run: Path, tmp_path: Path) -> None:
    """Written anew without one of its batches, with a chain that holds, a journal names where."""
    changed = Writer(tmp_path / FILE)
    records = list(Reader(run / FILE).records())
    missing = [n for n, one in enumerate(records) if one.kind == RecordKind.BATCH][1]
    for number, one in enumerate(records):
        if number != missing:
            changed.append(one.kind, one.payload)
    changed.close()
    begins = Journal.open(run).contents.batches[1].seq
    journal = Journal(tmp_path / FILE)
    for _ in range(3):  # whoever tries again does not come past it
        with pytest.raises(DamageError, match=rf"with event \d+, but {begins} should follow"):
            journal.refresh()


def test_a_journal_that_was_cut_is_not_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its end a journal must come to the digest in the summary; short of it, it was cut."""
    for name, records, torn, status in (
        ("no end", 1, 0, 0), ("no last rows", 3, 0, 1), ("torn", 3, 50, 1), ("half", 8, 0, 1),
    ):  # fmt: skip
        copy = copied(run, tmp_path, name)
        cut(copy / FILE, records=records, torn=torn)
        assert command("verify", str(copy), capsys=capsys).status == 0
        (copy / "summary.json").write_bytes((run / "summary.json").read_bytes())
        told = command("verify", str(copy), capsys=capsys)
        assert told.status == status, name
        assert ("ends before the run does" in told.out) == bool(status)
        found = json.loads(command("verify", str(copy), "--json", capsys=capsys).out)
        assert (found["cut"], found["status"]) == (bool(status), "unfinished")
    quiet = copied(run, tmp_path, "no last rows, which said nothing")
    cut(quiet / FILE)
    summary = json.loads((run / "summary.json").read_bytes())
    (quiet / "summary.json").write_text(json.dumps({**summary, "ticks": summary["ticks"] + 1}))
    assert command("verify", str(quiet), capsys=capsys).status == 1
    (copy / "summary.json").write_text("{")
    assert "summary.json" in command("verify", str(copy), capsys=capsys).line


def test_a_run_that_trades_is_verified_so_far(run: Path, tmp_path: Path) -> None:
    """Of a run that trades now, what is written is compared, and a record on its way is no tear."""
    copy = copied(run, tmp_path)
    cut(copy / FILE, records=3, torn=10)
    (copy / "summary.json").write_text('{"digest": "of an end that is not written", "ticks": 9}')
    before = verify(copy, cache_dir())
    assert before.cut
    assert before.notes == [
        "10 bytes at the end were never finished", "summary.json tells of 9 input rows",
    ]  # fmt: skip
    with (copy / FILE).open("rb") as trading:
        fcntl.flock(trading, fcntl.LOCK_EX)
        found = verify(copy, cache_dir())
    assert (found.identical, found.status, found.cut) == (True, "running", False)
    assert found.notes == ["it trades now: this is what was written so far"]


def test_an_outbox_gives_every_envelope_in_order(run: Path) -> None:
    """Read on from any place, in pieces of any size: the start, every envelope, and the end."""
    for size in (1, 7, 100_000):
        journal = Journal(run / FILE)
        found: list[tuple[int, bytes]] = []
        while piece := journal.read(found[-1][0] if found else -1, size):
            assert len(piece) <= size
            found += piece
        assert [place for place, _ in found] == list(range(len(found)))
        assert [line for _, line in found[1:-1]] == envelopes(run)
        assert [decode(found[n][1]).data.status for n in (0, -1)] == ["running", "ended"]
        assert journal.finished()
    assert Journal.open(run).read(100, 5) == found[101:106]


def test_runs_are_listed_and_shown(tmp_path: Path) -> None:
    """`runs list` and `runs show` tell how runs stand, damaged ones too."""
    words = ["backtest", EMA, "--data", session(), "--limits", "wide", "--json"]
    for name in ("one", "two"):
        assert process(*words, "--journal", "--out", f"runs/{name}", cwd=tmp_path).status == 0
    assert process(*words, "--out", "runs/none", cwd=tmp_path).status == 0
    file = tmp_path / "runs/two" / FILE
    text = bytearray(file.read_bytes())
    text[200] ^= 1
    file.write_bytes(text)
    told = json.loads(process("runs", "list", "--json", cwd=tmp_path).out)["runs"]
    assert {run["run"]: run["status"] for run in told} == {"one": "ended", "two": "quarantined"}
    shown = json.loads(process("runs", "show", "one", "--json", cwd=tmp_path).out)
    assert sum(shown["events"].values()) == shown["envelopes"] > 0
    summary = json.loads((tmp_path / "runs/one/summary.json").read_text())
    assert shown["requests"] == summary["requests"]
    assert f"filled: {summary['requests']['filled']}" in called("runs", "show", "one",
                                                                cwd=tmp_path).out  # fmt: skip
    assert FILE in left(tmp_path / "runs/one")
    assert "quarantined" in process("runs", "list", cwd=tmp_path).out
    assert process("runs", "show", "two", cwd=tmp_path).status == 3


def test_an_ended_run_is_read_once(run: Path, tmp_path: Path) -> None:
    """A list does not read it again before its size or time is another; `verify` always does."""
    given: Any = {"cwd": tmp_path, "ALPHAPANDA_BASE_DIR": str(tmp_path)}

    def listed() -> dict[str, Any]:
        told = json.loads(called("runs", "list", "--json", **given).out)["runs"]
        return dict(told[0])

    file = copied(run, tmp_path / "runs", "one") / FILE
    before, status = listed(), file.stat()
    text = bytearray(file.read_bytes())
    text[200] ^= 1
    file.write_bytes(text)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert listed() == before
    assert called("verify", str(file.parent), **given).status == 3
    file.touch()
    assert listed()["status"] == "quarantined"
    (tmp_path / "runs" / ENDED).write_text("[1]")
    assert listed()["status"] == "quarantined"
    file.write_bytes(bytes(text[:200]) + bytes([text[200] ^ 1]) + bytes(text[201:]))
    assert listed() == before


def test_runs_that_have_not_ended_are_told_apart(run: Path, tmp_path: Path) -> None:
    """One that trades is running, one that waits is stopped, one that was killed unfinished."""
    names = ("killed", "torn", "stopped", "again", "trading")
    files = {name: copied(run, tmp_path / "runs", name) / FILE for name in names}
    for name, file in files.items():
        cut(file, records=3, torn=10 if name == "torn" else 0)
    last = list(Journal.open(run).batches())[-1]
    for name in ("stopped", "again"):
        writer = Journal.open(files[name]).writer()
        writer.status(RunStatus.RUNNING, ts=1, note=STOPPED)
        if name == "again":
            writer.batch(last.columns, last.controls, last.envelopes)
        writer.close()
    trading = Journal.open(files["trading"]).writer()
    try:
        told = json.loads(process("runs", "list", "--json", cwd=tmp_path).out)["runs"]
        shown = json.loads(process("runs", "show", "trading", "--json", cwd=tmp_path).out)
    finally:
        trading.close()
    assert {each["run"]: each["status"] for each in told} == {
        "killed": "unfinished", "torn": "unfinished", "stopped": "stopped", "again": "unfinished",
        "trading": "running",
    }  # fmt: skip
    assert shown["status"] == "running"
    assert "stopped" in process("runs", "list", cwd=tmp_path).out


def test_nothing_that_is_told_of_a_run_is_cut(run: Path, tmp_path: Path) -> None:
    """Piped, digests and paths are whole in their lines; times are India's, and no dict is shown.

    On a narrow terminal lines are folded.
    """
    name = "a-run-with-a-name-longer-than-half-of-a-line-of-a-terminal"
    folder = copied(run, tmp_path / "runs", name)
    shown = process("runs", "show", name, cwd=tmp_path).out
    facts = json.loads(process("runs", "show", name, "--json", cwd=tmp_path).out)
    [file], [status] = facts["data"], facts["statuses"]
    lines = [line.strip() for line in shown.splitlines()]
    assert f"data          {session()}: 6,000 rows, SHA-256 {file['sha256']}" in lines
    assert f"digest        {facts['digest']}" in lines
    assert f"statuses      {india(status['ts'])} IST: ended, complete" in lines
    assert "{" not in shown
    [line] = process("runs", "list", cwd=tmp_path).out.splitlines()[3:4]
    assert line.split()[:2] == [name, "ended"]
    folder = rewritten(folder, without_a_fill)
    verdict = process("verify", str(folder), cwd=tmp_path).out
    settings = process("config", "show", cwd=tmp_path, ALPHAPANDA_LOGS_DIR=f"{tmp_path}/{name}").out
    assert f"{tmp_path}/{name}" in settings
    narrow = process("runs", "show", name, cwd=tmp_path, FORCE_COLOR="1", COLUMNS="50").out
    assert max(map(len, narrow.splitlines())) <= 50
    assert facts["digest"] in re.sub(r"\s", "", narrow)
    assert "…" not in shown + verdict + settings + narrow
