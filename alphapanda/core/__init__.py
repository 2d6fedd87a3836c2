"""The compiled core: rows in, rows out. No clock, no I/O, no randomness."""
