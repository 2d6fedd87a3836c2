"""All tables in one place, for whoever needs every one of them."""

from __future__ import annotations

from alphapanda.store import access, market, people, trading
from alphapanda.store.base import Base

METADATA = Base.metadata
MODULES = (access, market, people, trading)
