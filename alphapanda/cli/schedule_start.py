"""`alphapanda schedule start`: the scheduler."""

from __future__ import annotations

import sys

from alphapanda import config
from alphapanda.runtime.parts import Role, Wanted
from alphapanda.runtime.roles import carry_out


def schedule_start() -> None:
    """Run notebooks at their times, until Ctrl-C."""
    settings = config.load()
    sys.stderr.write(f"schedules of {settings.schedules_dir} run at their times; Ctrl-C stops\n")
    carry_out(Wanted([], {}, [], frozenset({Role.SCHEDULE})), settings)
