"""Processes that live while something trades: their roles, their parts, paper trading."""
