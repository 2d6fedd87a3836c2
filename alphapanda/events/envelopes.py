"""Output rows as envelopes: each with an id of its own, and its place in a chain of causes.

The same rows of the same feed give the same envelopes however they were cut into batches. Ids of
outputs hash the run and their `seq`, those of inputs (`inputs.py`) the feed and a row's place.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from alphapanda.events.events import PAYLOADS, VERSION, Envelope, event_id
from alphapanda.events.inputs import Inputs, Position
from alphapanda.events.payloads import (
    ANSWERS,
    CAUSE,
    FILLED,
    GROUP,
    ORDER,
    OUTS,
    QTY,
    TS,
    TYPE,
    TYPES,
    fields_of,
    row_of,
)
from alphapanda.model.columns import Columns
from alphapanda.model.rows import Out
from alphapanda.model.texts import Texts

ENDED = (Out.REJECTED, Out.CANCELLED, Out.EXPIRED, Out.FAILED)
REMEMBERED = 1024
"""Ended orders whose chain is kept: the exits of a bracket follow their entry's last fill."""


class Chain(NamedTuple):
    """An event's place among its causes."""

    correlation: str
    last: str


class Translator:
    """Makes the envelopes of one run, in order."""

    def __init__(
        self, run_id: str, *, broker: str, feed: str, strategies: Sequence[str],
        instruments: Sequence[str],
    ) -> None:  # fmt: skip
        self.run_id = run_id
        self.broker = broker
        self.feed = feed
        self.strategies = strategies
        self.instruments = instruments
        self.position = Position(input=event_id(0, feed))
        self.seq = 0
        self._fields = fields_of(strategies, instruments)
        self._open: dict[int, tuple[Chain, int]] = {}
        self._ended: OrderedDict[int, Chain] = OrderedDict()
        self._last: tuple[int, Chain] = (-1, Chain("", ""))

    def take(
        self, rows: Any, batch: Columns, controls: Any, texts: Sequence[Texts] = ()
    ) -> list[Envelope]:
        """Return the envelopes of the rows that a batch brought forth.

        `texts`: what the commands among its control rows say in words, in order.
        """
        inputs = Inputs(self.feed, self.position, batch, controls, texts)
        made = [self._envelope(row, inputs) for row in rows.tolist()]
        self.position = inputs.after()
        return made

    def skip(self, envelopes: Iterable[Envelope], batch: Columns, controls: Any) -> None:
        """Go on behind a batch whose envelopes were made before, as if they were made now."""
        for envelope in envelopes:
            kind = OUTS[envelope.type]
            row = row_of(envelope, self._fields[kind])
            self._note(kind, row, Chain(envelope.correlation_id, envelope.id))
            self.seq = envelope.seq + 1
        self.position = Inputs(self.feed, self.position, batch, controls).after()

    def miss(self, rows: int) -> None:
        """Go on behind rows of the feed that never came: those that follow keep their places."""
        self.position = self.position._replace(rows=self.position.rows + rows)

    def _envelope(self, row: tuple[int, ...], inputs: Inputs) -> Envelope:
        kind = Out(row[TYPE])
        before = self._chain(kind, row, inputs)
        own = event_id(row[TS], self.run_id, self.seq)
        self._note(kind, row, Chain(before.correlation, own))
        values = {f.name: f.write(row[f.column]) for f in self._fields[kind]}
        if kind == Out.COMMAND:
            name = values["strategy"] or values["instrument"] or ""
            values |= {"name": name, **inputs.command(row[CAUSE])._asdict()}
        elif kind == Out.ADOPTED:
            values["broker_order_id"] = inputs.adopted(row[CAUSE])
        elif kind in ANSWERS:
            payload = PAYLOADS[TYPES[kind]].__struct_fields__
            said = inputs.report(kind, row[CAUSE], row[ORDER])
            values |= {name: value for name, value in said.items() if name in payload}
        made = Envelope(
            id=own, type=TYPES[kind], ts=row[TS], key=self._key(kind, row, values), source="core",
            version=VERSION, broker=self.broker, run_id=self.run_id, seq=self.seq,
            correlation_id=before.correlation, causation_id=before.last,
            trace_id=before.correlation.replace("-", ""), data=PAYLOADS[TYPES[kind]](**values),
        )  # fmt: skip
        self.seq += 1
        return made

    # An order's chain begins with the input behind its signal. The P&L that a fill makes, and what
    # a refusal or a command stops, follow directly and belong to it.
    def _chain(self, kind: Out, row: tuple[int, ...], inputs: Inputs) -> Chain:
        order, group = row[ORDER], row[GROUP]
        if order != 0 and kind not in (Out.SIGNAL, Out.COMMAND):
            for number in (order, group):
                if number in self._open:
                    return self._open[number][0]
                if number in self._ended:
                    return self._ended[number]
        if kind == Out.KILLED or (kind == Out.PNL and self._last[0] == Out.FILL):
            if self._last[0] in (Out.FILL, Out.REJECTED, Out.COMMAND):
                return self._last[1]
        source = inputs.id(row[CAUSE])
        return Chain(source, source)

    def _note(self, kind: Out, row: tuple[int, ...], own: Chain) -> None:
        order = row[ORDER]
        self._last = (kind, own)
        if order == 0 or kind in (Out.PNL, Out.CHARGE, Out.KILLED, Out.COMMAND):
            return
        _, wanted = self._open.get(order, (own, 0))
        if kind in (Out.SIGNAL, Out.ORDER, Out.ADOPTED, Out.MODIFIED):
            wanted = row[QTY]
        self._open[order] = (own, wanted)
        if kind in ENDED or (kind == Out.FILL and row[FILLED] == wanted):
            del self._open[order]
            self._ended[order] = own
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)

    def _key(self, kind: Out, row: tuple[int, ...], values: Mapping[str, Any]) -> str:
        match kind:
            case Out.SIGNAL | Out.VALIDATED | Out.REJECTED:
                key = f"{values['strategy']}:{values['instrument']}"
            case Out.PNL | Out.CHARGE:
                key = str(values["strategy"])
            case Out.KILLED | Out.BROKER_SESSION | Out.RECONCILED:
                key = self.run_id
            case Out.COMMAND:
                key = str(values["scope"])
            case Out.EXTERNAL_ORDER:
                key = f"{self.run_id}:{values.get('broker_order_id', '')}"
            case Out.EXTERNAL_POSITION:
                key = values["instrument"] or self.run_id
            case _:
                key = f"{self.run_id}:{row[ORDER]}"
        return key
