"""Commands of an operator: the closed list of verbs."""

from __future__ import annotations

from enum import StrEnum

from alphapanda.model.rows import Control


class Verb(StrEnum):
    """What an operator may ask of a running core (docs/adr/017)."""

    KILL = "kill"
    REARM = "rearm"
    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"
    CANCEL = "cancel"
    ADOPT = "adopt"
    """An order that the broker has becomes a strategy's (docs/adr/051)."""

    @property
    def control(self) -> Control:
        """The kind of control row that carries it."""
        return Control[self.name]


class Choice(StrEnum):
    """What an operator may decide about orders at a broker: it is no matter of the core's."""

    IGNORE = "ignore"
    """An order in quarantine is somebody else's."""
    RESUME = "resume"
    """What halted all placing is mended."""
