"""structlog without Twisted, which it loads wherever that is installed: 0.15 s of every start."""

from __future__ import annotations

import importlib
import sys

TWISTED = "structlog.twisted"
"""A part of it that nobody here uses; a name that stands for no module can't be imported."""

if "structlog" not in sys.modules:
    sys.modules[TWISTED] = None  # type: ignore[assignment]
    importlib.import_module("structlog")
    del sys.modules[TWISTED]
