"""Figures, measured beside the numba floor in one run: `make bench`."""
