"""The run's journal: what went into its core and what came out, on disk before anything acts on it.

One append-only file a run (docs/adr/012). `records` knows frames and damage, `packing` batches,
`journal` what they mean.
"""
