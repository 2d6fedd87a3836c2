"""Notebooks that explore, watch and steer."""
