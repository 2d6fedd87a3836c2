"""A journal whose checksums are right and whose words are not: told with its record, never run."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from alphapanda.cli.output import clean
from alphapanda.errors import AlphaPandaError
from alphapanda.journal import records
from alphapanda.journal.journal import FILE, Journal, RecordKind
from alphapanda.journal.records import COMPRESSED, FIELDS, SEAL, DamageError, Reader, Writer
from tests.support.harness import cache_dir
from tests.support.running import command, process, session

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with a journal."""
    folder = tmp_path_factory.mktemp("run")
    told = process("backtest", "ema_cross", "--data", session(1, 1_000), "--limits", "wide",
                   "--no-jit", "--journal", "--out", "run", "--json", cwd=folder)  # fmt: skip
    assert told.status == 0, told.err
    return folder / "run"


def rewritten(run: Path, folder: Path, change: Any) -> Path:
    """Write a journal anew, whole and chained, of other records; return its folder."""
    found = [(record.kind, record.payload) for record in Reader(run / FILE).records()]
    folder.mkdir(parents=True)
    writer = Writer(folder / FILE)
    for kind, payload in change(found):
        writer.append(kind, payload)
    writer.close()
    return folder


def manifest(**changes: Any) -> Any:
    """Return a change of the manifest; None takes a field out."""

    def change(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        told = {**json.loads(found[0][1]), **changes}
        told = {name: value for name, value in told.items() if value is not None}
        return [(1, json.dumps(told).encode()), *found[1:]]

    return change


def head(**changes: Any) -> Any:
    """Return a change of the first batch's head."""

    def change(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        text = found[1][1]
        end = 4 + int.from_bytes(text[:4], "little")
        told = json.dumps({**json.loads(text[4:end]), **changes}).encode()
        batch = len(told).to_bytes(4, "little") + told + text[end:]
        return [found[0], (2, batch), *found[2:]]

    return change


STRANGE: dict[str, Any] = {
    "an unknown kind": lambda found: [*found[:1], (9, b"{}"), *found[1:]],
    "a second manifest": lambda found: [*found[:1], *found],
    "no manifest first": lambda found: found[1:],
    "a record after the end": lambda found: [*found, found[1]],
    "a run reopened": lambda found: [
        *found, (4, json.dumps({"status": "running", "ts": 1}).encode())
    ],
    "an unknown word": lambda found: [*found[:-1], (4, b'{"status": "asleep", "ts": 1}')],
    "a word without its time": lambda found: [*found[:-1], (4, b'{"status": "ended"}')],
    "no JSON": lambda found: [(1, b"{"), *found[1:]],
    "a manifest that is a list": lambda found: [(1, b"[1]"), *found[1:]],
    "nested too deep": lambda found: [(1, b"[" * 100_000), *found[1:]],
    "no run id": manifest(run_id=None),
    "a run id of 5 MB": manifest(run_id="r" * 5_000_000),
    "a run id that moves the cursor": manifest(run_id="\x1b[2J"),
    "no strategies": manifest(strategies=None),
    "strategies of another form": manifest(strategies=[{"name": 1}]),
    "made at no time": manifest(made="yesterday"),
    "an unknown broker": manifest(broker="nobody"),
    "a market of another form": manifest(market=[]),
    "an empty batch": lambda found: [found[0], (2, b""), *found[2:]],
    "a batch shorter than its head": lambda found: [found[0], (2, b"\xff{}"), *found[2:]],
    "rows that are not there": head(rows=1 << 40),
    "rows less than none": head(rows=-1),
    "unknown columns": head(columns=["nonsense"]),
    "more envelopes than lines": head(envelopes=1_000_000),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_what_can_not_be_is_told_with_its_record(
    name: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Every command that reads it ends with a line that names record and byte; no traceback."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    strange = rewritten(run, tmp_path / "runs" / "strange", STRANGE[name])
    with pytest.raises(DamageError, match=r"record \d+ at byte [\d,]+ is whole, but"):
        Journal.open(strange)
    for words in (["verify"], ["runs", "show"], ["relay"]):
        told = command(*words, "strange", capsys=capsys)
        assert told.status == 3
        assert "is whole, but" in told.line
    rewritten(run, tmp_path / "runs" / "good", lambda found: found)
    listed = json.loads(command("runs", "list", "--json", capsys=capsys).out)["runs"]
    assert {each["run"]: each["status"] for each in listed} == {
        "strange": "quarantined", "good": "ended",
    }  # fmt: skip


def test_a_record_after_the_end_is_found_by_who_reads_on(run: Path, tmp_path: Path) -> None:
    """A journal that was read to its end before is not reopened either."""
    copy = rewritten(run, tmp_path / "copy", lambda found: found)
    journal = Journal.open(copy)
    reader = Reader(copy / FILE)
    (*_, last) = reader.records()
    writer = Writer(copy / FILE, reader=reader)
    writer.append(last.kind, last.payload)
    writer.close()
    with pytest.raises(DamageError, match="it follows the run's end"):
        journal.refresh()


def bomb(run: Path, folder: Path) -> Path:
    """Return a journal with a record of a megabyte that unpacks to a gigabyte."""
    copy = rewritten(run, folder, lambda found: found[:1])
    (first,) = Reader(copy / FILE).records()
    packer = zlib.compressobj(9)
    payload = b"".join([*(packer.compress(bytes(1 << 24)) for _ in range(64)), packer.flush()])
    assert len(payload) < 2_000_000
    fields = FIELDS.pack(records.MAGIC, RecordKind.BATCH, COMPRESSED, 0, 1, len(payload))
    chain = records.blake2b(first.chain + fields + payload, digest_size=16).digest()
    crc = zlib.crc32(payload, zlib.crc32(chain, zlib.crc32(fields)))
    with (copy / FILE).open("ab") as file:
        file.write(fields + SEAL.pack(crc, chain) + payload)
    return copy


def test_a_small_record_does_not_fill_the_memory(run: Path, tmp_path: Path) -> None:
    """What unpacks to more than any record has is refused before it is unpacked."""
    with pytest.raises(DamageError, match=r"at byte [\d,]+ a record is whole, but unpacks to more"):
        Journal.open(bomb(run, tmp_path / "bomb"))


@pytest.mark.parametrize("name", ["../outside", "/tmp/alphapanda-outside", "limits/../../outside"])
def test_verify_writes_nothing_outside(
    name: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of files and modules in a manifest are names, not paths."""
    told = json.loads(next(Reader(run / FILE).records()).payload)
    (tmp_path / "deep").mkdir()
    files = rewritten(run, tmp_path / "deep" / "files", manifest(files={name: "[x]"}))
    done = command("verify", str(files), capsys=capsys)
    assert done.status == 2
    assert "takes none" in done.line
    module = {"name": name, "file": "x.py", "package": False, "sha256": "0" * 64, "text": "1"}
    sources = [{**told["sources"][0], "modules": [module]}]
    strategies = [{**told["strategies"][0], "sha256": "0" * 64}]
    change = manifest(sources=sources, strategies=strategies)
    modules = rewritten(run, tmp_path / "deep" / "modules", change)
    assert command("verify", str(modules), capsys=capsys).status == 2
    done = command("verify", str(modules), "--recorded-code", capsys=capsys)
    assert done.status == 2
    assert "a module with the name" in done.line
    assert not Path("/tmp/alphapanda-outside.toml").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_a_strangers_code_runs_only_when_asked_for(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code that is in no file here leaves no trace, until somebody allows it."""
    told = json.loads(next(Reader(run / FILE).records()).payload)
    text = f"open({str(tmp_path / 'trace')!r}, 'w')\n" + told["sources"][0]["text"]
    facts = {**told["strategies"][0], "file": "stranger.py", "sha256": "0" * 64}
    change = manifest(sources=[{**told["sources"][0], "text": text}], strategies=[facts])
    copy = rewritten(run, tmp_path / "copy", change)
    done = command("verify", str(copy), capsys=capsys)
    assert done.status == 2
    assert "--recorded-code" in done.line
    assert not (tmp_path / "trace").exists()


def test_rows_of_no_instrument_never_reach_the_core(run: Path, tmp_path: Path) -> None:
    """They would be read beside its tables."""
    from alphapanda.runs.verify import verify  # noqa: PLC0415

    def change(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        told = json.loads(found[0][1])
        told["instruments"], told["enrolments"] = [], []
        told["strategies"], told["sources"] = [], []
        return [(1, json.dumps(told).encode()), *found[1:]]

    with pytest.raises(AlphaPandaError):
        verify(rewritten(run, tmp_path / "copy", change), cache_dir())


def test_nothing_moves_the_cursor() -> None:
    """What steers a terminal is written out, and all else is as it was."""
    assert clean("a\x1b[31mb\x07\x9b2J\r\x00c\u202ed") == (
        "a\\x1b[31mb\\x07\\x9b2J\\r\\x00c\\u202ed"
    )
    assert clean("line\nआज ₹ 1,00,000 é – ok\xa0") == "line\nआज ₹ 1,00,000 é – ok\xa0"
