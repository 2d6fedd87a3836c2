"""Orders at Zerodha: sent once, followed in the order book, reported, reconciled (docs/adr/033)."""
