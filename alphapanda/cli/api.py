"""`alphapanda api`: the API and the page, in a process of their own."""

from __future__ import annotations

from typing import Annotated, Any

from alphapanda import config
from alphapanda.cli.flags import option
from alphapanda.runtime.parts import Role, Wanted
from alphapanda.runtime.roles import carry_out


def api(
    host: Annotated[
        str | None, option("--host", metavar="ADDRESS", text="Where it listens. (default: "
                           "setting api.host, 127.0.0.1)")
    ] = None,
    port: Annotated[
        int | None, option("--port", metavar="N", text="Its port, 0 for a free one. (default: "
                           "setting api.port, 8000)")
    ] = None,
) -> None:  # fmt: skip
    """Serve the API and its page, until Ctrl-C; first make a user: users add NAME --role admin."""
    settings = config.load()
    said: dict[str, Any] = {"host": host, "port": port}
    chosen = {name: value for name, value in said.items() if value is not None}
    served = settings.api.model_copy(update=chosen)
    wanted = Wanted((), {}, (), roles=frozenset({Role.API}))
    carry_out(wanted, settings.model_copy(update={"api": served}))
