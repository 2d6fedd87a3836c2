"""The alert service: what the rules find becomes one alert a trouble, and a message when it counts.

It works from memory, so that a database that is down is told of too; the table is brought to what
is in memory whenever it can be.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import ODD, AlphaPandaError, OutsideError
from alphapanda.monitor.channels import Channel, Pulse
from alphapanda.monitor.deliveries import Deliveries, Sending
from alphapanda.monitor.rules import Finding, View, in_session, judge
from alphapanda.store.access import Delivery
from alphapanda.store.database import Database, answering
from alphapanda.store.people import Alert
from alphapanda.store.words import AlertState, DeliveryState, Severity

LOG = log.get(__name__)
GOOD = 3
"""Looks without it, until a trouble is over."""
TOUCH_NS = 60_000_000_000
"""How often the time of a lasting trouble is written."""
PULSE_S = 60.0
LASTING = (AlertState.OPEN, AlertState.ACKNOWLEDGED)
RANK = list(Severity)
KNOWN = 2_000


@dataclass
class Active:
    """A trouble as the service remembers it."""

    finding: Finding
    since: float
    """When it was seen first, by a clock that only goes forward."""
    first_ns: int
    last_ns: int
    count: int = 1
    good: int = 0
    opened: bool = False
    acknowledged: bool = False
    sent: float = 0.0
    saved_ns: int = 0
    saved_count: int = 0
    row: uuid.UUID | None = None


class AlertService:
    """Judges what the monitor sees each few seconds; `start`, `stop`."""

    def __init__(
        self, settings: Settings, view: Callable[[], Awaitable[View]],
        channels: Sequence[Channel], *, period_s: float, pulse: Pulse | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._view, self._period_s = settings, view, period_s
        self.deliveries = Deliveries(channels, self._delivered, flood=settings.alerts.flood)
        self._pulse, self._pulsed = pulse, -PULSE_S
        self._active: dict[str, Active] = {}
        self._known: set[str] | None = None
        """Subjects of things that happened before; None until they were looked up."""
        self._over: list[str] = []
        """Subjects whose rows have still to be resolved."""
        self._sent: list[tuple[str, str, Sending, bool]] = []
        self._database: Database | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up the alerts that are open, and begin to judge."""
        assert self._task is None, "the alert service has been started already"
        await self.deliveries.start()
        self._task = asyncio.create_task(self._go_on(), name="alerts")

    async def stop(self) -> None:
        """Stop judging and sending."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self.deliveries.stop()
        if self._database is not None:
            await self._database.stop()
            self._database = None

    async def health(self) -> None:
        """See that it still judges.

        Raises:
            OutsideError: if it has ended.
        """
        if self._task is not None and self._task.done():
            raise OutsideError("the alert service has ended: see the log, and start it again")

    async def test(self) -> dict[str, str]:
        """Send a message by every channel; return what came of it, `ok` or why not."""
        return await self.deliveries.send_now(message_of(
            Finding("test", "test", Severity.INFO, "A test of Alpha Panda's alerts."), 1
        ))  # fmt: skip

    def open(self) -> list[tuple[Finding, int]]:
        """Return what is wrong now, with how often it was, from memory."""
        return [(each.finding, each.count) for each in self._active.values() if each.opened]

    async def step(self, view: View) -> None:
        """Judge one view, and bring the table to what is known."""
        if self._known is None:
            self._known = set()
            try:
                if await self._has_database():
                    with answering(self._settings):
                        await self._learn()
            except OutsideError as error:
                LOG.info("what was told of before is not known", error=error)
        self._judge(judge(view), monotonic(), time.time_ns())
        try:
            await self._save()
        except OutsideError as error:
            LOG.info("alerts are not in the table", error=error)
        await self._beat(view)

    # --- in memory ----------------------------------------------------------------------------

    def _judge(self, found: Sequence[Finding], now: float, now_ns: int) -> None:
        seen = {each.subject: each for each in found}
        for subject, finding in seen.items():
            active = self._active.get(subject)
            if active is None:
                active = self._active[subject] = Active(finding, now, now_ns, now_ns)
            self._again(active, finding, now, now_ns)
        for subject, active in list(self._active.items()):
            if subject in seen or active.finding.passing:
                continue
            active.good += 1
            if active.good >= GOOD or not active.opened:
                del self._active[subject]
                if active.opened:
                    self._over.append(subject)

    def _again(self, active: Active, finding: Finding, now: float, now_ns: int) -> None:
        worse = RANK.index(finding.severity) > RANK.index(active.finding.severity)
        if active.good:  # it had gone for a look or two: the same trouble once more
            active.count += 1
        active.finding, active.good, active.last_ns = finding, 0, now_ns
        if not active.opened:
            if now - active.since < finding.for_s:
                return
            active.opened = True
            if finding.subject not in (self._known or ()):
                self._send(active, now)
        elif worse:
            active.acknowledged, active.row = False, None
            self._send(active, now)
        elif (finding.severity == Severity.CRITICAL and not active.acknowledged
              and now - active.sent >= self._settings.alerts.repeat_s):  # fmt: skip
            self._send(active, now)

    def _send(self, active: Active, now: float) -> None:
        active.sent = now
        given = self._settings.alerts
        least = RANK.index(Severity(given.least))
        if active.finding.kind in given.quiet or RANK.index(active.finding.severity) < least:
            return
        self.deliveries.add(message_of(active.finding, active.count), active.finding.subject)

    # --- in the table -------------------------------------------------------------------------

    async def _save(self) -> None:
        if not await self._has_database():
            return
        with answering(self._settings):
            async with self._opened().session(writes=True) as session:
                rows = await self._lasting(session)
                await self._resolve(session)
                for subject, active in self._active.items():
                    await self._keep(session, active, rows.pop(subject, None))
                for subject, row in rows.items():
                    self._take_up(subject, row)
                noted = tuple(self._sent)
                for each in noted:
                    await self._note(session, *each)
                await session.commit()
        self._over.clear()
        del self._sent[: len(noted)]  # others may have arrived meanwhile

    async def _has_database(self) -> bool:
        if self._database is None and self._settings.has_database:
            made = Database(self._settings)
            await made.start()
            self._database = made
        return self._database is not None

    def _opened(self) -> Database:
        assert self._database is not None, "the alerts have no database"
        return self._database

    def _mine(self) -> tuple[Any, ...]:
        settings = self._settings
        return Alert.owner_id == settings.owner_id, Alert.account_id == settings.account_id

    async def _lasting(self, session: AsyncSession) -> dict[str, Alert]:
        found = await session.scalars(select(Alert).where(*self._mine(), Alert.state.in_(LASTING)))
        return {row.subject: row for row in found}

    async def _resolve(self, session: AsyncSession) -> None:
        if self._over:
            await session.execute(
                update(Alert).values(state=AlertState.RESOLVED)
                .where(*self._mine(), Alert.state.in_(LASTING), Alert.subject.in_(self._over))
            )  # fmt: skip

    async def _keep(self, session: AsyncSession, active: Active, row: Alert | None) -> None:
        if not active.opened:
            return
        finding = active.finding
        if row is None:
            # A person has resolved it while it lasts, or it is a thing that happened: not again.
            if active.row is not None or finding.subject in (self._known or ()):
                active.acknowledged = True
                return
            row = self._row(active)
            session.add(row)
            await session.flush()
        active.row = row.id
        active.acknowledged = row.state == AlertState.ACKNOWLEDGED
        if RANK.index(finding.severity) > RANK.index(Severity(row.severity)):
            row.severity, row.state = finding.severity, AlertState.OPEN
        moved = active.count > active.saved_count
        if moved or active.last_ns - active.saved_ns >= TOUCH_NS:
            row.count += max(0, active.count - active.saved_count) if active.saved_count else 0
            row.last_ns, row.text = max(row.ts, active.last_ns), finding.text
            active.saved_count, active.saved_ns = active.count, active.last_ns

    # Things that happened before this process began are told of already.
    async def _learn(self) -> None:
        mine = (*self._mine(), Alert.kind.in_(PASSING))
        async with self._opened().session() as session:
            found = await session.scalars(
                select(Alert.subject).where(*mine).order_by(Alert.ts.desc()).limit(KNOWN)
            )
            self._known = set(found)

    def _row(self, active: Active) -> Alert:
        settings, finding = self._settings, active.finding
        return Alert(
            id=uuid.uuid4(), owner_id=settings.owner_id, account_id=settings.account_id,
            ts=active.first_ns, last_ns=active.last_ns, count=active.count, kind=finding.kind,
            severity=finding.severity, state=AlertState.OPEN, subject=finding.subject,
            text=finding.text, facts=dict(finding.facts), run_id=finding.run_id,
        )  # fmt: skip

    # What an earlier process opened is this one's to resolve, after as many good looks.
    def _take_up(self, subject: str, row: Alert) -> None:
        if subject in self._over or row.kind not in LASTS:
            return
        finding = Finding(row.kind, subject, Severity(row.severity), row.text, run_id=row.run_id)
        self._active[subject] = Active(
            finding, monotonic(), row.ts, row.last_ns, count=row.count, opened=True, good=0,
            acknowledged=row.state == AlertState.ACKNOWLEDGED, sent=monotonic(),
            saved_count=row.count, saved_ns=row.last_ns, row=row.id,
        )  # fmt: skip

    async def _delivered(self, channel: str, sending: Sending, arrived: bool) -> None:
        if sending.alert:
            self._sent.append((channel, sending.alert, sending, arrived))

    # What was sent may have ended before it arrived: then the newest alert of its subject is meant.
    async def _note(
        self, session: AsyncSession, channel: str, subject: str, sending: Sending, arrived: bool
    ) -> None:
        active = self._active.get(subject)
        alert = None if active is None else active.row
        if alert is None:
            mine = (*self._mine(), Alert.subject == subject)
            alert = await session.scalar(
                select(Alert.id).where(*mine).order_by(Alert.ts.desc()).limit(1)
            )
        if alert is None:
            LOG.warning("a message was sent of an alert that is in no table", subject=subject)
            return
        session.add(Delivery(
            id=uuid.uuid4(), alert_id=alert, channel=channel, attempts=sending.attempts,
            next_ns=time.time_ns(), error=sending.error or None,
            state=DeliveryState.SENT if arrived else DeliveryState.FAILED,
        ))  # fmt: skip

    # --- on its way ---------------------------------------------------------------------------

    async def _go_on(self) -> None:
        while True:
            try:
                await self.step(await self._view())
            except ODD as error:  # a mistake in one look is not the end of all alerts
                LOG.warning("alerts are not judged", error=error)
            await asyncio.sleep(self._period_s)

    async def _beat(self, view: View) -> None:
        now = monotonic()
        if self._pulse is None or now - self._pulsed < PULSE_S or not in_session(view.runs):
            return
        self._pulsed = now
        try:
            await self._pulse.beat()
        except AlphaPandaError as error:  # also a setting that may not be called
            LOG.warning("the pulse was not taken", error=error)


PASSING = ("trading_stopped", "order_failed", "feed_gap", "token_reuse")
"""Kinds of things that happened: a person resolves them, for they do not stop by themselves."""
LASTS = (
    "feed_down", "journal", "journal_disk", "logins", "loss", "order_unknown", "part_degraded",
    "part_down", "pipeline", "process_gone", "refusals", "token_dead",
)  # fmt: skip
"""Kinds that our rules find again while they last; any other alert is somebody else's."""


def message_of(finding: Finding, count: int) -> dict[str, Any]:
    """Return a finding as channels send it."""
    return {
        "title": f"{finding.severity.upper()}: {finding.text}"[:300], "text": finding.text,
        "severity": str(finding.severity), "kind": finding.kind, "subject": finding.subject,
        "run_id": finding.run_id, "count": count,
    }  # fmt: skip
