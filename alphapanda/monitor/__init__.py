"""Watches the platform: heartbeats, health, the pipeline's counts, metrics, alerts."""
