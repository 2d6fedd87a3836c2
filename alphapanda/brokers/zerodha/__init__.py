"""Zerodha by Kite Connect: all that is peculiar to it stops here."""
