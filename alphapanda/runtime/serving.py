"""The API as a process: it serves until it is asked to stop."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import Any

from alphapanda import log
from alphapanda.brokers.pacing import NAP_S
from alphapanda.config.settings import Settings
from alphapanda.engine.compiler.program import package_sources
from alphapanda.errors import UsageError
from alphapanda.monitor.beating import Heartbeat
from alphapanda.runs.stopping import orderly
from alphapanda.runtime.lifecycle import Parts
from alphapanda.runtime.parts import Role, Wanted


def serve(wanted: Wanted, settings: Settings, parts: Parts, stack: ExitStack) -> dict[str, Any]:
    """Serve the API until Ctrl-C or SIGTERM; never beside what trades.

    Raises:
        UsageError: for anything else that this process is to do.
        OutsideError: if it can't begin, or has ended.
    """
    if wanted.roles != {Role.API} or wanted.strategies or wanted.feed or wanted.given or wanted.out:
        raise UsageError("--role api alone serves; what trades is a process of its own")
    log.start(settings)
    server = server_of(settings)
    beat = Heartbeat(settings, str(Role.API), code=package_sources().hex(), parts={"api": server})
    parts.start(server)
    parts.start(beat)
    sys.stderr.write(f"the API is at {server.address}; Ctrl-C stops\n")
    with orderly() as asked:
        while not asked():
            parts.check(server.health)
            time.sleep(NAP_S)
    return {"address": server.address}


def server_of(settings: Settings) -> Any:
    """Return the server of the API.

    Raises:
        UsageError: if its packages are not installed.
    """
    try:
        from alphapanda.api.server import ApiServer  # noqa: PLC0415 (FastAPI)
        from alphapanda.monitor.observing import Monitor  # noqa: PLC0415 (Prometheus' client)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the API needs the package {error.name}: pip install 'alphapanda[api]'"
        ) from None
    return ApiServer(settings, monitor=Monitor(settings))
