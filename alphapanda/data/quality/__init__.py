"""What is wrong with market data: one module a family of findings."""
