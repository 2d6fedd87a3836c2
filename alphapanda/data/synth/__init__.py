"""Made-up sessions to learn and test on."""
