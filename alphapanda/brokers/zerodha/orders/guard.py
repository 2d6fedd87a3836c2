"""The last look at what leaves: it knows what was approved, and stops all at the first doubt.

It shares no code with what makes bodies: it reads the bytes that are about to leave, and compares
them with the request that the core approved. Knight lost 460 million dollars for lack of this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from urllib.parse import parse_qsl

from alphapanda.brokers.ports import OrderRequest
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.money import SCALE
from alphapanda.model.rows import Kind, Tif

WORDS = {"MARKET": Kind.MARKET, "LIMIT": Kind.LIMIT, "SL": Kind.STOP_LIMIT, "SL-M": Kind.STOP}
NEEDED = {
    "exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type",
    "validity", "tag",
}  # fmt: skip
OPTIONAL = {"price", "trigger_price", "market_protection"}
CHANGEABLE = {"quantity", "order_type", *OPTIONAL}
TRIES = 8
"""A change that was refused because another is under way may be sent again, so often."""
REPRICING = {"order_type", "market_protection"}
MARKETS = (Kind.MARKET, Kind.STOP)
MOST_REPRICED = 25
"""As many changes as Kite takes of an order."""
PROTECTION = 100_000
"""One percent, in 1e-7."""


BROKER = "zerodha"


class EgressError(AssertionError):
    """Something was about to leave that nobody approved: the process must stop."""


class Approved(NamedTuple):
    """What the core asked for."""

    request: OrderRequest
    instrument: Instrument


class Guard:
    """Counts what was approved and what left; `newest` returns the newest epoch there is."""

    def __init__(
        self, epoch: int, newest: Callable[[], int], *, sent: Mapping[str, int] | None = None,
        reprices: bool = False,
    ) -> None:  # fmt: skip
        self.tripped = ""
        """Why nothing may leave any more."""
        self._epoch, self._newest = epoch, newest
        self._places: dict[str, Approved] = {}
        self._changes: dict[str, list[OrderRequest]] = {}
        self._sent = Counter(sent or {})
        self._changed: Counter[str] = Counter()
        self._ids: dict[str, set[str]] = {}
        self._reprices = reprices
        self._repriced: Counter[str] = Counter()

    def approve(self, tag: str, request: OrderRequest, instrument: Instrument) -> None:
        """Note a new order that is in the journal."""
        if request.broker not in ("", BROKER):
            self._stop(f"{tag} is bound to {request.broker}")
        if tag in self._places and self._places[tag].request != request:
            self._stop(f"two approvals of {tag} differ")
        self._places[tag] = Approved(request, instrument)

    def adopt(self, tag: str, request: OrderRequest, instrument: Instrument) -> None:
        """Note an order that the broker has already: it may be changed, and can never be sent."""
        self.approve(tag, request, instrument)
        self._sent[tag] += 1
        self.know(tag, request.adopts)

    def approve_change(self, tag: str, request: OrderRequest) -> None:
        """Note a change or a cancellation that is in the journal."""
        self._changes.setdefault(tag, []).append(request)

    def know(self, tag: object, broker_id: object) -> None:
        """Note that an order of the broker bears a tag, as its answer or its order book says."""
        if isinstance(tag, str) and tag in self._places and broker_id:
            self._ids.setdefault(tag, set()).add(str(broker_id))

    def read_book(self, rows: object) -> None:
        """Note which orders bear tags of ours."""
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                more = row.get("tags")
                for tag in (row.get("tag"), *(more if isinstance(more, list) else ())):
                    self.know(tag, row.get("order_id"))

    def pass_place(self, tag: str, path: str, body: bytes) -> None:
        """Let an order leave.

        Raises:
            EgressError: if it was not approved so, or has left before.
        """
        self._see_epoch()
        approved = self._places.get(tag)
        if approved is None:
            self._stop(f"{tag} was never approved")
            return
        self._sent[tag] += 1
        if self._sent[tag] > 1:
            self._stop(f"{tag} would be sent {self._sent[tag]} times")
        form = self._read(body, NEEDED | OPTIONAL)
        if path != "/orders/regular" or not form.keys() >= NEEDED or form["tag"] != tag:
            self._stop(f"{tag} would be sent by {path} with {sorted(form)}")
        wrong = mismatches(form, approved)
        if wrong:
            self._stop(f"{tag} differs from what was approved in {', '.join(wrong)}")

    def pass_change(self, tag: str, path: str, body: bytes, *, cancels: bool) -> None:
        """Let a change or a cancellation leave.

        Raises:
            EgressError: if it was not approved so.
        """
        self._see_epoch()
        if path.rpartition("/")[2] not in self._ids.get(tag, ()):
            self._stop(f"{tag} is not the order of {path}")
        if not cancels and self._is_market_again(tag, body):
            return
        approved = self._changes.get(tag, [])
        self._changed[tag] += 1
        if self._changed[tag] > TRIES * len(approved):
            self._stop(f"{tag} would be changed more often than was approved")
        if cancels:
            self._read(body, {"parent_order_id"})
            return
        form = self._read(body, CHANGEABLE)
        if tag not in self._places or not any(
            not mismatches(form, self._places[tag]._replace(request=one)) for one in approved
        ):
            self._stop(f"{tag} would be changed otherwise than was approved")

    # What was approved as a market order stays one, with the protection that was approved.
    def _is_market_again(self, tag: str, body: bytes) -> bool:
        form, approved = self._read(body, CHANGEABLE), self._places.get(tag)
        if approved is None or not self._reprices or form.keys() != REPRICING:
            return False
        request = approved.request
        same = protects(form["market_protection"], request.protection)
        if form["order_type"] != "MARKET" or request.kind not in MARKETS or not same:
            return False
        self._repriced[tag] += 1
        if self._repriced[tag] > MOST_REPRICED:
            self._stop(f"{tag} would be re-priced {self._repriced[tag]} times")
        return True

    def _read(self, body: bytes, known: set[str]) -> dict[str, str]:
        pairs = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
        form = dict(pairs)
        if len(form) != len(pairs) or not form.keys() <= known:
            self._stop(f"a body with {sorted(name for name, _ in pairs)}")
        return form

    def _see_epoch(self) -> None:
        if self.tripped:
            self._stop(self.tripped)
        if (newest := self._newest()) != self._epoch:
            self._stop(f"epoch {self._epoch} is over, {newest} has begun")

    def _stop(self, why: str) -> None:
        self.tripped = self.tripped or why
        raise EgressError(f"egress guard: {why}")


def mismatches(form: Mapping[str, str], approved: Approved) -> list[str]:
    """Return the fields of a body that say something else than the request."""
    request, instrument = approved
    expected: dict[str, object] = {
        "exchange": instrument.exchange.name, "tradingsymbol": instrument.symbol,
        "transaction_type": "BUY" if request.qty > 0 else "SELL",
        "product": Product(request.product).name, "validity": Tif(request.tif).name,
    }  # fmt: skip
    wrong = [name for name, value in expected.items() if form.get(name, value) != value]
    kind = WORDS.get(form.get("order_type", ""), None if "order_type" in form else request.kind)
    if kind != request.kind:
        wrong.append("order_type")
    numbers = {
        "quantity": abs(request.qty) * SCALE,
        "price": request.price if request.kind in (Kind.LIMIT, Kind.STOP_LIMIT) else None,
        "trigger_price": request.trigger if request.kind in (Kind.STOP, Kind.STOP_LIMIT) else None,
    }
    wrong += [n for n, value in numbers.items() if n in form and exact(form[n]) != value]
    needs = request.kind in (Kind.MARKET, Kind.STOP) and "order_type" in form
    if needs != ("market_protection" in form) or (
        needs and not protects(form["market_protection"], request.protection)
    ):
        wrong.append("market_protection")
    if "tag" in form:
        wrong += [n for n, value in numbers.items() if value is not None and n not in form]
    return wrong


def exact(text: str) -> int | None:
    """Return a decimal of the wire, scaled; None if it is none, or finer than we count."""
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    scaled = Decimal(text) * SCALE
    return int(scaled) if scaled == int(scaled) else None


def protects(text: str, protection: int) -> bool:
    """Say if a protection of the wire, in percent, is the approved one in 1e-7."""
    try:
        percent = Decimal(text)
    except InvalidOperation:
        return False
    return percent == -1 if protection < 0 else percent * PROTECTION == protection
