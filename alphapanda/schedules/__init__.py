"""Notebooks at their times, run by papermill; what came of them, under `runs/schedule/`."""
