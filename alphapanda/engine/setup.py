"""What a core is made of: its paper market, its strategies, its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from numpy.typing import NDArray

from alphapanda.books.state import Limit
from alphapanda.engine.compiler.declared import Spec
from alphapanda.model.charges import Schedule
from alphapanda.model.instruments import Instrument, Product
from alphapanda.model.limits import LimitSet
from alphapanda.model.rows import LimitFill

Table = NDArray[Any]


CONTROLS = 1024
"""Control rows that one call of the loop takes."""


@dataclass(frozen=True, slots=True)
class Paper:
    """How paper orders are filled. Rates in 1e-7."""

    latency_ns: int = 0
    slippage: int = 0
    slippage_random: int = 0
    seed: int = 7
    limit_fill: LimitFill = LimitFill.THROUGH
    volume_share: int = 10_000_000
    """Of what was traded; 0: unlimited."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One strategy of a run: parameters, the instruments it is bound to, their products."""

    spec: Spec
    arguments: Mapping[str, int | float]
    rows: tuple[int, ...]
    """Instruments; for legs in the order of the legs."""
    products: tuple[Product, ...]
    name: str = ""
    """What the run calls it; empty: by its class's file."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Of its own, over those that hold for every strategy of the run."""
    broker: str = ""
    """Where its orders may go; empty: wherever the run's go."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a core needs to know before its first row."""

    instruments: Sequence[Instrument]
    strategies: Sequence[Enrolment]
    schedule: Schedule
    limits: LimitSet
    first_day: date
    cash: int
    always: bool = False
    paper: Paper = field(default_factory=Paper)
    sizes: Limit = field(default_factory=Limit)
    begin_ns: int = 0
    """Rows before this time feed indicators and bars only."""
    expiries: Mapping[int, int] = field(default_factory=dict)
    """Instrument row to the ns at which it expires."""
    counted_from: int = 0
    """The IST day number of the first row, if P&L is counted in the core (`sizes.days`)."""
    windows: Mapping[str, int] = field(default_factory=dict)
    """By indicator, floats to keep at least: a core that is used again may need longer windows."""
