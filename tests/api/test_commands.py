"""Commands reach a run's inbox, once each, proved by what the run did; whatever else is down."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from alphapanda.errors import OutsideError
from alphapanda.events.events import RunStatus
from alphapanda.journal.journal import FILE, JournalWriter
from alphapanda.runs.commands import KILL, load_key
from alphapanda.runs.inbox import FileInbox
from alphapanda.store.trading import Order, Run
from tests.api.conftest import MINE, OTHERS
from tests.store.rows import good
from tests.support.api import V1, Browser, Serving
from tests.support.harness import share

COMMANDS = f"{V1}/commands"
MANIFEST = {
    "begun_ns": 1, "made": "2026-01-01T00:00:00+00:00", "mode": "paper", "broker": "paper",
    "account_id": "a", "code": "0" * 64, "feed": "f", "data": [], "options": {}, "files": {},
    "sources": [], "enrolments": [],
    "strategies": [{"name": "mine", "file": "mine.py", "sha256": "0" * 64, "params": {}}],
    "instruments": [share("NSE:INFY").facts()],
    "market": {"kind": "tick", "interval_ns": 0, "columns": [], "names": ["INFY"], "days": []},
}  # fmt: skip


class Trading:
    """A run's process, as far as commands go: it holds the journal and settles its inbox."""

    def __init__(self, api: Serving, run: str, owner: str) -> None:
        self.run, self.owner = run, owner
        self.folder = api.settings.runs_dir / run
        self.folder.mkdir(parents=True)
        manifest = {**MANIFEST, "run_id": run, "owner_id": owner}
        self.writer = JournalWriter.create(self.folder / FILE, manifest)
        self.inbox = FileInbox(self.folder, load_key(api.settings.base_dir), run)
        self.applied: list[str] = []
        self.busy, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._trade)
        self._thread.start()

    def _trade(self) -> None:
        while not self._over.wait(0.005):
            for command in () if self.busy.is_set() else self.inbox.due():
                self.applied.append(str(command.verb))
                facts = {"positions": 2, "with_stop": 1, "working": 0}
                self.inbox.settle(command, {"applied_ns": time.time_ns(), **facts})

    def end(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()
        self.writer.close()


@pytest.fixture(scope="module")
def trading(api: Serving) -> Iterator[Trading]:
    """Return a run of the first owner that trades."""
    made = Trading(api, "trades", MINE)
    api.save(good(Run, run_id="trades", owner_id=MINE, account_id="a"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def foreign(api: Serving) -> Iterator[Trading]:
    """Return a run of the other owner that trades."""
    made = Trading(api, "foreign", OTHERS)
    yield made
    made.end()


@pytest.fixture
def trader(browsers: dict[str, Browser]) -> Browser:
    """Return the page of the first owner's trader."""
    return browsers[f"trader-{MINE}"]


NUMBER = iter(range(10**6))


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"a-key-of-its-own-{next(NUMBER)}"}


def test_a_kill_is_proved_by_the_run(trading: Trading, trader: Browser) -> None:
    """200 says that the run has applied it, and what it left standing."""
    got = trader.post(COMMANDS, {"verb": "kill", "run": "trades", "reason": "too hot"}, **key())
    assert got.status == 200, got
    (told,) = got.json["commands"]
    assert (told["state"], told["positions"], told["with_stop"]) == ("applied", 2, 1)
    assert trading.applied[-1] == "kill"


@pytest.mark.parametrize("body", [
    {"verb": "pause", "run": "trades"},
    {"verb": "resume", "run": "trades"},
    {"verb": "flatten", "run": "trades", "scope": "strategy", "name": "mine"},
    {"verb": "pause", "run": "trades", "scope": "instrument", "name": "NSE:INFY"},
])  # fmt: skip
def test_each_verb_is_applied(body: dict[str, str], trading: Trading, trader: Browser) -> None:
    """They differ only in what the core does with them."""
    assert trader.post(COMMANDS, body, **key()).status == 200
    assert trading.applied[-1] == body["verb"]


def test_what_waits_is_told_apart_from_what_is_done(trading: Trading, trader: Browser) -> None:
    """A run that is busy has not applied it: 202; later the command's own page says so."""
    trading.busy.set()
    got = trader.post(COMMANDS, {"verb": "pause", "run": "trades"}, **key())
    assert got.status == 202
    (told,) = got.json["commands"]
    assert (told["state"], told["positions"]) == ("asked", None)
    trading.busy.clear()
    until = time.monotonic() + 30
    while trader.get(f"{COMMANDS}/{told['id']}").json["state"] != "applied":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert any(row["id"] == told["id"] for row in trader.get(COMMANDS).json["items"])


def test_a_click_that_is_sent_50_times_is_one_command(trading: Trading, trader: Browser) -> None:
    """S20: one command, 50 same answers; the key with another body is refused."""
    before, body, mine = len(trading.applied), {"verb": "pause", "run": "trades"}, key()

    def click(_: int) -> Any:
        """Send it, and again where a machine that stood still says so, as any client would."""
        until = time.monotonic() + 60
        while (answer := trader.post(COMMANDS, body, **mine)).status == 503:
            assert time.monotonic() < until, answer
        return answer

    with ThreadPoolExecutor(10) as pool:
        got = list(pool.map(click, range(50)))
    assert {one.status for one in got} == {200}
    assert len({one.body for one in got}) == 1
    assert trading.applied[before:] == ["pause"]
    other = {"verb": "resume", "run": "trades"}
    assert trader.post(COMMANDS, other, **mine).status == 409


def test_a_key_is_its_users_and_outlives_the_process(
    api: Serving, trading: Trading, trader: Browser, admin: Browser
) -> None:
    """S20, S21: another user's same key is another; after a restart it is still known."""
    body, mine = {"verb": "pause", "run": "trades"}, key()
    first = trader.post(COMMANDS, body, **mine)
    assert admin.post(COMMANDS, body, **mine).json != first.json
    count = len(trading.applied)
    api.server.services.repeats._here.clear()  # as a new process begins
    assert trader.post(COMMANDS, body, **mine).json == first.json
    assert trader.post(COMMANDS, {**body, "reason": "x"}, **mine).status == 409
    assert len(trading.applied) == count


def test_what_was_done_is_told_though_its_answer_is_not_kept(
    trading: Trading, trader: Browser, api: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that goes on the way makes no failure of a pause; the same click does it once."""

    async def gone(*_: object) -> None:
        raise OutsideError("gone")

    count, mine, body = len(trading.applied), key(), {"verb": "pause", "run": "trades"}
    monkeypatch.setattr(api.server.services.repeats, "_kept", gone)
    first = trader.post(COMMANDS, body, **mine)
    assert first.status == 200, first
    assert trader.post(COMMANDS, body, **mine).body == first.body
    assert trading.applied[count:] == ["pause"]


def test_a_command_without_a_key_is_refused(trading: Trading, trader: Browser) -> None:
    """Nobody knows if it was meant twice."""
    for more in ({}, {"Idempotency-Key": "short"}, {"Idempotency-Key": "x" * 65}):
        assert trader.post(COMMANDS, {"verb": "kill", "run": "trades"}, **more).status == 400


def test_rearm_takes_an_admin_and_the_password(
    trading: Trading, trader: Browser, api: Serving
) -> None:
    """S35: what lets orders pass again is nobody's by a stolen session; a trader never may."""
    body = {"verb": "rearm", "run": "trades"}
    assert trader.post(COMMANDS, body, **key()).status == 403
    fresh = api.log_in(f"admin-{MINE}")
    assert fresh.post(COMMANDS, body, **key()).status == 403
    fresh.step_up()
    assert fresh.post(COMMANDS, body, **key()).status == 200
    assert trading.applied[-1] == "rearm"


def test_nobody_commands_anothers_run(
    api: Serving, trading: Trading, foreign: Trading, browsers: dict[str, Browser]
) -> None:
    """S11: it is not there; and `all` are all of one's own."""
    other = browsers[f"admin-{OTHERS}"]
    count = len(trading.applied)
    for run in ("trades", "never", f"run-{MINE}"):
        got = other.post(COMMANDS, {"verb": "kill", "run": run}, **key())
        assert (got.status, got.message) == (404, "there is none such")
    api.do(api.server.services.control.runs.look())
    got = other.post(COMMANDS, {"verb": "kill"}, **key())
    assert [each["run"] for each in got.json["commands"]] == ["foreign"]
    assert foreign.applied == ["kill"]
    assert len(trading.applied) == count
    assert not (api.settings.base_dir / KILL).exists(), "that would stop the installation's owner"


def test_a_viewer_and_an_ended_run_are_refused(
    api: Serving, trading: Trading, browsers: dict[str, Browser]
) -> None:
    """A viewer stops nothing; a run that has ended has nothing to stop."""
    viewer = browsers[f"viewer-{MINE}"]
    assert viewer.post(COMMANDS, {"verb": "kill", "run": "trades"}, **key()).status == 403
    over = Trading(api, "over", MINE)
    over._over.set()
    over._thread.join()
    over.writer.status(RunStatus.ENDED, ts=2, digest="0" * 64)
    over.writer.close()
    trader = browsers[f"trader-{MINE}"]
    assert trader.post(COMMANDS, {"verb": "kill", "run": "over"}, **key()).status == 409
    api.save(good(Run, run_id="over", owner_id=MINE, account_id="a"))
    assert trader.get(f"{V1}/portfolios/over/charges").json["kinds"] is None
    for odd in ("{", "[1]", '{"charges_by": {"stt": "x"}}', '{"charges_by": {"stt": "1.25"}}'):
        (over.folder / "summary.json").write_text(odd)
        kinds = trader.get(f"{V1}/portfolios/over/charges").json["kinds"]
        assert kinds == ({"stt": "1.25"} if "1.25" in odd else None), odd


def test_kill_all_stops_what_begins_later_too(
    api: Serving, trading: Trading, trader: Browser, tmp_path: Path
) -> None:
    """The installation's owner leaves a file that no run begins past; rearm takes it away."""
    assert trader.post(COMMANDS, {"verb": "kill"}, **key()).status == 200
    facts = json.loads((api.settings.base_dir / KILL).read_text())
    assert facts["by"] == f"api:trader-{MINE}"
    fresh = api.log_in(f"admin-{MINE}")
    fresh.step_up()
    assert fresh.post(COMMANDS, {"verb": "rearm"}, **key()).status == 200
    assert not (api.settings.base_dir / KILL).exists()


def test_kills_are_counted_apart(api: Serving, trading: Trading, trader: Browser) -> None:
    """Whoever has spent his commands can still stop; ten times in ten seconds."""
    services = api.server.services
    user = services.auth._known[next(
        name for name, known in services.auth._known.items() if known.who.name == trader_name()
    )].who.user  # fmt: skip
    services.commands_log.calls, before = 0, services.commands_log.calls
    try:
        pause = trader.post(COMMANDS, {"verb": "pause", "run": "trades"}, **key())
        assert (pause.status, pause.headers["retry-after"].isdigit()) == (429, True)
        services.kills_log._times.clear()
        for _ in range(10):
            services.kills_log.require(str(user))
        late = trader.post(COMMANDS, {"verb": "kill", "run": "trades"}, **key())
        assert late.status == 429
        services.kills_log._times.clear()
        kill = trader.post(COMMANDS, {"verb": "kill", "run": "trades"}, **key())
        assert kill.status == 200
    finally:
        services.commands_log.calls = before


def trader_name() -> str:
    return f"trader-{MINE}"


def test_a_kill_needs_no_database(api: Serving, trading: Trading, trader: Browser) -> None:
    """F8: with the database gone a known session still stops its run; all else waits for it."""
    auth = api.server.services.auth
    assert trader.get(f"{V1}/auth/me").status == 200
    count, engine = len(trading.applied), api.database._engine
    auth.down = True
    api.database._engine = None
    for known in list(auth._known):
        auth._known[known] = auth._known[known]._replace(at=time.monotonic() - 10)
    try:
        got = trader.post(COMMANDS, {"verb": "kill", "run": "trades"}, **key())
        assert got.status == 200, got
        assert trading.applied[count:] == ["kill"]
        assert trader.post(COMMANDS, {"verb": "pause", "run": "trades"}, **key()).status == 503
        assert trader.get(f"{V1}/orders").status == 503
        assert trader.post(f"{V1}/alerts/{'0' * 32}/resolve", {}).status == 503
        assert api.ask("GET", "/health").status == 200
        assert api.ask("GET", "/health/ready").status == 503
    finally:
        api.database._engine = engine
        auth.down = False


def test_an_order_is_cancelled_by_its_number(
    api: Serving, trading: Trading, trader: Browser
) -> None:
    """200 with the run's word; an order that has ended is a 409, and one that never was a 404."""
    for number, status in ((1, "open"), (2, "cancelled")):
        api.save(good(Order, run_id="trades", order_id=number, status=status, owner_id=MINE,
                      account_id="a", client_order_id=f"trades-{number}"))  # fmt: skip
    path = f"{V1}/orders/trades"
    assert trader.post(f"{path}/1/cancel").status == 200
    assert trading.applied[-1] == "cancel"
    assert trader.post(f"{path}/2/cancel", {"reason": "x"}).status == 409
    assert trader.post(f"{path}/3/cancel").status == 404
    assert trader.post(f"{path}/x/cancel").status == 422
