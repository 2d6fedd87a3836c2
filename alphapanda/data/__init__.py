"""Market data: recorded, generated and instrument files, read into rows for the core."""
