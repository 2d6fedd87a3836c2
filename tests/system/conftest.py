"""What tests of whole processes share with those of topics and tables."""

from tests.projection.conftest import server, settings

__all__ = ["server", "settings"]
