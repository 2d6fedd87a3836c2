"""Shipped numbers: limits of the risk gate, margins."""
