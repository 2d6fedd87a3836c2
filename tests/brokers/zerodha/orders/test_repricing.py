"""Market orders that only close, and rest: at the market again after a while, where that is set."""

from __future__ import annotations

import pytest

from alphapanda.brokers.ports import ReportKind
from alphapanda.brokers.zerodha.answers import Answer
from alphapanda.brokers.zerodha.orders import changing
from alphapanda.brokers.zerodha.orders.guard import MOST_REPRICED, EgressError, Guard
from alphapanda.brokers.zerodha.orders.state import Stage
from alphapanda.model.rows import Kind
from tests.support.orders import INFY, cancel, market, new, rs
from tests.support.venue import World
from tests.support.venue_faults import Way, error

R = ReportKind
BUSY = error(400, "InputException", "Order cannot be modified as it is being processed. Try later.")
REFUSED = error(400, "InputException", "Not now.")


def resting(reprice_s: float = 20.0, answer: Answer | None = None) -> World:
    """Return a world that holds forty shares, whose sale at the market rests below its limit."""
    made = World(1, Way(lost_updates=0), reprice_s=reprice_s)
    made.price(1_500, 60)
    made.send(new(1, 40, 1_600))
    made.run(5)
    made.change_answer = answer
    made.send(new(2, -40, 0, kind=Kind.STOP, trigger=rs(1_495), protection=20_000))
    made.run(3)
    made.price(1_490, 1)
    made.run(1)
    made.price(1_400, 1)
    made.run(4)
    return made


def changes(made: World) -> int:
    """Return how many changes came to the exchange."""
    return sum(verb == "modify" for _, verb, _ in made.arrived)


def words(made: World) -> set[str]:
    """Return the words of all alerts."""
    return {alert.word for alert in made.alerts}


def test_it_follows_the_market_and_fills() -> None:
    """Again a market order by its own protection: one message; the core hears of fills only."""
    made = resting()
    assert 0 < sum(-one.qty for one in made.of(2, R.FILLED)) < 40
    made.run(25)
    assert changes(made) == 1
    assert made.desk.state.budget.sent_today == 3
    made.price(1_400, 90)
    made.run(5)
    assert sum(one.qty for one in made.of(2, R.FILLED)) == -40
    assert made.desk.state.orders[2].stage is Stage.ENDED
    assert not made.of(2, R.REPLACED)
    assert not made.of(2, R.CHANGE_REJECTED)
    assert "re-priced" in words(made)
    made.check()


def test_it_is_only_told_where_nothing_is_set() -> None:
    """Without the setting nothing leaves."""
    made = resting(0.0)
    made.run(200)
    assert changes(made) == 0
    assert {"market order rests"} <= words(made)


def test_it_ends_after_ten_and_leaves_changes_for_others() -> None:
    """A market that runs away is not followed for ever; the order can be cancelled still."""
    made = resting(10.0)
    for fall in range(1, 30):
        made.price(1_400 - 20 * fall, 1)
        made.run(12)
    assert changes(made) == changing.REPRICES
    made.send(cancel(2))
    made.run(5)
    assert len(made.of(2, R.CANCELLED)) == 1
    made.check()


def test_an_entry_is_never_chased() -> None:
    """What opens a position rests until its strategy decides."""
    made = World(1, Way(lost_updates=0), reprice_s=5.0)
    made.send(market(1, 15))
    made.run(120)
    assert changes(made) == 0
    assert "market order rests" in words(made)


@pytest.mark.parametrize("answer", [BUSY, REFUSED])
def test_a_refusal_of_it_is_a_persons_matter(answer: Answer) -> None:
    """The core asked for nothing, and hears of nothing; it is tried again later."""
    made = resting(20.0, answer)
    made.run(60)
    assert not made.of(2, R.CHANGE_REJECTED)
    assert ("change refused" in words(made)) == (answer is REFUSED)
    assert "re-priced" not in words(made)
    made.change_answer = None
    made.run(30)
    assert changes(made) >= 1


@pytest.mark.parametrize(("body", "why"), [
    (b"order_type=MARKET&market_protection=5", "otherwise"),
    (b"order_type=LIMIT&market_protection=-1", "otherwise"),
    (b"order_type=MARKET&market_protection=-1&quantity=9", "otherwise"),
])  # fmt: skip
def test_the_guard_lets_nothing_else_pass(body: bytes, why: str) -> None:
    """Only what was approved as a market order, by its own protection, so often, if it is set."""
    path = "/orders/regular/251229000000001"

    def guard(*, reprices: bool) -> Guard:
        one = Guard(1, lambda: 1, reprices=reprices)
        one.approve("T", market(1), INFY)
        one.approve_change("T", cancel(1))
        one.know("T", "251229000000001")
        return one

    good = b"order_type=MARKET&market_protection=-1"
    with pytest.raises(EgressError, match=why):
        guard(reprices=True).pass_change("T", path, body, cancels=False)
    with pytest.raises(EgressError):
        guard(reprices=True).pass_change("T", path.replace("1229", "1230"), good, cancels=False)
    one = guard(reprices=True)
    for _ in range(MOST_REPRICED):
        one.pass_change("T", path, good, cancels=False)
    with pytest.raises(EgressError, match="re-priced"):
        one.pass_change("T", path, good, cancels=False)
