"""Many combinations of parameters over one market, and walk-forward."""
