"""Figures, measured beside the numba floor in one run: `make bench`. Prints; never fails on a time."""
