"""What faults of the script do to answers of the REST API."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from aiohttp import web

from alphapanda.kitesim.call import Answer, Csv, Page, Redirect
from alphapanda.kitesim.checks import UNLISTED
from alphapanda.kitesim.limits import TOO_MANY
from alphapanda.kitesim.orders import Refusal
from alphapanda.kitesim.script import Fault

TIMED_OUT = Refusal(
    "Order request timed out. Please check the order book and confirm before placing again.",
    "OrderException",
)
HTML = (
    "<html><body><h1>{status}</h1><p>SIMULATOR: a page in the place of an answer</p></body></html>"
)


class CutError(ConnectionError):
    """The connection is cut in the place of an answer."""


def cut(request: web.Request) -> None:
    """Cut a request's connection.

    Raises:
        CutError: always.
    """
    if request.transport is not None:
        request.transport.abort()
    raise CutError


async def before(
    request: web.Request, fault: Fault | None, seed: int
) -> web.Response | Refusal | None:
    """Return what answers in the place of the exchange; None: it may act."""
    if fault is None:
        return None
    if fault.do == "delay":
        await asyncio.sleep(fault.lasts(seed))
        return None
    if fault.do == "cut-before":
        cut(request)
    if fault.do in ("html", "status"):
        return page(fault)
    if fault.do == "too-many":
        return TOO_MANY
    if fault.do == "unlisted-address":
        return Refusal(UNLISTED, "PermissionException", 403)
    return Refusal(fault.text, fault.error_type, fault.status)


def page(fault: Fault) -> web.Response:
    """Return a page in the place of JSON, or a status without one."""
    if fault.do == "status":
        return web.Response(status=fault.status)
    return web.Response(
        status=fault.status, text=HTML.format(status=fault.status), content_type="text/html"
    )


async def after(
    request: web.Request, fault: Fault | None, answer: Answer, seed: int
) -> Answer | web.StreamResponse:
    """Return what a client gets of an answer."""
    if fault is None:
        return answer
    if fault.do == "delay-after":
        await asyncio.sleep(fault.lasts(seed))
    elif fault.do == "cut-after":
        cut(request)
    elif fault.do == "half-body":
        return await half(request, answer)
    return instead_of(answer, fault)


def instead_of(answer: Answer, fault: Fault) -> Answer:
    """Return what stands in the place of an answer."""
    if isinstance(answer, Csv) and fault.do == "empty":
        return Csv(answer.text.partition("\n")[0] + "\n")
    if isinstance(answer, (Refusal, Csv, Page, Redirect)):
        return answer
    rows = answer if isinstance(answer, list) else []
    instead: dict[str, Any] = {
        "timed-out": TIMED_OUT, "empty": [] if isinstance(answer, list) else {},
    }  # fmt: skip
    if fault.do == "error-200":
        return web.json_response({"status": "error", "message": fault.text,
                                  "error_type": fault.error_type, "data": None})  # fmt: skip
    if fault.do == "wrong-type":
        return web.json_response({"status": "success", "data": answer}, content_type="text/plain")
    if fault.do == "shuffle" and rows:
        return shuffled(rows, fault)
    return instead.get(fault.do, answer)


async def half(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Send half of an answer, and cut the connection.

    Raises:
        CutError: always.
    """
    text = web.json_response({"status": "success", "data": answer}).text or ""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(text.encode())
    await response.prepare(request)
    await response.write(text.encode()[: len(text) // 2])
    cut(request)
    return response


def shuffled(rows: list[Any], fault: Fault) -> list[Any]:
    """Return rows in another order, the same for the same script."""
    mixed = list(rows)
    random.Random(f"{fault.number} {fault.used}").shuffle(mixed)  # noqa: S311 (no secret)
    return mixed
