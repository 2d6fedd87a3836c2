"""One API for a module's tests, with two owners who know nothing of each other."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator

import pytest

from alphapanda.store.base import Base
from alphapanda.store.people import Alert
from alphapanda.store.trading import Fill, Order, PnlSnapshot, Position, Run, Signal, Stage
from tests.store.rows import GOOD
from tests.support.api import WIDE, Browser, Serving, serving, settings_of
from tests.support.servers import databases

MINE, OTHERS = "default", "others"
KINDS: tuple[type[Base], ...] = (
    Run, Signal, Order, Fill, Position, PnlSnapshot, Stage, Alert,
)  # fmt: skip


@pytest.fixture(scope="session")
def template(templates: databases.Templates) -> databases.Templates:
    """Return the migrated SQLite database that others are copied from."""
    templates.made("")
    return templates


@pytest.fixture(scope="session")
def api(
    tmp_path_factory: pytest.TempPathFactory, template: databases.Templates
) -> Iterator[Serving]:
    """Return an API with users of two owners and a run of each; a test leaves it as it was."""
    folder = tmp_path_factory.mktemp("api")
    shutil.copy(template.folder / databases.FILE, folder / databases.FILE)
    with serving(settings_of(folder, api=WIDE)) as made:
        for owner in (MINE, OTHERS):
            for role in ("admin", "trader", "viewer"):
                made.add_user(f"{role}-{owner}", role, owner)
            made.save(*rows_of(owner))
        made.do(made.server.services.hub.look())
        yield made


def rows_of(owner: str) -> list[Base]:
    """Return a run of an owner, `run-OWNER`, with a row of every kind."""
    of = {"owner_id": owner, "account_id": owner, "run_id": f"run-{owner}"}
    found = []
    for kind in KINDS:
        values = {**GOOD[kind], **{name: of[name] for name in of if name in GOOD[kind]}}
        values |= {name: uuid.uuid4() for name in ("id", "event_id") if name in values}
        if kind is Alert:
            values["run_id"] = of["run_id"]
        if kind is Order:
            values["client_order_id"] = f"{owner}-1"
        if kind is Run:
            values["seq"] = 4
            values["manifest"] = {"options": {"limits": "default"}, "code": "abc"}
        found.append(kind(**values))
    return found


@pytest.fixture(scope="session")
def browsers(api: Serving) -> dict[str, Browser]:
    """Return a page for each user."""
    roles = ("admin", "trader", "viewer")
    return {
        f"{role}-{owner}": api.log_in(f"{role}-{owner}")
        for owner in (MINE, OTHERS) for role in roles
    }  # fmt: skip


@pytest.fixture
def admin(browsers: dict[str, Browser]) -> Browser:
    """Return the page of the first owner's admin."""
    return browsers[f"admin-{MINE}"]
