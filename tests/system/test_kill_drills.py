"""F8: a kill by the page, the API or the command line, while database and Redis are silent."""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from alphapanda.config import sections
from alphapanda.events.events import Envelope, EventType, decode
from alphapanda.journal.journal import FILE, Journal
from alphapanda.runs.verify import verify
from tests.support.api import KEY, PASSWORD, V1, WIDE, Browser, Serving, serving
from tests.support.browser import Tab, chromium
from tests.support.forking import Forked
from tests.support.harness import cache_dir
from tests.support.running import called, session, started
from tests.support.servers import databases
from tests.support.servers.proxy import Proxy

ASKED = "ALPHAPANDA_TEST_DRILLS" in os.environ
pytestmark = [pytest.mark.core, pytest.mark.skipif(not ASKED, reason="make soak kills 50 times")]

DRILLS = int(os.environ.get("ALPHAPANDA_TEST_DRILLS", "1"))
"""By each way; `make soak` asks for 50."""
LIMIT_S = 0.05
"""From the command to its application; of the median, for other work delays some."""
PATIENT_S = 120
ASKS = '''
from alphapanda import buy, sell, state, strategy

@strategy
class Asks:
    """Buys and sells one share in turn, at every row."""

    rows = state(0)

    def on_tick(self, ctx):
        self.rows += 1
        if self.rows % 2:
            buy(ctx, 1)
        else:
            sell(ctx, 1)
'''


class Desk(NamedTuple):
    """A run that trades, the API beside it, and the ways to the servers."""

    api: Serving
    ways: tuple[Proxy, Proxy]
    run: Path
    environment: dict[str, str]

    def trade(self) -> Forked:
        """Begin the run, or go on with it."""
        days = f"replay:{session(1, 60_000, 1 + DRILLS // 10)}"
        words = ("paper", "asks.py", "--feed", days, "--speed", "60x",
                 "--limits", "wide", "--no-jit", "--out", "runs/drilled", "--json")  # fmt: skip
        return started(*words, cwd=self.run.parents[1], **self.environment)

    def events(self) -> list[Envelope]:
        """Return the events of the run so far, none before its journal begins."""
        if not (self.run / FILE).is_file():
            return []
        journal = Journal(self.run / FILE)
        journal.refresh()
        return [decode(line) for each in journal.batches() for line in each.envelopes]

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Let no server answer inside."""
        for way in self.ways:
            way.blackhole()
        try:
            yield
        finally:
            for way in self.ways:
                way.heal()

    def told(self, since: int) -> list[dict[str, Any]]:
        """Return the kills that were applied, but for the first so many."""
        files = sorted((self.run / "inbox" / "applied").glob("*.json"))
        found = [json.loads(file.read_bytes()) for file in files]
        return [each for each in found if each["verb"] == "kill"][since:]


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory, templates: databases.Templates, postgres_url: str,
    redis_url: str,
) -> Iterator[Desk]:  # fmt: skip
    """Return a desk on PostgreSQL and Redis."""
    folder = tmp_path_factory.mktemp("drills")
    (folder / "asks.py").write_text(ASKS)
    with templates.migrated(folder, postgres_url) as made:
        url = made.database.url.get_secret_value()
        with Proxy(url) as first, Proxy(redis_url) as second:
            prefix = f"drill-{uuid.uuid4().hex[:8]}"
            settings = made.model_copy(update={
                "api": sections.Api(port=0, **WIDE), "security": sections.Security(key=KEY),
                "database": made.database.model_copy(update={"url": SecretStr(first.url)}),
                "redis": sections.Redis(url=second.url, prefix=prefix),
            })  # fmt: skip
            environment = {
                "ALPHAPANDA_BASE_DIR": str(folder), "ALPHAPANDA_DATABASE__URL": first.url,
                "ALPHAPANDA_REDIS__URL": second.url, "ALPHAPANDA_REDIS__PREFIX": prefix,
            }  # fmt: skip
            with serving(settings) as api:
                api.add_user("drill", "admin", settings.owner_id)
                yield Desk(api, (first, second), folder / "runs" / "drilled", environment)


def wait(until: Callable[[], Any], trader: Forked) -> Any:
    """Return what something says once it says anything."""
    ends = time.monotonic() + PATIENT_S
    while not (found := until()):
        assert trader.poll() is None, trader.said()
        assert time.monotonic() < ends
        time.sleep(0.02)
    return found


def trades(desk: Desk, behind: int = 0) -> bool:
    """Say if a request was accepted behind an event."""
    return any(each.type == EventType.VALIDATED_SIGNAL for each in desk.events()[behind:])


def refuses(desk: Desk, behind: int) -> bool:
    """Say if a request was refused behind an event."""
    return any(each.type == EventType.REJECTED_SIGNAL for each in desk.events()[behind:])


def by_api(desk: Desk, page: Browser, tab: Tab) -> None:
    """Kill as a program does."""
    key = {"Idempotency-Key": f"drill-{uuid.uuid4().hex}"}
    run_id = str(Journal.open(desk.run).contents.manifest["run_id"])
    got = page.post(f"{V1}/commands", {"verb": "kill", "run": run_id}, **key)
    assert got.status in (200, 202), got  # on a busy machine it may be applied a moment later


def by_page(desk: Desk, page: Browser, tab: Tab) -> None:
    """Kill as a person does, by holding the button."""
    tab.page.wait_for_selector("#kill:not([disabled])")
    tab.page.hover("#kill")
    tab.page.mouse.down()
    tab.page.wait_for_selector("text=kill of drilled")
    tab.page.mouse.up()


def by_command(desk: Desk, page: Browser, tab: Tab) -> None:
    """Kill by `alphapanda kill`."""
    folder = desk.run.parents[1]
    done = called("kill", "drilled", "--wait", "--json", cwd=folder, **desk.environment)
    assert done.status == 0, done.err


def test_a_kill_goes_through_whatever_is_silent(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind each kill nothing passes, at once; and it is still so when the run goes on anew."""
    folder, took = desk.run.parents[1], []
    with chromium() as browser:
        with desk.trade() as trader:
            wait(lambda: trades(desk), trader)
            page = desk.api.log_in("drill")
            desk.api.forget_limits()
            tab = Tab(browser, desk.api.origin, name="drill", password=PASSWORD)
            for number, way in enumerate((by_api, by_page, by_command) * DRILLS):
                before = len(desk.events())
                seen = page.get(f"{V1}/auth/me")  # a login is believed that was in use lately
                assert seen.status == 200, seen
                with desk.silence():
                    way(desk, page, tab)
                    (told,) = wait(lambda: desk.told(number), trader)  # noqa: B023 (asked here)
                took.append((told["applied_ns"] - told["requested_ns"]) / 1e9)
                wait(lambda: refuses(desk, before), trader)  # noqa: B023 (asked here)
                check_refused(desk.events(), before)
                if number + 1 < 3 * DRILLS:
                    lifted = called(
                        "rearm",
                        "drilled",
                        "--account",
                        "default",
                        "--wait",
                        cwd=folder,
                        **desk.environment,
                    )
                    assert lifted.status == 0, lifted.err
                    after = len(desk.events())
                    wait(lambda: trades(desk, after), trader)  # noqa: B023 (asked here)
                    desk.api.server.services.kills_log._times.clear()
            tab.close()
            trader.send_signal(signal.SIGTERM)
            trader.wait(60)
        before = len(desk.events())
        with desk.trade() as trader:
            wait(lambda: refuses(desk, before), trader)
            assert not trades(desk, before)
            trader.send_signal(signal.SIGTERM)
            trader.wait(60)
    assert verify(desk.run, cache_dir()).identical
    with capsys.disabled():
        sys.stdout.write(
            f"kills: median {statistics.median(took):.3f} s, worst {max(took):.3f} s\n"
        )
    assert max(took) < 10, took
    if DRILLS >= 10:
        assert statistics.median(took) <= LIMIT_S, sorted(took)


def check_refused(events: list[Envelope], before: int) -> None:
    """See that behind the command of the kill all requests were refused, by its code."""
    at = next(n for n, each in enumerate(events) if n >= before and each.type == EventType.COMMAND)
    kinds = {each.type for each in events[at:]}
    assert EventType.VALIDATED_SIGNAL not in kinds
    codes = {each.data.code for each in events[at:] if each.type == EventType.REJECTED_SIGNAL}
    assert codes == {"KILLED"}
