"""What was sent and what was answered, on the disk before a request's first byte leaves.

So after a crash nothing is sent again: what may have left and has no answer is looked for by its
tag. The file is the run's own, of the form of journals, beside its journal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alphapanda import faults
from alphapanda.brokers.zerodha.answers import Answer, Fate, Outcome, fate
from alphapanda.brokers.zerodha.orders.state import Send
from alphapanda.journal.records import Reader, Writer

NAME = "sent.log"
SENT, ANSWERED = 1, 2
"""Kinds of records."""


@dataclass(slots=True)
class Before:
    """What earlier processes of the run have sent, by what they wrote; pure."""

    places: dict[str, int] = field(default_factory=dict)
    """How often an order of a tag was sent: once."""
    changes: dict[str, int] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """The broker's number by tag, where the answer told it."""
    refused: dict[str, Answer] = field(default_factory=dict)
    """Answers that refused an order for certain, by tag."""
    older: set[int] = field(default_factory=set)
    """Numbers of orders that were sent on an earlier day."""
    today: int = 0
    """Messages of the same day in India."""
    _calls: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)

    def recall(self, kind: int, facts: Mapping[str, Any], day: int) -> None:
        """Take in a record."""
        call = facts["epoch"], facts["call"]
        if kind == SENT:
            verb, tag = facts["verb"], facts["tag"]
            self._calls[call] = verb, tag
            self.today += facts["day"] == day
            if verb == "place" and facts["day"] != day:
                self.older.add(facts["order"])
            if verb != "cancel":
                counts = self.places if verb == "place" else self.changes
                counts[tag] = counts.get(tag, 0) + 1
            return
        verb, tag = self._calls[call]
        if verb == "place" and facts["fate"] == Fate.ACCEPTED:
            self.ids[tag] = facts["order_id"]
        elif verb == "place" and facts["fate"] in (Fate.REFUSED, Fate.HALTED):
            self.refused[tag] = Answer(
                Outcome(facts["outcome"]), facts["status"], facts["error_type"], facts["text"]
            )


def sent_facts(send: Send, *, epoch: int, day: int, now_ns: int) -> dict[str, Any]:
    """Return what is written of a request that is about to leave."""
    return {
        "epoch": epoch, "call": send.call, "verb": send.verb, "order": send.order,
        "tag": send.tag, "path": send.path, "sha256": hashlib.sha256(send.body).hexdigest(),
        "day": day, "at_ns": now_ns,
    }  # fmt: skip


def answered_facts(
    send: Send, answer: Answer, *, epoch: int, now_ns: int, took_ms: int
) -> dict[str, Any]:
    """Return what is written of an answer."""
    known = answer.data.get("order_id") if isinstance(answer.data, dict) else None
    return {
        "epoch": epoch, "call": send.call, "outcome": str(answer.outcome),
        "status": answer.status, "error_type": answer.error_type, "text": answer.text,
        "order_id": str(known) if known else "", "fate": str(fate(answer)), "took_ms": took_ms,
        "at_ns": now_ns,
    }  # fmt: skip


class SentLog:
    """Adds to the file; opened by one process at a time.

    Raises:
        LockError: if another process writes it.
        DamageError: if the file is damaged.
        OutsideError: if the disk does not take a record; nothing may be sent then.
    """

    def __init__(self, folder: Path, epoch: int, *, day: int = 0) -> None:
        """Read what there is, and go on behind it; `day` counts days in India from 1970."""
        self.path = folder / NAME
        self.before = Before()
        self._epoch, self._day = epoch, day
        reader = Reader(self.path) if self.path.exists() else None
        for record in reader.records() if reader is not None else ():
            self.before.recall(record.kind, json.loads(record.payload), day)
        self._writer = Writer(self.path, reader=reader)

    def sending(self, send: Send, now_ns: int) -> None:
        """Write a request that is about to leave."""
        self._append(SENT, sent_facts(send, epoch=self._epoch, day=self._day, now_ns=now_ns))
        faults.at("order leaving")

    def answered(self, send: Send, answer: Answer, now_ns: int, took_ms: int) -> None:
        """Write what was answered, and how long it took."""
        faults.at("order answered")
        facts = answered_facts(send, answer, epoch=self._epoch, now_ns=now_ns, took_ms=took_ms)
        self._append(ANSWERED, facts)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _append(self, kind: int, facts: Mapping[str, Any]) -> None:
        self._writer.append(kind, json.dumps(facts, ensure_ascii=False).encode())
