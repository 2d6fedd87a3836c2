"""Answers and lists that a hostile or broken wire would give: nothing is taken on trust."""

from __future__ import annotations

from typing import Any

import pytest

from alphapanda.brokers.ports import ReportKind
from alphapanda.brokers.zerodha.answers import Answer, Outcome
from alphapanda.brokers.zerodha.orders import following
from alphapanda.brokers.zerodha.orders.reading import COMPLETE, order_row
from alphapanda.brokers.zerodha.orders.state import Read, Send, Stage
from alphapanda.brokers.zerodha.orders.why import Why
from alphapanda.kitesim.answers import order_row as shown
from tests.support.orders import cancel, new
from tests.support.venue import World
from tests.support.venue_faults import Way

FILLED = ReportKind.FILLED


class Crossing(World):
    """A world in which the answers to the first two orders name other numbers than theirs."""

    how = "swapped"

    def begin(self) -> None:
        """Begin with no answer held back."""
        self.kept: list[tuple[Send, Answer, int]] = []
        super().begin()

    def answer(self, send: Send, answer: Answer, epoch: int) -> None:
        """Keep the first two answers, then give each with the number of the other, or of one."""
        if send.verb != "place" or len(self.kept) == 2:
            super().answer(send, answer, epoch)
            return
        self.kept.append((send, answer, epoch))
        if len(self.kept) == 2:
            (one, first, _), (two, second, _) = self.kept
            third = first._replace(data={"order_id": "251229999999999"})
            super().answer(one, third if self.how == "nobody's" else second, epoch)
            super().answer(two, first if self.how == "swapped" else second, epoch)


@pytest.mark.parametrize("how", ["swapped", "the same", "nobody's"])
def test_answers_that_name_each_others_numbers_move_no_wrong_order(how: str) -> None:
    """The tag counts, which alone is ours: fills and cancellations meet their order."""
    made = Crossing(3, Way(lost_updates=0))
    made.how = how
    made.way.hidden_s = 1.0  # else the book may tell before an answer comes
    made.send(new(1, 5, 1_600), new(2, 5, 1_450))
    made.run(20)
    assert sum(one.qty for one in made.of(1, FILLED)) == 5
    assert not made.of(2, FILLED)
    state = made.desk.state
    tags = {order.terms.tag: number for number, order in made.exchange.orders.items()}
    for order in (1, 2):
        assert state.orders[order].broker_id == tags[state.orders[order].tag]
    assert "answers crossed" in {alert.word for alert in made.alerts}
    assert Why.SYNC in state.blocks[-1]
    made.send(cancel(2))
    made.run(5)
    assert len(made.of(2, ReportKind.CANCELLED)) == 1
    made.do(made.desk.resume(made.now_s))
    assert not state.blocks[-1]
    made.check()


def test_complete_is_all_of_it_whatever_the_book_counts() -> None:
    """Else an order would be over with nothing said: it waits for its trades, and is told."""
    made = World(1, Way(lost_updates=0))
    made.send(new(1, 5, 1_450))
    made.run(3)
    order = next(iter(made.exchange.orders.values()))
    row = order_row(shown(order, "SIM001"))._replace(status=COMPLETE, filled=0)
    state = made.desk.state
    following.see(state, state.orders[1], row, made.now_s, made.now_s)
    assert state.orders[1].stage is Stage.LIVE
    assert following.wants_trades(state)
    for after_s in (0.0, 11.0):
        following.compare(state, made.now_s + after_s)
    assert Why.SYNC in state.blocks[0]


def test_a_storm_of_updates_reads_the_book_a_few_times_a_second() -> None:
    """Updates that are repeated ten thousand times cost no more than a busy second."""
    made = World(1, Way(lost_updates=0))
    made.run(10)
    reads: list[Any] = []
    for number in range(10_000):
        now_s = made.now_s + number / 10_000
        for action in made.desk.wake(now_s):
            if isinstance(action, Read):
                reads.append(action.what)
                made.desk.read(action.what, Answer(Outcome.DONE, 200, data=[]), now_s)
    assert 1 <= reads.count("book") <= 4
