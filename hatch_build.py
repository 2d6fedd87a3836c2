"""Puts migrations and strategies into the package, but not where the repository is installed."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INSIDE = ("migrations", "strategies")


class Inside(BuildHookInterface[Any]):
    """Adds folders of the repository to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them, unless the repository itself is installed."""
        if version != "editable":
            build_data["force_include"].update({name: f"alphapanda/{name}" for name in INSIDE})
