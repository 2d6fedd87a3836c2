"""Whether a result can be trusted: look-ahead, warm-up, and worse fills."""
