"""The inbox of a run: only whole, signed commands for this run are taken, each of them once."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapanda.errors import UsageError
from alphapanda.model.commands import Choice, Verb
from alphapanda.runs import commands
from alphapanda.runs.commands import Command, Decision, Refusal, load_key, new_id, number_of, send
from alphapanda.runs.inbox import MOST_BYTES, FileInbox

RUN = "run-1"
KEY = b"a key"


def command(number: int, **fields: Any) -> Command:
    """Return a command, given as the `number`-th."""
    known = {"run_id": RUN, "verb": Verb.PAUSE, "requested_ns": number}
    return Command(id=new_id(number), **{**known, **fields})


def inbox(folder: Path, **more: Any) -> FileInbox:
    """Return the run's inbox, as its process opens it."""
    return FileInbox(folder, KEY, RUN, **more)


def left(folder: Path, where: str) -> dict[str, Any]:
    """Return what lies in a folder of the inbox, by file."""
    files = (folder / "inbox" / where).glob("*.json")
    return {file.stem: json.loads(file.read_text()) for file in files}


def test_commands_come_in_order_and_go_when_settled(tmp_path: Path) -> None:
    """A command waits until it is settled; what it did is kept in its place."""
    given_ = [command(number, verb=verb) for number, verb in enumerate(Verb)]
    for each in reversed(given_):
        send(tmp_path, KEY, each)
    box = inbox(tmp_path)
    assert list(box.due()) == given_
    assert list(box.due()) == given_, "not settled, they wait"
    for each in given_:
        box.settle(each, {"positions": 0})
    assert list(box.due()) == []
    assert left(tmp_path, "applied").keys() == {each.id for each in given_}
    assert commands.outcome_of(tmp_path, given_[0].id) is not None


def test_a_command_that_the_journal_has_is_not_applied_again(tmp_path: Path) -> None:
    """Killed after the journal's write and before the file went, the run takes it once."""
    once = command(1)
    send(tmp_path, KEY, once)
    assert list(inbox(tmp_path, settled=[once.id]).due()) == []
    assert left(tmp_path, "applied").keys() == {once.id}


WRONG = {
    "signed by another key": (b"other", {}, "not signed"),
    "of another run": (KEY, {"run_id": "run-2"}, "is for the run run-2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_for_this_run_is_refused(name: str, tmp_path: Path) -> None:
    """It is put aside with the reason, and what is right beside it is taken."""
    key, fields, reason = WRONG[name]
    wrong, right = command(1, **fields), command(2)
    send(tmp_path, key, wrong)
    send(tmp_path, KEY, right)
    box = inbox(tmp_path)
    assert list(box.due()) == [right]
    assert reason in left(tmp_path, "refused")[wrong.id]["refused"]


def test_a_changed_command_is_refused(tmp_path: Path) -> None:
    """The signature covers every field: `pause` can't be made a `flatten` of another strategy."""
    path = send(tmp_path, KEY, command(1))
    document = json.loads(path.read_text())
    changed = msgspec.json.decode(document["command"])
    changed["verb"] = "flatten"
    path.write_text(json.dumps({**document, "command": json.dumps(changed)}))
    assert list(inbox(tmp_path).due()) == []
    assert "not signed" in next(iter(left(tmp_path, "refused").values()))["refused"]


def test_a_command_under_another_name_is_refused(tmp_path: Path) -> None:
    """A copy of a command under a second name would be a second command."""
    path = send(tmp_path, KEY, command(1))
    path.rename(path.with_name("00-again.json"))
    assert list(inbox(tmp_path).due()) == []
    assert "another id" in left(tmp_path, "refused")["00-again"]["refused"]


def test_links_and_halves_are_not_commands(tmp_path: Path) -> None:
    """A link, a folder and a file that is being written are passed over and left as they are."""
    box = inbox(tmp_path)
    real = send(tmp_path / "elsewhere", KEY, command(1))
    (tmp_path / "inbox" / f"{real.stem}.json").symlink_to(real)
    (tmp_path / "inbox" / "folder.json").mkdir()
    (tmp_path / "inbox" / f".{real.name}.7.partial").write_text("{")
    assert list(box.due()) == []
    assert left(tmp_path, "refused") == {}


@given(st.one_of(st.binary(max_size=200), st.just(b"x" * (MOST_BYTES + 1))))
def test_no_file_stops_the_run(text: bytes) -> None:
    """Whatever lies there, it is refused, and the loop that trades goes on."""
    folder = FOLDERS.new()
    box = inbox(folder)
    (folder / "inbox" / "odd.json").write_bytes(text)
    assert list(box.due()) == []
    assert left(folder, "refused")["odd"]["refused"]
    assert not (folder / "inbox" / "odd.json").exists()


class Folders:
    """Fresh folders for examples, which share a test's own."""

    root: Path
    count = 0

    def new(self) -> Path:
        """Return a folder that is not there yet."""
        self.count += 1
        return self.root / str(self.count)


FOLDERS = Folders()


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    FOLDERS.root = tmp_path


def test_kill_all_is_the_first_command_of_every_run(tmp_path: Path) -> None:
    """While BASE/KILL is there a run is killed once; a second `kill --all` kills it again."""
    switch = tmp_path / "KILL"
    box = inbox(tmp_path, kill_file=switch)
    assert list(box.due()) == []
    switch.write_text("{}")
    os.utime(switch, ns=(1, 1))
    (kill,) = box.due()
    assert (kill.verb, kill.scope) == (Verb.KILL, "account")
    box.settle(kill, {})
    assert list(box.due()) == []
    os.utime(switch, ns=(2, 2))
    assert [each.verb for each in box.due()] == [Verb.KILL]


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    """Of several who need it at once all get the same; others may not read it."""
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(tmp_path), range(32)))
    assert len(keys) == 1
    path = tmp_path / commands.KEY
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == [commands.KEY]
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        load_key(tmp_path)


@pytest.mark.parametrize(("fields", "number"), [
    ({}, 0),
    ({"scope": "strategy", "name": "b"}, 1),
    ({"scope": "instrument", "name": "NSE:X"}, 0),
    ({"verb": Verb.CANCEL, "order": 17}, 17),
    ({"scope": "strategy", "name": "c"}, Refusal("the run has no strategy 'c'")),
    ({"scope": "desk", "name": "c"}, Refusal("there is no scope 'desk'")),
])  # fmt: skip
def test_a_scope_is_found_by_name(fields: dict[str, Any], number: int | Refusal) -> None:
    """A name that the run does not have is refused, never taken for another."""
    assert number_of(command(1, **fields), ["a", "b"], ["NSE:X"]) == number


def decision(number: int, order_id: str) -> Decision:
    """Return a decision, given as the `number`-th."""
    return Decision(new_id(number), RUN, Choice.IGNORE, order_id, by="me", requested_ns=number)


def test_a_decision_about_orders_is_done_by_who_sends_them(tmp_path: Path) -> None:
    """It is no command of the core; one that can't be done, or has nobody to do it, is refused."""
    done: list[tuple[Choice, str]] = []

    def decide(choice: Choice, order_id: str) -> str:
        done.append((choice, order_id))
        return "" if order_id == "77" else "not in quarantine"

    for number, order in enumerate(("77", "78")):
        send(tmp_path, KEY, decision(number, order))
    box = inbox(tmp_path)
    box.decide = decide
    assert list(box.due()) == []
    assert done == [(Choice.IGNORE, "77"), (Choice.IGNORE, "78")]
    (applied,) = left(tmp_path, "applied").values()
    (refused,) = left(tmp_path, "refused").values()
    assert (applied["order_id"], applied["by"]) == ("77", "me")
    assert refused["refused"] == "not in quarantine"
    send(tmp_path, b"another key", decision(3, "77"))
    send(tmp_path, KEY, decision(4, "77"))
    assert list(inbox(tmp_path).due()) == []
    why = [facts["refused"] for facts in left(tmp_path, "refused").values()]
    assert any("not signed" in each for each in why)
    assert any("sends no orders" in each for each in why)
    assert len(done) == 2
