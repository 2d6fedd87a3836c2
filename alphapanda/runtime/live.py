"""A live feed of Zerodha, opened: session, today's instruments, circuit limits, hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alphapanda import log
from alphapanda.brokers.zerodha import circuits, dumps
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.clocks import SimulatorClock
from alphapanda.brokers.zerodha.limits_of_day import EVERY_S
from alphapanda.brokers.zerodha.live_feed import CONNECTIONS, Hours, LiveFeed, LiveSource, feed_of
from alphapanda.brokers.zerodha.quotes import Circuits, with_circuits
from alphapanda.brokers.zerodha.sessions import logged_in
from alphapanda.brokers.zerodha.sieve import LATE_NS
from alphapanda.brokers.zerodha.ticker import PER_CONNECTION
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.feeds import Feed
from alphapanda.model.calendar import Calendar, ist_date
from alphapanda.model.instruments import Instrument, Master, Masters

LOG = log.get("zerodha.feed")


def open_live(
    settings: Settings, names: Sequence[str], *, calendar: Calendar, kept: Feed | None = None
) -> LiveSource:
    """Return the live feed of some instruments for today; its part has still to be started.

    `kept` is the feed of a run that was begun another day, or earlier today, and goes on: its
    instruments are read anew, and today's session may be over.

    Raises:
        UsageError: without today's list of instruments, or when trading is over.
        OutsideError: without a session, or if Kite does not answer.
    """
    if len(names) > CONNECTIONS * PER_CONNECTION:
        raise UsageError(
            f"{len(names):,} instruments: Kite has {CONNECTIONS * PER_CONNECTION:,} for a key"
        )
    with logged_in(settings) as client:
        clock = client.clock
        today = ist_date(clock())
        profile = client.profile()
        master = Masters([dumps.todays(settings.instruments_dir, clock())]).at(today)
        if kept is None:
            listed = [master.get(name) for name in names]
        else:
            refuse_others(names, kept)
            listed = listed_again(kept.instruments, master)
        require_exchanges(profile.get("exchanges"), {each.exchange.name for each in listed})
        found = circuits.of_day(client, settings.instruments_dir, listed, today)
    hours = Hours(calendar, found.instruments, today)
    hours.refuse_over(clock(), goes_on=kept is not None)
    notes = tuple(
        f"no circuit limits known of {name}: the rule PRICE_BAND has none for it"
        for name in found.unknown
    )

    # A login of its own: the day's session may be another one by then.
    def read(listed: Sequence[Instrument]) -> Circuits:
        with logged_in(settings) as client:
            return with_circuits(client, listed)

    feed = kept or feed_of(found.instruments, today)
    speed = clock.speed if isinstance(clock, SimulatorClock) else 1.0
    live = LiveFeed(
        settings, addresses_of(settings), found.instruments, clock=clock, hours=hours,
        late_ns=round(LATE_NS * max(speed, 1.0)), feed=feed.id, read=read,
        every_s=EVERY_S / max(speed, 1.0),
    )  # fmt: skip
    live.waits = True
    simulator = speed if isinstance(clock, SimulatorClock) else None
    return LiveSource(live, feed, today=today, notes=notes, simulator=simulator)


def refuse_others(names: Sequence[str], kept: Feed) -> None:
    """Refuse to go on with other instruments than a run was begun with.

    Raises:
        UsageError: if they are others.
    """
    if tuple(names) != kept.names:
        raise UsageError(
            f"--feed kite:{','.join(names)}: the run that waits in --out was begun with "
            f"kite:{','.join(kept.names)}; choose another --out for others"
        )


def listed_again(instruments: Sequence[Instrument], master: Master) -> list[Instrument]:
    """Return instruments as today's list has them; one that it does not have has the token 0."""
    return [
        master.get(each.name) if each.name in master else replace(each, token=0)
        for each in instruments
    ]  # fmt: skip


def require_exchanges(known: object, used: set[str]) -> None:
    """Refuse instruments of exchanges that the account does not trade on.

    Raises:
        UsageError: if there are some.
    """
    missing = sorted(used - set(known)) if isinstance(known, list) else []
    if missing:
        raise UsageError(f"Kite says that the account does not trade on {', '.join(missing)}")
