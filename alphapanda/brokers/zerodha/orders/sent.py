"""What was sent and what was answered, on the disk before a request's first byte leaves.

So after a crash nothing is sent again: what may have left and has no answer is looked for by its
tag. The file is the run's own, of the form of journals, beside its journal.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alphapanda import faults
from alphapanda.brokers.zerodha.answers import Answer, Fate, fate
from alphapanda.brokers.zerodha.orders.state import Send
from alphapanda.journal.records import Reader, Writer

NAME = "sent.log"
SENT, ANSWERED = 1, 2
"""Kinds of records."""


@dataclass(slots=True)
class Before:
    """What an earlier process of the run has sent."""

    places: dict[str, int] = field(default_factory=dict)
    """How often an order of a tag was sent: once."""
    cancels: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """The broker's number by tag, where the answer told it."""
    refused: dict[str, Answer] = field(default_factory=dict)
    """Answers that refused an order for certain, by tag."""
    today: int = 0
    """Messages of the same day in India."""


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
        self._tags: dict[tuple[int, int], tuple[str, str]] = {}
        self._epoch, self._day = epoch, day
        reader = Reader(self.path)
        if self.path.exists():
            for record in reader.records():
                self._recall(record.kind, json.loads(record.payload))
        self._writer = Writer(self.path, reader=reader if self.path.exists() else None)

    def sending(self, send: Send, now_ns: int) -> None:
        """Write a request that is about to leave."""
        self._append(SENT, {
            "call": send.call, "verb": send.verb, "order": send.order, "tag": send.tag,
            "path": send.path, "sha256": hashlib.sha256(send.body).hexdigest(), "day": self._day,
            "at_ns": now_ns,
        })  # fmt: skip
        faults.at("order leaving")

    def answered(self, send: Send, answer: Answer, now_ns: int, took_ms: int) -> None:
        """Write what was answered, and how long it took."""
        faults.at("order answered")
        known = answer.data.get("order_id") if isinstance(answer.data, dict) else None
        self._append(ANSWERED, {
            "call": send.call, "outcome": str(answer.outcome), "status": answer.status,
            "error_type": answer.error_type, "text": answer.text, "took_ms": took_ms,
            "order_id": str(known) if known else "", "fate": str(fate(answer)), "at_ns": now_ns,
        })  # fmt: skip

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _append(self, kind: int, facts: dict[str, Any]) -> None:
        text = json.dumps({"epoch": self._epoch, **facts}, ensure_ascii=False)
        self._writer.append(kind, text.encode())

    def _recall(self, kind: int, facts: dict[str, Any]) -> None:
        call = facts["epoch"], facts["call"]
        before = self.before
        if kind == SENT:
            verb, tag = facts["verb"], facts["tag"]
            counts = {"place": before.places, "cancel": before.cancels}.get(verb, before.changes)
            counts[tag] = counts.get(tag, 0) + 1
            self._tags[call] = verb, tag
            before.today += facts["day"] == self._day
            return
        verb, tag = self._tags[call]
        if verb == "place" and facts["order_id"]:
            before.ids[tag] = facts["order_id"]
        elif verb == "place" and facts["fate"] in (Fate.REFUSED, Fate.HALTED):
            before.refused[tag] = Answer(
                facts["outcome"], facts["status"], facts["error_type"], facts["text"]
            )
