"""What one owner sees of another's, what a stop leaves, and what is not lost or kept on the way."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alphapanda.api import people
from alphapanda.api.answers import ApiError
from alphapanda.api.bodies import StrategyChange
from alphapanda.api.clients import Client, Watched
from alphapanda.api.control import Control, Wanted
from alphapanda.api.foreign import health_for
from alphapanda.api.hub import Hub
from alphapanda.api.journal_ticks import JournalTicks
from alphapanda.api.local_runs import LocalRun, LocalRuns
from alphapanda.api.middleware import Guard
from alphapanda.api.origins import Origins
from alphapanda.api.server import listening
from alphapanda.api.stops import Event, Standing
from alphapanda.api.tokens import Access
from alphapanda.api.who import Login
from alphapanda.config.show import show_value
from alphapanda.errors import UsageError
from alphapanda.journal.journal import FILE, JournalWriter
from alphapanda.log import redact
from alphapanda.model.commands import Verb
from alphapanda.monitor import rules
from alphapanda.monitor.watching import RunWatch
from alphapanda.runs.commands import KILL
from alphapanda.store import apikeys
from alphapanda.store.database import Database
from alphapanda.store.people import User
from tests.api.test_commands import MANIFEST
from tests.support.api import settings_of


def who_of(owner: str) -> Any:
    user = User(id=uuid.uuid4(), owner_id=owner, name=owner, role="admin", active=True)
    return people.who(user, "session", uuid.uuid4())


def client_of(owner: str, *topics: str) -> Client:
    async def look(_: Any) -> None:
        return None

    return Client(who_of(owner), Login("x", look), Watched(frozenset(topics)))


def test_a_streamed_line_is_its_owners(tmp_path: Path) -> None:
    """A run's line reaches its owner; what is no run's, the installation's owner."""
    settings = settings_of(tmp_path)

    async def run() -> None:
        hub = Hub(settings, Database(settings))
        hub.tables.owners.update(mine=settings.owner_id, theirs="b")
        mine, theirs = (client_of(owner, "logs.audit") for owner in (settings.owner_id, "b"))
        hub.enter(mine)
        hub.enter(theirs)
        lines = [{"run_id": "mine"}, {"run_id": "theirs"}, {"event": "login"}, [1],
                 {"run_id": ["odd"]}, {"skipped": 3}]  # fmt: skip
        hub.add_lines("audit", lines)
        assert [frame.data for frame in mine.events] == [lines[0], lines[2], [1], {"skipped": 3}]
        assert [frame.data for frame in theirs.events] == [{"run_id": "theirs"}, {"skipped": 3}]

    asyncio.run(run())


def local(folder: Path, run: str, owner: str) -> LocalRun:
    folder.mkdir(parents=True, exist_ok=True)
    return LocalRun(
        run, owner, "a", folder, False, "stopped", {"strategies": [], "instruments": []}
    )


def test_a_kill_reaches_all_whose_inbox_can_be_written(tmp_path: Path) -> None:
    """One that can't is reported as failed, and so is the file KILL; the others are given it."""
    settings = settings_of(tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "inbox").write_text("no folder")
    (settings.base_dir / KILL).mkdir(parents=True)
    (settings.base_dir / KILL / "x").write_text("in the way")

    async def run() -> None:
        control = Control(settings, Database(settings))
        control._key = b"k"
        control._keep = kept  # type: ignore[method-assign, assignment]
        control.runs.runs = {
            name: local(tmp_path / name, name, settings.owner_id) for name in ("bad", "good")
        }
        status, told = await control.give(who_of(settings.owner_id), Wanted(Verb.KILL))
        assert status == 202
        assert [each["state"] for each in told["commands"]] == ["failed", "asked"]
        assert told["kill_file"]["state"] == "failed"
        assert len(list((tmp_path / "good" / "inbox").glob("*.json"))) == 1
        for who, verb in (("nobody", Verb.KILL), ("nobody", Verb.PAUSE)):
            with pytest.raises(ApiError) as refused:
                await control.give(who_of(who), Wanted(verb))
            assert refused.value.status == 409

    async def kept(*_: Any) -> None:
        return None

    asyncio.run(run())


def test_a_stop_by_a_rule_or_a_terminal_stands_until_it_is_lifted() -> None:
    """The journal's words: a command of whoever, and a kill of the core's own."""
    standing = Standing(SimpleNamespace())  # type: ignore[arg-type]
    standing.take(Event("trading_stopped", 5, {"scope": "strategy", "strategy": "s", "code": 9}))
    (one,) = standing.left.values()
    assert (one["verb"], one["scope"], one["name"], one["by"]) == (
        "kill", "strategy", "s", "a rule of the run")  # fmt: skip
    standing.take(Event("command", 6, {"verb": "pause", "scope": "account", "by": "cli"}))
    standing.take(Event("command", 7, {"verb": "rearm", "scope": "strategy", "strategy": "s"}))
    assert [each["by"] for each in standing.left.values()] == ["cli"]


def test_no_number_that_is_none_is_taken() -> None:
    """JSON has no NaN, and Infinity is nobody's parameter."""
    for odd in ("NaN", "Infinity", "-Infinity", "1e999"):
        with pytest.raises(ValueError, match="validation error"):
            StrategyChange.model_validate_json(f'{{"parameters": {{"fast": {odd}}}}}', strict=True)


def guarded(tmp_path: Path, query: str = "", **headers: str) -> int:
    settings = settings_of(tmp_path)
    guard = Guard(SimpleNamespace(), settings, Origins(settings, 80))  # type: ignore[arg-type]
    given = {"host": "127.0.0.1:80", **{n.replace("_", "-"): v for n, v in headers.items()}}
    scope = {"type": "http", "path": "/api/v1/commands", "query_string": query.encode(),
             "headers": [(n.encode(), v.encode("latin-1")) for n, v in given.items()]}  # fmt: skip
    try:
        guard.see(scope)
    except ApiError as error:
        return error.status
    return 200


def test_the_guard_knows_a_foreign_page_and_a_whole_key(tmp_path: Path) -> None:
    """What another site's page asks for is not counted; a strategy may be called ar_momentum."""
    assert guarded(tmp_path, sec_fetch_site="cross-site") == 403
    assert guarded(tmp_path, sec_fetch_site="same-site") == 403
    assert guarded(tmp_path, sec_fetch_site="same-origin") == 200
    assert guarded(tmp_path, "strategy=ar_momentum&name=ap_x&run=eyJ") == 200
    assert guarded(tmp_path, f"x={apikeys.make_key().key}") == 400
    assert guarded(tmp_path, "x=ar_" + "a" * 43) == 400
    for length in ("\xb2", "1 ", "+1", "0x1", "9" * 19):
        assert guarded(tmp_path, content_length=length) == 400


def test_the_log_knows_our_own_secrets_by_form() -> None:
    """Without having been told of each."""
    for secret in (apikeys.make_key().key, "ar_" + "b" * 43, "as_" + "c-_" * 14 + "d"):
        assert redact.scrub(f"got {secret} here") == "got *** here"
    assert redact.scrub("ar_momentum bought") == "ar_momentum bought"


def test_the_path_of_an_address_is_a_secret(tmp_path: Path) -> None:
    """A webhook's path lets anybody in; a server's path is its database's name."""
    told = show_value(settings_of(tmp_path, alerts={
        "webhook_url": "https://hooks.example/T0/B1/zzz", "webhook_key": "a://bcd"
    }, redis={"url": "redis://:pw@cache:6379/3"}))  # fmt: skip
    assert told["alerts"]["webhook_url"] == "https://hooks.example/***"
    assert told["alerts"]["webhook_key"] == "***"
    assert told["redis"]["url"] == "redis://:***@cache:6379/3"


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    """It says what to write."""
    settings = settings_of(tmp_path)  # a flag takes its place unchecked
    section = settings.api.model_copy(update={"port": 99_999})
    with pytest.raises(UsageError, match="65535"):
        listening(settings.model_copy(update={"api": section}))


def test_an_access_token_is_not_outlived() -> None:
    """Who is asked about again behind its end is nobody, whatever the database says."""
    now = int(time.time())
    access = Access(uuid.uuid4(), uuid.uuid4(), now - 900, now - 60)
    assert asyncio.run(people.by_token(SimpleNamespace(), access)) is None  # type: ignore[arg-type]


def test_health_for_others_names_nobody() -> None:
    """The state stays, the text goes."""
    looked = {"state": "ok", "parts": {"feed": {"state": "ok", "text": "run theirs", "must": True}}}
    assert health_for(looked) == {"state": "ok", "parts": {"feed": {"state": "ok", "must": True}}}
    assert json.dumps(health_for({})) == '{"state": "unknown", "parts": {}}'


def test_a_journal_that_has_just_begun_is_read_once_it_is_whole(tmp_path: Path) -> None:
    """A look between a journal's making and its first record makes no run unreachable for good."""
    settings = settings_of(tmp_path)
    made, young = tmp_path / "made", settings.runs_dir / "young"
    made.mkdir()
    young.mkdir(parents=True)
    writer = JournalWriter.create(made / FILE, {**MANIFEST, "run_id": "young", "owner_id": "a"})
    whole = (made / FILE).read_bytes()
    writer.close()
    runs, watch = LocalRuns(settings), RunWatch(settings)
    ticks = JournalTicks(Hub(settings, Database(settings)), runs)
    known = LocalRun("young", "a", "a", young, False, "running", {})

    async def look(text: bytes, at_ns: int) -> tuple[set[str], str, bool]:
        (young / FILE).write_bytes(text)
        os.utime(young / FILE, ns=(at_ns, at_ns))
        await runs.look()
        ticks._new(known)
        (found,) = watch.look()
        (rule,) = [*rules.unprojected(rules.View(runs=[found]))] or [None]
        assert rule is None or rule.for_s > 0, "nobody is called for a run that begins"
        return set(runs.runs), found.status, young in ticks._followed

    async def run() -> None:
        assert await look(whole[:-3], 1_000) == (set(), "quarantined", False)
        assert await look(whole[:-3], 1_000) == (set(), "quarantined", False)
        names, status, followed = await look(whole, 2_000)
        assert (names, followed) == ({"young"}, True)
        assert status != "quarantined"

    asyncio.run(run())
