"""The application: its layers, its routes, and the parts that live as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from alphapanda import __version__
from alphapanda.api import middleware
from alphapanda.api.answers import add_handlers
from alphapanda.api.auth import AuthService
from alphapanda.api.control import Control
from alphapanda.api.headers import header
from alphapanda.api.hub import Hub
from alphapanda.api.journal_ticks import JournalTicks
from alphapanda.api.limits import SlidingLog
from alphapanda.api.origins import Origins
from alphapanda.api.pages import Page, pages, serve
from alphapanda.api.permits import orders_log, permitted
from alphapanda.api.repeats import Repeats
from alphapanda.api.routes import (
    alerts,
    auth,
    commands,
    health,
    keys,
    letters,
    logs,
    metrics,
    monitoring,
    orders,
    portfolios,
    risk,
    runs,
    sessions,
    strategies,
    streams,
    system,
    users,
)
from alphapanda.api.services import Monitor, NoMonitor, Part, Services
from alphapanda.config.settings import Settings
from alphapanda.store.database import Database

PARTS = (
    auth, sessions, users, keys, runs, portfolios, orders, strategies, commands, risk, monitoring,
    letters, alerts, logs, system, streams,
)  # fmt: skip
ABOUT = """\
Reads and commands of one installation. Money is decimal strings in rupees, times are ns UTC,
what is not known is null. Lists are newest first; `next` is the cursor of the following page.
Errors are `{"error": {"code", "message", "request_id"}}`, and say which `fields` are not valid.
"""


def create_services(settings: Settings, monitor: Monitor | None = None) -> Services:
    """Return the parts of the API, not yet started; the monitor is another's."""
    database = Database(settings)
    auth_service = AuthService(settings, database)
    hub = Hub(settings, database)
    return Services(
        settings, database, auth_service, monitor or NoMonitor(),
        Control(settings, database), hub, Origins(settings),
        orders_log(settings.api.order_calls), SlidingLog(10, 10),
        Repeats(settings, database),
    )  # fmt: skip


def create_app(
    settings: Settings, *, monitor: Monitor | None = None, more: Sequence[Part] = (),
    found: dict[str, Page] | None = None,
) -> FastAPI:  # fmt: skip
    """Return the application; its lifespan starts everything, and a failure there is fatal.

    `more` are parts that start behind the monitor; `found` are the files of the page.

    Raises:
        UsageError: if a setting of it may not be.
        OutsideError: if the page's files are not as they were released.
    """
    services = create_services(settings, monitor)
    services.more.extend([JournalTicks(services.hub, services.control.runs), *more])
    services.hub.monitor, services.hub.auth = services.monitor, services.auth
    services.hub.local_owner = services.control.runs.owner_of

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with services.running():
            yield

    app = FastAPI(
        title="Alpha Panda", version=__version__, description=ABOUT, lifespan=lifespan,
        docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(permitted)],
        redirect_slashes=False,
    )  # fmt: skip
    app.state.services = services
    add_handlers(app)
    add_layers(app, services)
    app.include_router(health.ROUTER)
    app.include_router(metrics.ROUTER)
    for part in PARTS:
        app.include_router(part.ROUTER)
    if settings.api.docs:
        app.add_api_route("/openapi.json", document, include_in_schema=False)
    add_pages(app, pages() if found is None else found)
    return app


def add_layers(app: FastAPI, services: Services) -> None:
    """Put the layers around the routes; the last that is added is outermost."""
    settings, origins = services.settings, services.origins
    app.add_middleware(middleware.LimitedByUser, settings=settings)
    app.add_middleware(middleware.Authenticated, auth=services.auth, origins=origins)
    app.add_middleware(middleware.LimitedByAddress, settings=settings)
    app.add_middleware(middleware.SecurityHeaders)
    app.add_middleware(
        CORSMiddleware, allow_origins=list(origins.given), allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Content-Type", "X-CSRF-Token", "Idempotency-Key"],
    )  # fmt: skip
    app.add_middleware(middleware.Guard, settings=settings, origins=origins)
    app.add_middleware(middleware.Identified)


def add_pages(app: FastAPI, found: dict[str, Page]) -> None:
    """Serve the page's files, behind all other routes."""

    async def page(request: Request, name: str) -> Response:
        """Return a file of the page."""
        return serve(found, name, header(request.scope, "if-none-match"))

    app.add_api_route("/{name:path}", page, methods=["GET"], include_in_schema=False)


async def document(request: Request) -> Any:
    """Return the OpenAPI document."""
    return request.app.openapi()
