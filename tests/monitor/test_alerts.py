"""Alerts: one a trouble, told when it begins, grows worse or lasts; over after good looks."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from alphapanda.bus.backlog import Share
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.events.topics import DLQ
from alphapanda.monitor import alerts, rules
from alphapanda.monitor.alerts import AlertService
from alphapanda.monitor.deliveries import Deliveries
from alphapanda.monitor.health import Health, State
from alphapanda.monitor.probes import NewLetters
from alphapanda.monitor.rules import Refused, Trouble, View
from alphapanda.store.access import Delivery
from alphapanda.store.database import Database
from alphapanda.store.people import Alert
from tests.store.rows import GOOD
from tests.support.events import until
from tests.support.servers import databases


class Ear:
    """A channel that keeps what it is sent, and fails while it is told to."""

    name = "ear"

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.fails = 0

    async def send(self, message: dict[str, Any]) -> None:
        """Keep a message."""
        if self.fails:
            self.fails -= 1
            raise OutsideError("the ear is shut")
        self.heard.append(message)

    @property
    def titles(self) -> list[str]:
        """What was heard, by its first words."""
        return [message["title"] for message in self.heard]


@pytest.fixture
def settings(tmp_path: Path, templates: databases.Templates) -> Settings:
    """Return settings with a migrated SQLite database of the test's own."""
    templates.made("")
    shutil.copy(templates.folder / databases.FILE, tmp_path / databases.FILE)
    return databases.settings_of(tmp_path, "")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what turns the service's clock forward."""
    now = [1_000.0]
    monkeypatch.setattr(alerts, "monotonic", lambda: now[0])

    def turn(seconds: float) -> None:
        now[0] += seconds

    return turn


def part(state: State = State.DOWN, name: str = "feed", *, must: bool = False) -> Health:
    """Return a part as the table has it."""
    return Health(name, state, "silent", must, 1, 0.0, {})


def view(*parts: Health, **more: Any) -> View:
    """Return a view with some parts."""
    return View(health=parts, **more)


async def rows(settings: Settings, kind: type[Any] = Alert) -> list[Any]:
    """Return the rows of a table, as another process reads them."""
    database = Database(settings)
    await database.start()
    async with database.session() as session:
        found = list(await session.scalars(select(kind)))
    await database.stop()
    return found


async def acted(settings: Settings, state: str) -> None:
    """Move all alerts to a state, as a person does."""
    database = Database(settings)
    await database.start()
    async with database.session(writes=True) as session:
        await session.execute(update(Alert).values(state=state))
        await session.commit()
    await database.stop()


def service(settings: Settings, ear: Ear) -> AlertService:
    """Return a service that hears by one ear, stepped by hand."""

    async def none() -> View:
        return View()

    return AlertService(settings, none, [ear], period_s=60)


def stepped(settings: Settings, *steps: Any) -> tuple[Ear, list[Any]]:
    """Step a service through views, and what else is to be done between; return what it told."""
    ear = Ear()

    async def run() -> list[Any]:
        made = service(settings, ear)
        await made.deliveries.start()
        for step in steps:
            if isinstance(step, View):
                await made.step(step)
            elif asyncio.iscoroutinefunction(step):
                await step(settings)
            else:
                step()
            await asyncio.sleep(0.02)
        found = await rows(settings)
        await made.stop()
        return found

    return ear, asyncio.run(run())


def test_a_trouble_is_one_alert_until_it_is_over(settings: Settings) -> None:
    """It is told once, stays one row, and is resolved after three good looks, not before."""
    bad, good = view(part()), view(part(State.OK))
    ear, (row,) = stepped(settings, bad, bad, good, good, bad, bad)
    assert ear.titles == ["CRITICAL: feed is down: silent"]
    assert (row.state, row.count, row.severity) == ("open", 2, "critical")
    ear, (row,) = stepped(settings, bad, good, good, good)
    assert row.state == "resolved"


def test_the_next_process_takes_up_what_is_open(settings: Settings) -> None:
    """It neither opens a second row nor tells again, and resolves what an earlier one opened."""
    stepped(settings, view(part()))
    ear, (row,) = stepped(settings, view(), view(part()))
    assert (ear.heard, row.state) == ([], "open")
    ear, (row,) = stepped(settings, view(), view(), view(), view(), view())
    assert (ear.heard, row.state) == ([], "resolved")


def test_an_alert_of_somebody_else_is_left_alone(settings: Settings) -> None:
    """What no rule here finds, as a token that was used twice, is a person's to resolve."""

    async def foreign(settings: Settings) -> None:
        database = Database(settings)
        await database.start()
        async with database.session(writes=True) as session:
            session.add(Alert(**{**GOOD[Alert], "owner_id": "default", "account_id": "default"}))
            await session.commit()
        await database.stop()

    _, (row,) = stepped(settings, foreign, view(), view(), view(), view(), view())
    assert row.state == "open"


def test_every_kind_of_the_rules_lasts_or_passes() -> None:
    """The two lists have every kind that the rules write, so that each can be taken up."""
    text = Path(str(rules.__file__)).read_text()
    found = re.findall(r'"([a-z_]+)", f"(?:process|pipeline|stopped|refusals|gap|loss) ', text)
    kinds = {*found, *rules.CRITICAL_PARTS.values()}
    assert kinds
    assert kinds <= {*alerts.LASTS, *alerts.PASSING}


def test_an_acknowledged_trouble_is_counted_and_calls_nobody(
    settings: Settings, clock: Callable[[float], None]
) -> None:
    """Open and critical it is told again each 15 minutes; acknowledged it is not."""

    async def acknowledge(settings: Settings) -> None:
        await acted(settings, "acknowledged")

    bad = view(part())
    ear, found = stepped(
        settings, bad, lambda: clock(901), bad, acknowledge, bad, lambda: clock(901), bad
    )  # fmt: skip
    assert len(ear.heard) == 2
    assert [(row.state) for row in found] == ["acknowledged"]


def test_what_grows_worse_is_told_again(settings: Settings) -> None:
    """From a warning to critical; the row is open again, whoever acknowledged the warning."""

    async def acknowledge(settings: Settings) -> None:
        await acted(settings, "acknowledged")

    mild = view(part(State.DOWN, "redis"))
    ear, (row,) = stepped(settings, mild, acknowledge, view(part(State.DOWN, "redis", must=True)))
    assert [title.partition(":")[0] for title in ear.titles] == ["WARNING", "CRITICAL"]
    assert (row.state, row.severity) == ("open", "critical")


def test_what_was_resolved_while_it_lasts_comes_back_as_one(settings: Settings) -> None:
    """A person's `resolved` is kept; the same lasting trouble opens no row each few seconds."""

    async def resolve(settings: Settings) -> None:
        await acted(settings, "resolved")

    bad = view(part())
    _, found = stepped(settings, bad, resolve, bad, bad, bad)
    assert [row.state for row in found] == ["resolved"]


def test_what_passes_quickly_is_not_told(
    settings: Settings, clock: Callable[[float], None]
) -> None:
    """A part that is degraded for a look is nobody's business; for 15 s it is."""
    mild = view(part(State.DEGRADED))
    ear, found = stepped(settings, mild, view(part(State.OK)), mild)
    assert (ear.heard, found) == ([], [])
    ear, found = stepped(settings, mild, lambda: clock(16), mild)
    assert (len(ear.heard), len(found)) == (1, 1)


def test_a_thing_that_happened_is_told_once_for_ever(settings: Settings) -> None:
    """A failed order stays until a person resolves it; the next process tells of it no more."""
    failed = Trouble("r", 5, "s", "NSE:X", "failed", "RMS: no funds", 0.0)
    seen = view(orders=[failed])
    ear, (row,) = stepped(settings, seen, view(), view(), view(), view(), seen)
    assert (len(ear.heard), row.state, row.severity) == (1, "open", "warning")
    assert "RMS: no funds" in row.text
    ear, found = stepped(settings, seen, seen)
    assert (ear.heard, len(found)) == ([], 1)


@pytest.mark.parametrize(("age_s", "told"), [(29.0, 0), (31.0, 1)])
def test_an_order_of_unknown_fate_is_critical_after_half_a_minute(
    settings: Settings, age_s: float, told: int
) -> None:
    """It may be working: that is worth waking somebody for, if it lasts."""
    unknown = Trouble("r", 5, "s", "NSE:X", "unknown", "", age_s)
    ear, _ = stepped(settings, view(orders=[unknown]))
    assert len(ear.heard) == told
    assert all(message["severity"] == "critical" for message in ear.heard)


@pytest.mark.parametrize(("count", "told"), [(10, 0), (11, 1)])
def test_a_storm_of_refusals_is_told(settings: Settings, count: int, told: int) -> None:
    """More than ten of one rule in a minute of the run's time."""
    ear, _ = stepped(settings, view(refused=[Refused("r", "RATE", count)]))
    assert len(ear.heard) == told


def test_alerts_work_without_a_database(tmp_path: Path) -> None:
    """Where there is none, or it is down, the channels still hear: memory is what counts."""
    settings = databases.settings_of(tmp_path, "")
    ear = Ear()

    async def run() -> None:
        made = service(settings, ear)
        await made.deliveries.start()
        await made.step(view(part()))
        await until(lambda: bool(ear.heard))
        await made.stop()

    asyncio.run(run())
    assert len(ear.heard) == 1


def test_the_settings_say_what_is_sent(settings: Settings) -> None:
    """Below the least severity, or of a quiet kind, it is a row and no message."""
    quiet = settings.model_copy(update={
        "alerts": settings.alerts.model_copy(update={"quiet": ("feed_down",)}),
    })  # fmt: skip
    ear, found = stepped(quiet, view(part()))
    assert (ear.heard, len(found)) == ([], 1)


def test_what_fails_is_tried_again_and_noted(settings: Settings) -> None:
    """After a failure it arrives, and the table says how often it was tried."""
    ear = Ear()
    ear.fails = 1

    async def run() -> list[Any]:
        made = service(settings, ear)
        made.deliveries._pauses_s = (0.01,)
        await made.deliveries.start()
        await made.step(view(part()))
        await until(lambda: bool(ear.heard))
        async with asyncio.timeout(30):
            while not (found := await rows(settings, Delivery)):
                await asyncio.sleep(0.01)
                await made.step(view(part()))
        await made.stop()
        return found

    (row,) = asyncio.run(run())
    assert (row.channel, row.attempts, row.state) == ("ear", 2, "sent")


def test_a_flood_is_one_digest() -> None:
    """Beyond ten a minute nothing is sent until there is room; then all in one."""
    ear = Ear()

    async def done(*_: Any) -> None:
        return

    async def run() -> None:
        made = Deliveries([ear], done, flood=10)
        (lane,) = made._lanes
        for number in range(25):
            made.add({"title": f"alert {number}", "text": "", "severity": "warning"})
        sent = list(drained(lane, 0.0))
        assert len(sent) == 10
        assert list(drained(lane, 30.0)) == []
        (digest,) = drained(lane, 61.0)
        assert digest.message["title"] == "15 alerts"
        assert "alert 24" in digest.message["text"]

    asyncio.run(run())


def drained(lane: Any, now: float) -> Iterator[Any]:
    """Yield what a lane sends at a time."""
    while (sending := lane.next(now)) is not None:
        lane.sent.append(now)
        yield sending


def test_a_pulse_that_may_not_be_called_ends_no_alerts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that is refused is a line of the log, look after look, and the judging goes on."""

    class Refused:
        async def beat(self) -> None:
            raise UsageError("setting monitor.pulse_url: its host is not a public one")

    made = service(settings, Ear())
    made._pulse = Refused()  # type: ignore[assignment]
    monkeypatch.setattr("alphapanda.monitor.alerts.in_session", lambda _: True)
    asyncio.run(made._beat(SimpleNamespace(runs=[])))  # type: ignore[arg-type]


def test_dead_letters_of_ten_minutes_are_one_trouble() -> None:
    """What lay there before is no news; what comes later than ten minutes is another trouble."""
    seen, topic = NewLetters(), "paper.orders.filled"

    def subjects(*ends: int, at: float) -> list[tuple[str, str]]:
        seen.see({(topic + DLQ, n): Share(0, end, -1) for n, end in enumerate(ends)}, at)
        return [(each.subject, each.text.partition(" of")[0])
                for each in rules.judge(View(letters=seen.found))]  # fmt: skip

    first, second = f"letters {topic} 7", f"letters {topic} 10"
    assert subjects(4, 3, at=0) == []
    assert subjects(4, 4, at=5) == [(first, "1 message")]
    assert subjects(6, 4, at=300) == [(first, "3 messages")]
    assert subjects(6, 4, at=900) == [(first, "3 messages")]
    assert subjects(6, 5, at=905) == [(second, "1 message")]
