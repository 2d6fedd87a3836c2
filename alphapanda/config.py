"""Where things lie: base folder, runs, cache; from the environment, absolute paths."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Config:
    """Folders of this installation."""

    base_dir: Path
    """ALPHAPANDA_BASE_DIR: holds strategies/, runs/, data/; the current folder by default."""
    cache_dir: Path
    """ALPHAPANDA_CACHE_DIR: compiled loops."""

    @property
    def runs_dir(self) -> Path:
        """Where runs are written."""
        return self.base_dir / "runs"

    @property
    def data_dir(self) -> Path:
        """The catalogue of market data."""
        return self.base_dir / "data"

    @property
    def mappings_dir(self) -> Path:
        """Where mappings of columns are kept by name."""
        return self.base_dir / "mappings"

    @property
    def strategies_dir(self) -> Path:
        """Where strategies are found by name."""
        return self.base_dir / "strategies"


def load() -> Config:
    """Read the environment."""
    base = os.environ.get("ALPHAPANDA_BASE_DIR") or "."
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    cache = os.environ.get("ALPHAPANDA_CACHE_DIR") or f"{home}/alphapanda"
    return Config(*(Path(path).expanduser().absolute() for path in (base, cache)))
