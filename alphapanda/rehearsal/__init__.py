"""A rehearsal: live trading against the simulated exchange, and its ledger against our journal."""
