"""What of the installation an owner sees who does not run it: how parts are, nobody's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphapanda.api.answers import ApiError
from alphapanda.api.who import Who
from alphapanda.config.settings import Settings

SERVICE = (
    "id", "role", "pid", "state", "age_s", "version", "code", "started_ns", "ts_ns", "cpu",
    "rss_bytes", "memory", "fds", "threads", "loop_lag_s", "disks",
)  # fmt: skip


def runs_it(settings: Settings, who: Who) -> bool:
    """Say if somebody is of the owner whose installation this is."""
    return who.owner == settings.owner_id


def require_runs_it(settings: Settings, who: Who) -> None:
    """Refuse what holds the runs and money of all owners, but to the installation's.

    Raises:
        ApiError: with the reason.
    """
    if not runs_it(settings, who):
        raise ApiError(403, "it shows the runs of all: only the installation's owner may see it")


def health_for(looked: Any) -> Any:
    """Return a look at every part without its texts, which name runs of other owners."""
    if not isinstance(looked, Mapping):
        return looked
    parts = {
        name: {word: part[word] for word in ("state", "must") if word in part}
        for name, part in looked.get("parts", {}).items()
    }
    return {"state": looked.get("state", "unknown"), "parts": parts}


def service_for(each: Mapping[str, Any]) -> dict[str, Any]:
    """Return a process without what it says of runs."""
    return {"run_id": "", "parts": {}, **{name: each[name] for name in SERVICE if name in each}}
