"""The books of a core: its orders, positions and money, and every way they change."""
