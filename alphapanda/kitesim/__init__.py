"""A Kite-compatible exchange on loopback: REST, login page and ticker, on recorded prices."""
