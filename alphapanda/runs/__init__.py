"""Composition, one module a process: the only place where the core meets files and clocks."""
