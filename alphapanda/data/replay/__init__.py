"""Recorded rows, read in order: files surveyed, checked, joined and cut into batches."""
