"""A core as its host holds it: set up, fed, stopped, restored."""
