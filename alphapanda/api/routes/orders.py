"""Orders, signals and fills: newest first, each refusal with its rule in words."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from sqlalchemy import select
from starlette.responses import Response

from alphapanda.api.answers import ApiError, answer, not_found
from alphapanda.api.bodies import Cancelled, read, takes
from alphapanda.api.control import Wanted
from alphapanda.api.lists import Cursor, Limit, Moment, Word, behind, decoded, moment, page, size
from alphapanda.api.refusals import sentence
from alphapanda.api.routes.runs import run_of
from alphapanda.api.scopes import V1
from alphapanda.api.services import services_of
from alphapanda.api.shapes import row_shown
from alphapanda.api.who import who_of
from alphapanda.model.commands import Verb
from alphapanda.store.trading import Fill, Order, Signal
from alphapanda.store.words import OrderStatus

ROUTER = APIRouter(prefix=V1, tags=["orders"])
Number = Annotated[str, Path(pattern=r"^[0-9]{1,18}$")]
WORKING = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.OPEN, OrderStatus.TRIGGERED)


@ROUTER.get("/orders", summary="List orders")
async def orders(
    request: Request, run: Word = "", status: Word = "", instrument: Word = "",
    strategy: Word = "", since: Moment = "", cursor: Cursor = "", limit: Limit = "100",
) -> Response:  # fmt: skip
    """Return orders, those placed last first; `status=working` is all that may still fill."""
    query = select(Order)
    if status == "working":
        query, status = query.where(Order.status.in_(WORKING)), ""
    chosen = {Order.run_id: run, Order.status: status, Order.instrument: instrument,
              Order.strategy: strategy}  # fmt: skip
    return await table(request, query, Order, Order.order_id, chosen, since, cursor, limit)


@ROUTER.get("/signals", summary="List signals")
async def signals(
    request: Request, run: Word = "", status: Word = "", code: Word = "", instrument: Word = "",
    strategy: Word = "", since: Moment = "", cursor: Cursor = "", limit: Limit = "100",
) -> Response:  # fmt: skip
    """Return signals; a refused one has the rule's code, value and limit, and a sentence."""
    chosen = {Signal.run_id: run, Signal.status: status, Signal.code: code,
              Signal.instrument: instrument, Signal.strategy: strategy}  # fmt: skip
    return await table(
        request, select(Signal), Signal, Signal.signal_id, chosen, since, cursor, limit
    )


@ROUTER.get("/fills", summary="List fills")
async def fills(
    request: Request, run: Word = "", instrument: Word = "", strategy: Word = "",
    since: Moment = "", cursor: Cursor = "", limit: Limit = "100",
) -> Response:  # fmt: skip
    """Return fills, each with its charges and what it realised."""
    chosen = {Fill.run_id: run, Fill.instrument: instrument, Fill.strategy: strategy}
    return await table(request, select(Fill), Fill, Fill.seq, chosen, since, cursor, limit)


@ROUTER.get("/orders/{run}/{order}", summary="Show an order")
async def one(request: Request, run: str, order: Number) -> Response:
    """Return an order with its signal and its fills."""
    services, who, number = services_of(request), who_of(request.scope), int(order)
    async with services.reading() as session:
        await run_of(session, who, run)
        row = await session.get(Order, (run, number))
        if row is None:
            raise not_found()
        signal = await session.get(Signal, (run, number))
        filled = list(await session.scalars(
            select(Fill).where(Fill.run_id == run, Fill.order_id == number).order_by(Fill.seq)
        ))  # fmt: skip
    return answer({
        **show_row(row), "signal": None if signal is None else show_row(signal),
        "fills": [show_row(each) for each in filled],
    })  # fmt: skip


@ROUTER.post("/orders/{run}/{order}/cancel", summary="Cancel an order",
             openapi_extra=takes(Cancelled))  # fmt: skip
async def cancel(request: Request, run: str, order: Number) -> Response:
    """Ask a run to cancel one working order: 200 once it has, 202 while it has not yet."""
    services, who, number = services_of(request), who_of(request.scope), int(order)
    body = await read(request, Cancelled, empty=True)
    async with services.reading() as session:
        await run_of(session, who, run)
        row = await session.get(Order, (run, number))
    if row is None:
        raise not_found()
    if row.status not in WORKING:
        raise ApiError(409, f"the order has ended: {row.status}")
    wanted = Wanted(Verb.CANCEL, run=run, order=number, reason=body.reason)
    status, told = await services.control.give(who, wanted)
    return answer(told, status)


async def table(
    request: Request, query: Any, kind: Any, number: Any, chosen: dict[Any, str], since: str,
    cursor: str, limit: str,
) -> Response:  # fmt: skip
    """Return a page of a projected table, of this owner alone."""
    services, who, count = services_of(request), who_of(request.scope), size(limit)
    query = query.where(kind.owner_id == who.owner)
    for column, word in chosen.items():
        query = query.where(column == word) if word else query
    begin = moment(since)
    query = query if begin is None else query.where(kind.ts >= begin)
    query = behind(query, (kind.ts, kind.run_id, number), decoded(cursor, (int, str, int)))
    async with services.reading() as session:
        rows = list(await session.scalars(query.limit(count + 1)))
    return page(rows, count, show_row, lambda row: (row.ts, row.run_id, getattr(row, number.key)))


def show_row(row: Any) -> dict[str, Any]:
    """Return a row, a refused signal with what it was refused for."""
    found = row_shown(row)
    if isinstance(row, Signal):
        found["sentence"] = sentence(row)
    return found
