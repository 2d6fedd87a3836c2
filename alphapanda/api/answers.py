"""Answers of one shape: JSON bytes, errors with a code, a sentence and the request's id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from alphapanda import log
from alphapanda.errors import OutsideError, UsageError

LOG = log.get(__name__)
MOST_FIELDS = 20
CODES = {
    400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found",
    405: "method_not_allowed", 408: "too_slow", 409: "conflict", 413: "too_large",
    415: "unsupported", 422: "invalid", 429: "too_many", 431: "headers_too_large",
    500: "internal", 503: "unavailable",
}  # fmt: skip
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Of pages: no script but the page's own files, and none by a text that becomes markup."""
API_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox"

_ENCODER = msgspec.json.Encoder()


class ApiError(Exception):
    """A refusal that is answered with a status, a code and a sentence."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None,
        fields: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.message = status, message
        self.headers, self.fields = dict(headers or {}), fields


def unavailable(message: str = "the database does not answer") -> ApiError:
    """Return the refusal for want of a server; another try may do."""
    return ApiError(503, message, headers={"Retry-After": "2"})


def not_found() -> ApiError:
    """Return the refusal for what is not there or not yours: both look the same."""
    return ApiError(404, "there is none such")


def answer(
    data: Any, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:  # fmt: skip
    """Return data as JSON."""
    return Response(
        _ENCODER.encode(data), status, media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )  # fmt: skip


def nothing() -> Response:
    """Return the answer that says no more than that it was done."""
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def request_id_of(scope: Scope) -> str:
    """Return the id that a request was given."""
    return str(scope.get("state", {}).get("request_id", ""))


def refusal(scope: Scope, error: ApiError) -> Response:
    """Return a refusal in the one shape of errors."""
    body: dict[str, Any] = {
        "code": CODES.get(error.status, "error"), "message": error.message,
        "request_id": request_id_of(scope),
    }  # fmt: skip
    if error.fields:
        body["fields"] = [{"where": where, "why": why} for where, why in error.fields[:MOST_FIELDS]]
    headers = dict(error.headers)
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="alphapanda"')
    if error.status == 429:
        headers.setdefault("Retry-After", "1")
    return answer({"error": body}, error.status, headers=headers)


async def refuse(scope: Scope, receive: Receive, send: Send, error: ApiError) -> None:
    """Answer a request, or the handshake of a WebSocket, with a refusal."""
    response = refusal(scope, error)
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({
        "type": "websocket.http.response.start", "status": response.status_code,
        "headers": response.raw_headers,
    })  # fmt: skip
    await send({"type": "websocket.http.response.body", "body": bytes(response.body)})


def add_handlers(app: FastAPI) -> None:
    """Have every error of an application answered in the one shape."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return refusal(request.scope, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = {404: "there is none such", 405: "not by this method"}
        message = words.get(error.status_code, "refused")
        headers = dict(error.headers or {})
        return refusal(request.scope, ApiError(error.status_code, message, headers=headers))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = [
            (".".join(map(str, each["loc"]))[:200], str(each["msg"])[:200])
            for each in error.errors()[:MOST_FIELDS]
        ]
        return refusal(request.scope, ApiError(422, "the request is not valid", fields=found))

    async def outside(request: Request, error: Exception) -> Response:
        LOG.warning("not answered for want of a server", error=error)
        return refusal(request.scope, unavailable("a server that is needed does not answer"))

    async def mistaken(request: Request, error: Exception) -> Response:
        LOG.info("refused", error=error)
        return refusal(request.scope, ApiError(422, "refused: the log says why"))

    async def failed(request: Request, error: Exception) -> Response:
        LOG.error("request failed", exc_info=error)
        response = refusal(request.scope, ApiError(500, "a mistake of ours; the log has it"))
        response.headers.update({**SECURITY, "Content-Security-Policy": API_CSP})
        response.headers["X-Request-Id"] = request_id_of(request.scope)
        return response

    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(OutsideError, outside)
    app.add_exception_handler(UsageError, mistaken)
    app.add_exception_handler(Exception, failed)
