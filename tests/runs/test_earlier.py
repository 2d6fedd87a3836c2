"""The day's loss is the account's: what its other runs have lost counts for the next one."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.journal.journal import Journal
from alphapanda.model.calendar import EPOCH
from alphapanda.model.money import to_scaled
from alphapanda.runs.earlier import earned_by_others, earned_on
from alphapanda.runs.nights import Night, news_of
from tests.runs.test_nights import Venue, trade

MONDAY = date(2025, 8, 4)


def test_what_other_runs_earned_today_is_told_once(tmp_path: Path) -> None:
    """Of this broker and account, of this day alone; again only when it has changed."""
    folder = tmp_path / "first"
    result = trade(folder, Venue(), 0, until=MONDAY, hold=30)
    journal = Journal.open(folder)
    earned = to_scaled(result.summary["pnl"])
    assert earned_on(journal, MONDAY) == earned < 0
    assert earned_on(journal, MONDAY + timedelta(days=1)) == 0
    like = {name: journal.contents.manifest[name] for name in ("broker", "account_id")}
    own = tmp_path / "second"
    assert earned_by_others([folder, own], own, like, MONDAY) == earned
    assert earned_by_others([folder], folder, like, MONDAY) == 0
    assert earned_by_others([folder], own, {**like, "account_id": "another"}, MONDAY) == 0
    night = Night(MONDAY, earned=earned)
    (told,) = news_of(night, [])
    day = MONDAY.toordinal() - EPOCH
    assert (told.kind, told.qty, told.price) == (ReportKind.EARLIER, earned, day)
    assert news_of(night, [told]) == []
    assert news_of(night._replace(earned=0), [told])[0].qty == 0
    assert news_of(night, [told._replace(price=day - 1)]) == [told]
    assert news_of(night._replace(earned=0), []) == []
    assert isinstance(told, Report)
