"""From a strategy class to a compiled loop: checked, generated, bound, linked, cached."""
