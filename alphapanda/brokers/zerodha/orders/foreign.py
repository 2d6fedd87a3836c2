"""Orders that are not this run's: kept apart, never cancelled; those of our own kind are held up.

They are a person's, another program's, the broker's own (square-off, triggers, alerts), or another
run's of this deployment: the last are nobody's until a person has decided.
"""

from __future__ import annotations

from alphapanda.brokers.ports import Report, ReportKind
from alphapanda.brokers.zerodha.orders.reading import OrderRow
from alphapanda.brokers.zerodha.orders.state import Say, State
from alphapanda.brokers.zerodha.orders.why import Why

QUARANTINE = "QUARANTINE"
"""What the words of such an order begin with."""


def see(state: State, row: OrderRow) -> bool:
    """Take in an order that no request of this run made; say if more of it is filled than was."""
    state.foreign[row.order_id] = row
    kin = any(state.tags.is_kin(tag) or state.tags.number(tag) for tag in row.tags)
    held_up = kin and row.order_id not in state.released and not row.is_final
    report = report_of(state, row, f"{QUARANTINE} " if held_up else "")
    news = state.external.get(row.order_id) != report
    if news:
        state.external[row.order_id] = report
        state.actions.append(Say(report))
    if held_up and row.order_id not in state.quarantined:
        state.quarantined.add(row.order_id)
        state.alert("quarantine", f"{row.order_id} bears {row.tags[0]}, which no order here has: "
                    "cancel it at Kite, or let it be: alphapanda orders ignore")  # fmt: skip
        state.block(report.row, Why.SYNC, f"order {row.order_id} is in quarantine")
    elif not held_up and row.order_id in state.quarantined:
        release(state, row.order_id)
    return news and row.filled > 0


def release(state: State, order_id: str) -> None:
    """End the quarantine of an order: it is over, or a person has decided."""
    state.quarantined.discard(order_id)
    state.released.add(order_id)
    said = state.external[order_id]
    if said.text.startswith(QUARANTINE):
        said = said._replace(text=said.text.removeprefix(f"{QUARANTINE} "))
        state.external[order_id] = said
        state.actions.append(Say(said))
    state.lift(state.external[order_id].row)


def report_of(state: State, row: OrderRow, mark: str) -> Report:
    """Return what is said of an order that is not ours."""
    filled = f", {row.filled} filled" if row.filled else ""
    return Report(
        int(ReportKind.EXTERNAL_ORDER), 0, state.row_of(row.name), row.signed, row.price,
        row.trigger, exchange_ns=row.ts, broker_order_id=row.order_id,
        text=f"{mark}{row.name} {row.product} {row.status}{filled}",
    )  # fmt: skip
