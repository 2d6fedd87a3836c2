"""The command line: what each of its words does, and how its result is printed."""

from alphapanda.cli.entry import main, status

__all__ = ["main", "status"]
