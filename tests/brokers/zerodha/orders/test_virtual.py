"""Reliability F1, F2, F5 and F6 in virtual time, held against the simulated exchange's ledger."""

from __future__ import annotations

import os

import pytest

from alphapanda.brokers.ports import ReportKind
from tests.support.orders import cancel, change, new
from tests.support.venue import World
from tests.support.venue_faults import FAULTS, Way

ENDS = (ReportKind.REJECTED, ReportKind.CANCELLED, ReportKind.EXPIRED)
DELAYS = range(0, 120, 2)
SEEDS = int(os.environ.get("ALPHAPANDA_TEST_SEEDS", "600"))
"""Days in the test of any order of events; `make soak` asks for more."""
PROVEN = "refused, placed all the same"
"""Nobody looks hard for an order that was refused for certain; it is found all the same."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_answer_loses_no_order_and_doubles_none(fault: str) -> None:
    """Whatever is answered, and whenever the book shows it: one order, its fill, once."""
    late = 0
    for delay in DELAYS:
        world = World(delay, Way(fixed=fault, hidden_s=float(delay)))
        world.send(new(1))
        world.run(260)
        world.check()
        placed = len(world.exchange.orders)
        if placed:
            shown_s = world.hidden[next(iter(world.hidden))]
            filled = [at for at, one in world.said_s if one.kind == ReportKind.FILLED]
            assert len(filled) == 1, (fault, delay)
            late += filled[0] - shown_s > 5
        else:
            assert len(world.of(1, *ENDS)) == 1, (fault, delay)
            assert not world.of(1, ReportKind.ACKNOWLEDGED)
    assert late <= len(DELAYS) // 100 or fault == PROVEN, "99 % within 5 s of being shown"


def test_nothing_is_lost_doubled_or_sent_again_in_any_order_of_events() -> None:
    """Hundreds of seeds of lost answers, late books, lost updates, bad lists, kills and races."""
    for seed in range(SEEDS):
        run_seed(seed)


def run_seed(seed: int) -> World:
    """Run a seed: four orders with changes and cancellations, a moving price, sometimes a kill."""
    world = World(seed, Way(place=0.3, change=0.3, lists=0.2, hidden_s=-1))
    chance = world.random
    for order in range(1, 5):
        qty = chance.choice((5, 12, 30)) * chance.choice((1, -1))
        price = chance.choice((1_490, 1_500, 1_600 if qty > 0 else 1_400))
        at_s = chance.uniform(0, 20)
        world.send_at(at_s, new(order, qty, price))
        if chance.random() < 0.4:
            wanted = change(order, qty + (5 if qty > 0 else -5), price)
            world.send_at(at_s + chance.uniform(0, 30), wanted)
        if chance.random() < 0.6:
            world.send_at(at_s + chance.uniform(0, 60), cancel(order, qty=qty, price=price))
    for _ in range(6):
        at, rupees = chance.uniform(0, 80), chance.choice((1_480, 1_500, 1_520))
        world.later(at, lambda rupees=rupees: world.price(rupees, 10))  # type: ignore[misc]
    if chance.random() < 0.4:
        world.later(chance.uniform(0, 60), world.die)
    world.run(130)
    world.healed = True
    world.run_until_quiet(300)
    world.price(1_450, 1_000)
    world.price(1_550, 1_000)
    world.run(40)
    world.check()
    for tracked in world.desk.state.orders.values():
        assert tracked.is_over, (seed, tracked)
    return world
