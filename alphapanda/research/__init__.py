"""Results: statistics, tables, run directories."""
