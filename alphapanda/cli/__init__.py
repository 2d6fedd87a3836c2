"""The command line: what each of its words does, and how its result is printed."""

from alphapanda.cli.entry import carry_out, main

__all__ = ["carry_out", "main"]
