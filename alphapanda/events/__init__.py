"""The wire: events, their envelopes and their topics."""
