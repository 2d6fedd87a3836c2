"""Where market rows come from and where orders go: the ports, and what stands behind each."""
